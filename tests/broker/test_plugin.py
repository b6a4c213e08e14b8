"""The broker plugin on a real Mosquitto: who may connect, publish and subscribe, and what nodes may change."""

import base64
import hashlib
import json
import time

import paho.mqtt.client as mqtt
import pytest
from nacl.signing import SigningKey

from conftest import CONTROL, NODE_1, NODE_2, Admin, credentials, grant, wait_until

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def did_of(key: SigningKey) -> str:
    number, text = int.from_bytes(b"\xed\x01" + bytes(key.verify_key), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "did:key:z" + text


def test_a_granted_pair_of_clients_exchanges_messages(broker):
    admin = Admin(broker)
    device, application = grant("device-1", publish=["in/abc"]), grant("app-1", subscribe=["out/xyz"])
    assert [a["ok"] for a in admin.control(device, application)] == [True, True]
    sender, receiver = broker.client(credentials(device)), broker.client(credentials(application))
    assert receiver.subscribe("out/xyz")
    assert admin.event() == {"event": "attached", "username": "app-1"}
    assert admin.client.subscribe("in/abc")
    sender.publish("in/abc", "21.5")
    assert admin.client.receive() == ("in/abc", b"21.5")
    admin.client.publish("out/xyz", "wrapped")
    assert receiver.receive() == ("out/xyz", b"wrapped")


def test_wrong_and_missing_passwords_are_refused(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    for attempt in [("device-1", "wrong-password-0123456"), ("device-1", ""), ("device-1", None), ("nobody", device["password"]),
                    (NODE_1[0], "not-the-password-of-it"), (NODE_1[0], NODE_2[1])]:
        assert broker.client(attempt).code != 0, attempt
    assert broker.client(credentials(device)).code == 0


def test_a_granted_client_is_held_to_its_own_topics(broker):
    admin = Admin(broker)
    device, application = grant("device-1", publish=["in/abc"]), grant("app-1", subscribe=["out/xyz"])
    admin.control(device, application)
    admin.client.subscribe("in/abc"), admin.client.subscribe("in/other"), admin.client.subscribe("out/xyz")
    sender, receiver = broker.client(credentials(device)), broker.client(credentials(application))
    for topic in ("in/abc", "in/#", "#", "+/abc", "out/xyz", "devices/abc", "$SYS/#", "$share/g/out/xyz", "$CONTROL/agiddi/v1/response"):
        assert not sender.subscribe(topic), topic
    for topic in ("in/abc", "out/#", "#", "$share/g/out/xyz", "out/+", "devices/abc"):
        assert not receiver.subscribe(topic), topic
    for topic in ("in/other", "out/xyz", "devices/abc"):
        sender.publish(topic, "stray")
    receiver.publish("out/xyz", "forged")
    sender.publish("in/abc", b"x" * 70000)
    sender.publish("in/abc", "retained", retain=True)
    sender.publish("in/abc", "good")
    assert admin.client.receive() == ("in/abc", b"good")
    assert admin.client.receive(0.3) is None


def test_clients_without_a_name_use_single_command_topics_only(broker):
    first, second = broker.client(), broker.client()
    assert first.code == 0
    assert first.subscribe("devices/0123456789abcdef")
    for topic in ("#", "devices/#", "devices/+", "devices/a/+", "devices", "devices/", "in/abc", "out/abc", "$SYS/broker/version",
                  "$share/g/devices/x", "$CONTROL/agiddi/v1"):
        assert not second.subscribe(topic), topic
    second.publish("devices/0123456789abcdef", "start")
    assert first.receive() == ("devices/0123456789abcdef", b"start")
    admin = Admin(broker)
    assert admin.client.subscribe("in/abc")
    second.publish("in/abc", "forged")
    assert admin.client.receive(0.3) is None


def test_nodes_cannot_listen_with_wildcards(broker):
    admin = Admin(broker)
    for topic in ("#", "in/#", "out/+", "$SYS/#", "devices/#"):
        assert not admin.client.subscribe(topic), topic
    assert admin.client.subscribe("in/one-topic")


def test_only_nodes_may_command_the_plugin(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    intruder = grant("intruder", publish=["in/abc"], subscribe=["out/xyz"])
    for client in (broker.client(), broker.client(credentials(device))):
        client.publish(CONTROL, json.dumps([intruder, {"command": "reset"}]))
        assert client.receive(0.2) is None
    assert broker.client(credentials(intruder)).code != 0
    assert broker.client(credentials(device)).code == 0
    assert admin.control({"command": "status"})[0]["grants"] == 1


def test_revocation_closes_the_connection_at_once(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    first, second = broker.client(credentials(device)), broker.client(credentials(device))
    bystander = broker.client()
    started = time.monotonic()
    assert admin.control({"command": "revoke", "username": "device-1"})[0]["ok"]
    wait_until("both are disconnected", lambda: first.ended is not None and second.ended is not None)
    assert time.monotonic() - started < 1
    assert broker.client(credentials(device)).code != 0
    assert bystander.ended is None
    assert not admin.control({"command": "revoke", "username": "device-1"})[0]["ok"]


def test_a_grant_ends_when_it_expires(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"], seconds=1.2)
    admin.control(device)
    client = broker.client(credentials(device))
    assert client.code == 0
    started = time.monotonic()
    wait_until("it is disconnected", lambda: client.ended is not None, 5)
    assert 0.5 < time.monotonic() - started < 3
    assert broker.client(credentials(device)).code != 0
    assert admin.control({"command": "status"})[0]["grants"] == 0


def test_a_changed_password_ends_the_former_connections(broker):
    admin = Admin(broker)
    old = grant("app-1", subscribe=["out/one"])
    admin.control(old)
    client = broker.client(credentials(old))
    admin.control(old)
    time.sleep(0.2)
    assert client.ended is None, "the same grant again leaves connections open"
    new = grant("app-1", subscribe=["out/two"], password="another-password-0123456")
    admin.control(new)
    wait_until("the former connection ends", lambda: client.ended is not None)
    assert broker.client(credentials(old)).code != 0
    assert broker.client(credentials(new)).subscribe("out/two")


def test_attached_and_detached_are_told_to_the_owner(broker):
    admin, other = Admin(broker), Admin(broker, NODE_2)
    other.control({"command": "status"})
    application = grant("app-1", subscribe=["out/xyz"])
    assert admin.control(application)[0]["attached"] is False
    first = broker.client(credentials(application))
    assert admin.event(0.2) is None, "connected is not yet attached"
    first.subscribe("out/xyz")
    assert admin.event() == {"event": "attached", "username": "app-1"}
    second = broker.client(credentials(application))
    second.subscribe("out/xyz")
    assert admin.event(0.2) is None
    first.close()
    assert admin.event(0.2) is None, "the second one still listens"
    assert admin.control(application)[0]["attached"] is True
    second.unsubscribe("out/xyz")
    assert admin.event() == {"event": "detached", "username": "app-1"}
    second.subscribe("out/xyz")
    assert admin.event() == {"event": "attached", "username": "app-1"}
    second.close()
    assert admin.event() == {"event": "detached", "username": "app-1"}
    assert other.event(0.2) is None


def test_nodes_do_not_touch_each_others_grants(broker):
    one, two = Admin(broker), Admin(broker, NODE_2)
    device = grant("device-1", publish=["in/abc"])
    assert one.control(device)[0]["ok"]
    for command in (grant("device-1", publish=["in/stolen"]), {"command": "revoke", "username": "device-1"}):
        assert not two.control(command)[0]["ok"]
    assert two.control({"command": "reset"})[0] == {"ok": True, "ended": 0}
    assert broker.client(credentials(device)).code == 0
    assert not one.control(grant("node-2", publish=["in/abc"]))[0]["ok"]


def test_a_node_that_comes_back_keeps_what_it_names_again(broker):
    admin = Admin(broker)
    kept, dropped = grant("kept", publish=["in/kept"]), grant("dropped", publish=["in/dropped"])
    admin.control(kept, dropped)
    stays, goes = broker.client(credentials(kept)), broker.client(credentials(dropped))
    admin.client.close()
    again = Admin(broker)
    answers = again.control({"command": "sync"}, kept, {"command": "synced", "id": "7"})
    assert {name: answers[-1][name] for name in ("ok", "ended", "id")} == {"ok": True, "ended": 1, "id": "7"}
    wait_until("the forgotten one is disconnected", lambda: goes.ended is not None)
    assert stays.ended is None


def test_after_a_restart_nothing_is_granted_until_the_node_says_so(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    broker.stop()
    broker.start()
    assert broker.client(credentials(device)).code != 0
    Admin(broker).control({"command": "sync"}, device, {"command": "synced"})
    assert broker.client(credentials(device)).code == 0


@pytest.mark.parametrize("payload", [
    "", "not json", "{}", "[]", "null", "7", '"x"', "[" * 100, '[{"command":"grant"', "\0", b"\xff\xfe", '[{"command":"status"}] x',
    json.dumps([{"command": "status"}] * 1001), "[" + "7," * 100000 + "7]", '[{"a":1,"a":2}]'], ids=range(15))
def test_what_is_no_list_of_commands_changes_nothing(broker, payload):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    answer = admin.raw(payload)
    assert answer["ok"] is False and answer["detail"]
    assert admin.control({"command": "status"})[0]["own"] == 1
    assert broker.client(credentials(device)).code == 0


@pytest.mark.parametrize("command", [
    7, [], None, {}, {"command": 7}, {"command": "explode"}, {"command": "status", "extra": 1}, {"command": "grant"}, {"command": "revoke"},
    {"command": "revoke", "username": "nobody"}, {"command": "revoke", "username": {"a": 1}},
    grant("user", publish=["in/a"], password="short"), grant("user", publish=["in/a"], password="x" * 257), grant("user"),
    grant("", publish=["in/a"]), grant("a b", publish=["in/a"]), grant("x" * 65, publish=["in/a"]), grant("user", publish=["in/#"]),
    grant("user", publish=["in/+/b"]), grant("user", subscribe=["#"]), grant("user", publish=["devices/a"]), grant("user", publish=["$CONTROL/x"]),
    grant("user", publish=["in/"]), grant("user", publish=["in/" + "x" * 300]), grant("user", publish=[f"in/{i}" for i in range(9)]),
    grant("user", publish=["in/a"], seconds=-1), grant("user", publish=["in/a"], extra=True),
    {**grant("user", publish=["in/a"]), "expires": "tomorrow"}, {**grant("user", publish=["in/a"]), "expires": 999999999999999},
    {**grant("user", publish=["in/a"]), "publish": "in/a"}, {**grant("user", publish=["in/a"]), "publish": [1]}])
def test_a_bad_command_is_refused_and_the_others_stand(broker, command):
    admin = Admin(broker)
    answers = admin.control(command, grant("good", publish=["in/good"]))
    assert [a["ok"] for a in answers] == [False, True], answers
    assert answers[0]["detail"]


def test_the_table_is_bounded(unstarted_broker):
    unstarted_broker.options = "plugin_opt_grants_max 3"
    broker = unstarted_broker.start()
    admin = Admin(broker)
    answers = admin.control(*[grant(f"user-{i}", publish=["in/a"]) for i in range(5)])
    assert [a["ok"] for a in answers] == [True, True, True, False, False]
    assert admin.control(grant("user-0", publish=["in/b"]))[0]["ok"], "replacing needs no room"


def test_connections_of_one_grant_are_bounded_and_come_back(broker):
    admin = Admin(broker)
    device = grant("device-1", publish=["in/abc"])
    admin.control(device)
    clients = [broker.client(credentials(device)) for _ in range(16)]
    assert all(c.code == 0 for c in clients)
    assert broker.client(credentials(device)).code != 0
    for client in clients:
        client.close()
    wait_until("the broker has noticed", lambda: admin.control({"command": "status"})[0]["connections"] == 0)
    assert broker.client(credentials(device)).code == 0


def test_nobody_without_a_name_when_so_configured(unstarted_broker):
    unstarted_broker.options = "plugin_opt_anonymous none"
    broker = unstarted_broker.start()
    assert broker.client().code != 0
    assert broker.client(NODE_1).code == 0


@pytest.mark.parametrize("content,mode,options", [
    ("", 0o600, ""), ("node-1\n", 0o600, ""), ("node-1:short\n", 0o600, ""), ("node-1:password-of-node-1\n", 0o644, ""),
    ("node-1:password-of-node-1\nnode-1:password-of-node-1\n", 0o600, ""), ("a b:password-of-node-1\n", 0o600, ""),
    ("node-1:password-of-node-1\n", 0o600, "plugin_opt_grants_max many"), ("node-1:password-of-node-1\n", 0o600, "plugin_opt_anonymous yes"),
    ("node-1:password-of-node-1\n", 0o600, "plugin_opt_admin x")])
def test_the_broker_does_not_start_with_unusable_options(unstarted_broker, content, mode, options):
    unstarted_broker.admins.write_text(content)
    unstarted_broker.admins.chmod(mode)
    unstarted_broker.options = options
    unstarted_broker.start(wait=False)
    wait_until("the broker gives up", lambda: unstarted_broker.process.poll() is not None)
    log = unstarted_broker.log.read_text()
    assert unstarted_broker.process.returncode != 0 and "agiddi:" in log
    assert "password-of-node-1" not in log


def token(key, audience="net-1", subject="device-1", issued=0, lifetime=60, algorithm="EdDSA", **more):
    """A JWT made by hand, so that the plugin is not checked against the project's own code."""
    now = int(time.time()) + issued
    claims = {"aud": audience, "sub": subject, "iat": now, "exp": now + lifetime, **more}
    text = ".".join(b64u(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    return text + "." + b64u(key.sign(text.encode()).signature)


def key_grant(key, username="device-1", audience="net-1", **more):
    made = grant(username, publish=["in/abc"], key=did_of(key), audience=audience, **more)
    del made["password"]
    return made


def test_a_device_logs_in_with_a_token_that_its_key_signed(broker):
    admin, key, other = Admin(broker), SigningKey.generate(), SigningKey.generate()
    assert admin.control(key_grant(key))[0]["ok"]
    admin.client.subscribe("in/abc")
    for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
        sender = broker.client(("device-1", token(key)), protocol=protocol)
        assert sender.code == 0
        sender.publish("in/abc", "21.5")
        assert admin.client.receive() == ("in/abc", b"21.5")
    stolen = token(key)
    refused = [token(other), token(key, audience="net-2"), token(key, subject="device-2"), token(key, issued=-300), token(key, lifetime=7200), token(key, issued=300),
               token(key, algorithm="none"), stolen[:-1], stolen + "A", stolen.rsplit(".", 1)[0] + ".", "secret-of-device-1-0123456789", "", None, "x" * 30000]
    for attempt in refused:
        assert broker.client(("device-1", attempt)).code != 0, attempt
    # A token is for the user name that it names, and for no grant with a password.
    assert admin.control(grant("device-2", publish=["in/abc"]))[0]["ok"]
    assert broker.client(("device-2", token(key, subject="device-2"))).code != 0
    assert broker.client(("node-1", token(key, subject="node-1"))).code != 0


def test_another_key_ends_connections_and_the_same_keeps_them(broker):
    admin, key, other = Admin(broker), SigningKey.generate(), SigningKey.generate()
    command = key_grant(key)
    admin.control(command)
    sender = broker.client(("device-1", token(key)))
    assert sender.code == 0
    admin.control(command)
    sender.publish("in/abc", "still here")
    assert sender.ended is None
    admin.control(key_grant(other))
    wait_until("the device was disconnected", lambda: sender.ended is not None)
    assert broker.client(("device-1", token(key))).code != 0
    assert broker.client(("device-1", token(other))).code == 0


def test_grants_with_a_bad_key_are_refused(broker):
    admin, key = Admin(broker), SigningKey.generate()
    for bad in ({"key": "did:key:zabc"}, {"key": did_of(key) + "x"}, {"key": 1}, {"audience": ""}, {"audience": "x" * 129}, {"password": "a-password-as-well-0123"}):
        assert not admin.control({**key_grant(key), **bad})[0]["ok"], bad
    without = key_grant(key)
    del without["audience"]
    assert not admin.control(without)[0]["ok"]
    assert admin.control({"command": "status"})[0]["grants"] == 0


def password_grant(password, username="device-1", salt="salt-0123456789abcdef", **more):
    made = grant(username, publish=["in/abc"], salt=salt, proof=hashlib.blake2b(b"agiddi/device-password/1\0" + b"\0".join(part.encode() for part in (salt, username, password)),
                                                                                 digest_size=32).hexdigest(), **more)
    del made["password"]
    return made


def test_a_device_logs_in_with_the_password_that_its_provider_chose(broker):
    admin = Admin(broker)
    assert admin.control(password_grant("correct horse"))[0]["ok"]
    admin.client.subscribe("in/abc")
    for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
        sender = broker.client(("device-1", "correct horse"), protocol=protocol)
        assert sender.code == 0
        sender.publish("in/abc", "21.5")
        assert admin.client.receive() == ("in/abc", b"21.5")
    assert not sender.subscribe("in/abc")
    command = password_grant("correct horse")
    for attempt in ("correct horsf", command["proof"], command["salt"], "", None):
        assert broker.client(("device-1", attempt)).code != 0, attempt
    # The same again keeps connections, another password ends them.
    assert admin.control(password_grant("correct horse"))[0]["ok"]
    sender.publish("in/abc", "22.5")
    assert admin.client.receive() == ("in/abc", b"22.5")
    assert admin.control(password_grant("another horse"))[0]["ok"]
    wait_until("the connection ends", lambda: sender.ended is not None)


def test_guesses_of_a_chosen_password_are_slowed_and_its_device_is_not_kept_out(broker):
    admin = Admin(broker)
    assert admin.control(password_grant("correct horse"), password_grant("correct horse", "device-2"))[0]["ok"]
    codes = [broker.client(("device-1", f"guess-number-{i:03}")).code for i in range(5)]
    assert all(codes)
    assert broker.client(("device-1", "correct horse")).code != 0     # not even looked at
    assert broker.client(("device-2", "correct horse")).code == 0     # each grant by itself
    assert all(broker.client(("device-2", f"guess-number-{i:03}")).code for i in range(5))   # from the address that was let in: as many
    assert broker.client(("device-2", "correct horse")).code != 0
    attempts = []

    def let_in():
        if attempts and time.monotonic() - attempts[-1] < 1:
            return False
        attempts.append(time.monotonic())
        return broker.client(("device-1", "correct horse")).code == 0

    wait_until("a try has come back", let_in, 30)


def test_grants_with_a_bad_proof_are_refused(broker):
    admin, good = Admin(broker), password_grant("correct horse")
    for bad in ({"proof": "abc"}, {"proof": good["proof"].upper().replace("1", "A")}, {"proof": 1}, {"salt": "short"}, {"salt": "x" * 257}, {"password": "a-password-as-well-0123"},
                {"key": did_of(SigningKey.generate()), "audience": "net-1"}):
        assert not admin.control({**good, **bad})[0]["ok"], bad
    assert not admin.control({name: value for name, value in good.items() if name != "salt"})[0]["ok"]
    assert admin.control({"command": "status"})[0]["grants"] == 0


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
@pytest.mark.parametrize("by", ["itself", "another user", "nobody"])
def test_the_will_of_a_connection_that_is_taken_over_is_not_published(broker, protocol, by):
    admin = Admin(broker)
    device, other = grant("device-1", publish=["in/abc"]), grant("device-2", publish=["in/other"])
    admin.control(device, other)
    admin.client.subscribe("in/abc")
    first = broker.client(credentials(device), client_id="the-same", protocol=protocol, connect=False)
    first.mqtt.will_set("in/abc", "99.5", 1)
    first.connect()
    assert first.code == 0
    second = broker.client({"itself": credentials(device), "another user": credentials(other), "nobody": None}[by], client_id="the-same", protocol=protocol)
    assert second.code == 0
    wait_until("the first has gone", lambda: first.ended is not None)
    third = broker.client(credentials(device))
    third.publish("in/abc", "1")
    seen = []
    while not seen or seen[-1] != ("in/abc", b"1"):
        seen.append(admin.client.receive())
        assert seen[-1], seen
    assert [message for message in seen if message[0] == "in/abc"] == [("in/abc", b"1")]
    told = [json.loads(body) for topic, body in seen if topic.endswith("/events")]
    # Taken over by itself it is there; by another its connection broke.
    assert [(event["event"], event["username"]) for event in told] == ([] if by == "itself" else [("lost", "device-1"), ("back", "device-1")])
