"""Devices that log in at the broker by a JWT that their registered key signed, or by the password that their owner chose: the project's own device, and one made of paho and PyNaCl."""

import json
import os
import secrets
import subprocess
import time
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from client import Identity, b64u, binary, device, wait_until
from conftest import READINGS
from test_access import check_measurement, integrate, measurements


def registered(cluster, topic, key, **more):
    sealed = cluster.nodes[0].seal({"endpoint": cluster.broker, "topic": topic, "deviceKey": key.did, **more}, cluster.provider.did)
    document = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perKilobyte": "0.10"}, access={"protocol": "mqtt", "sealed": sealed})
    return cluster.register(document)[0]["id"]


def jwt(key, audience, subject, lifetime=60, issued=0, algorithm="EdDSA"):
    now = int(time.time()) + issued
    text = ".".join(b64u(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, {"aud": audience, "sub": subject, "iat": now, "exp": now + lifetime}))
    return text + "." + b64u(key.key.sign(text.encode()).signature)


def connected(broker, username, password, version):
    codes, address = [], urlsplit(broker)
    client = mqtt.Client(protocol=version)
    client.username_pw_set(username, password)
    client.reconnect_delay_set(60, 60)
    client.on_connect = lambda c, u, f, code, p=None: codes.append(int(code.value) if hasattr(code, "value") else int(code))
    client.connect(address.hostname, address.port)
    client.loop_start()
    wait_until("the broker answers", lambda: codes)
    return client, codes[0]


class ForeignDevice:
    """A device that is none of ours: it listens on its command topic, and logs in as it is told."""

    def __init__(self, cluster, topic, version):
        self.cluster, self.version, self.commands, subscribed = cluster, version, [], []
        listener = mqtt.Client(protocol=version)
        listener.on_subscribe = lambda *_: subscribed.append(1)
        listener.on_message = lambda c, u, message: self.commands.append(json.loads(message.payload))
        address = urlsplit(cluster.broker)
        listener.connect(address.hostname, address.port)
        listener.loop_start()
        listener.subscribe(topic, 1)
        self.clients = [listener]
        wait_until("it listens", lambda: subscribed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.disconnect()
            client.loop_stop()

    def sold(self, urn):
        """Buys it, and gives the start command that follows."""
        self.urn, self.made = urn, integrate(self.cluster, self.cluster.pay(urn, kilobytes=1), [urn]).json
        self.command = wait_until("the start command", lambda: self.commands and self.commands[0])
        return self.command

    def is_let_in(self, password):
        client, code = connected(self.command["broker"], self.command["username"], password, self.version)
        self.clients.append(client)
        return code == 0

    def measurement(self):
        """Of a reading that it sends where it was let in last."""
        self.clients[-1].publish(self.command["topic"], json.dumps({"sensor": "air", "value": 21.5}), 1).wait_for_publish(10)
        path = f"/v1/integrations/{self.made['integration']}/latest?token=" + self.made["delivery"]["url"].split("token=")[1]
        answer = wait_until("the reading", lambda: (a := self.cluster.nodes[3].get(path)).status == 200 and a)
        check_measurement(answer.json[0], self.urn, self.made["integration"])
        return answer.json[0]


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_foreign_device_with_its_own_token(cluster, version):
    key, topic = Identity.fresh(), "devices/" + secrets.token_hex(8)
    urn = registered(cluster, topic, key)
    with ForeignDevice(cluster, topic, version) as one:
        command = one.sold(urn)
        assert command["login"] == "jwt" and command["audience"] == cluster.network and "password" not in command
        user, network, stranger = command["username"], command["audience"], Identity.fresh()
        for wrong in (jwt(stranger, network, user), jwt(key, "other", user), jwt(key, network, "i-other"), jwt(key, network, user, issued=-600), jwt(key, network, user, lifetime=7200),
                      jwt(key, network, user, algorithm="none"), "", "guess-0123456789abcdef"):
            assert not one.is_let_in(wrong), wrong
        assert one.is_let_in(jwt(key, network, user))
        assert one.measurement()["hasResult"]["numericValue"] == 21.5


def test_the_project_s_own_device_signs_in_and_sends_all_that_was_paid_for(cluster):
    key_file, topic = cluster.dir + "/device.jwk", "devices/" + secrets.token_hex(8)
    cluster.tool("keygen", key_file, "--json")
    key = Identity.from_file(key_file)
    urn = registered(cluster, topic, key, token="t0ken")
    log = open(cluster.dir + "/signing-device.log", "w", encoding="utf-8")
    process = subprocess.Popen([binary("agiddi-device"), "--broker", cluster.broker, "--key", key_file, "--command-topic", topic, "--token", "t0ken", "--table", READINGS,
                                "--column", "temperature", "--sensor", "air", "--interval-ms", "20"], stdout=log, stderr=log)
    log.close()
    cluster.devices.append(process)
    wait_until("the device listens", lambda: "listening" in open(log.name, encoding="utf-8").read())
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn]).json
    found = measurements(cluster.nodes[3], made["delivery"])
    assert len(found) > 10 and [m["sequence"] for m in found] == list(range(1, len(found) + 1))


def test_without_its_key_the_device_sends_nothing_and_says_so(cluster):
    key = Identity.fresh()
    topic = cluster.start_device()
    urn = registered(cluster, topic, key)
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn]).json
    log = cluster.dir + f"/device-{len(cluster.devices) - 1}.log"
    wait_until("it says so", lambda: "there is no --key" in open(log, encoding="utf-8").read())
    assert cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["devices"][0]["bytesUsed"] == 0


def test_the_tool_seals_a_device_s_key_and_refuses_what_is_none(cluster, tmp_path):
    file = tmp_path / "access.json"
    file.write_text(json.dumps({"endpoint": cluster.broker, "topic": "devices/x", "deviceKey": "did:key:zabc"}))
    refused = cluster.tool("seal", str(file), "--node", cluster.nodes[0].url, "--json", check=False)
    assert refused.returncode != 0 and "deviceKey" in refused.stdout + refused.stderr
    file.write_text(json.dumps({"endpoint": cluster.broker, "topic": "devices/x", "deviceKey": Identity.fresh().did}))
    assert cluster.tool("seal", str(file), "--node", cluster.nodes[0].url, "--json")["recipients"]


def provider_key(cluster):
    return next(account["key"] for account in cluster.info["accounts"] if account["did"] == cluster.provider.did)


def sealing_password(cluster, tmp_path, topic, password, **more):
    """A device registered by the tool, its password from a file."""
    file, secret = tmp_path / "devices.json", tmp_path / "device.password"
    description = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perKilobyte": "0.10"},
                         access={"protocol": "mqtt", "endpoint": cluster.broker, "topic": topic, **more})
    file.write_text(json.dumps({"devices": [description]}))
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    answer = cluster.tool("device", "register", str(file), "--node", cluster.nodes[0].url, "--key", provider_key(cluster), "--device-password-file", str(secret), "--json")
    assert password not in json.dumps(answer)
    return answer["devices"][0]["id"], secret


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_foreign_device_with_the_password_that_its_owner_chose(cluster, tmp_path, version):
    topic, password = "devices/" + secrets.token_hex(8), "correct horse " + secrets.token_hex(4)
    urn, _ = sealing_password(cluster, tmp_path, topic, password)
    with ForeignDevice(cluster, topic, version) as one:
        command = one.sold(urn)
        assert command["login"] == "own-password" and "password" not in command and password not in json.dumps(command)
        for wrong in ("guess-0123456789abcdef", password[:-1], ""):
            assert not one.is_let_in(wrong), wrong
        assert one.is_let_in(password)
        one.measurement()
        for node in cluster.nodes:   # the clear text stands nowhere
            assert password not in json.dumps(node.get("/v1/devices/" + urn).json)
        for folder, _, files in os.walk(cluster.dir):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    assert password.encode() not in file.read(), name


def device_with_password(cluster, secret, topic):
    """agiddi-device with a password file; the name of its log, once it listens."""
    log = open(cluster.dir + "/password-device.log", "w", encoding="utf-8")
    process = subprocess.Popen([binary("agiddi-device"), "--broker", cluster.broker, "--password-file", str(secret), "--command-topic", topic, "--token", "t0ken", "--table", READINGS,
                                "--column", "temperature", "--sensor", "air", "--interval-ms", "20"], stdout=log, stderr=log)
    log.close()
    cluster.devices.append(process)
    wait_until("the device listens", lambda: "listening" in open(log.name, encoding="utf-8").read())
    return log.name


def test_the_project_s_own_device_says_its_password(cluster, tmp_path):
    topic = "devices/" + secrets.token_hex(8)
    urn, secret = sealing_password(cluster, tmp_path, topic, "correct horse battery", token="t0ken")
    device_with_password(cluster, secret, topic)
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn]).json
    found = measurements(cluster.nodes[3], made["delivery"])
    assert len(found) > 10 and [m["sequence"] for m in found] == list(range(1, len(found) + 1))


def test_a_device_with_another_password_says_that_it_is_refused(cluster, tmp_path):
    topic = "devices/" + secrets.token_hex(8)
    urn, secret = sealing_password(cluster, tmp_path, topic, "correct horse battery", token="t0ken")
    secret.write_text("another horse battery\n")
    log = device_with_password(cluster, secret, topic)
    integrate(cluster, cluster.pay(urn, kilobytes=1), [urn])
    said = wait_until("it says so", lambda: "sealed at its registration?" in (text := open(log, encoding="utf-8").read()) and text)
    assert "refused" in said and "another horse" not in said


def test_without_its_password_the_device_sends_nothing_and_says_so(cluster, tmp_path):
    topic = cluster.start_device()
    urn, _ = sealing_password(cluster, tmp_path, topic, "correct horse battery")
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn]).json
    log = cluster.dir + f"/device-{len(cluster.devices) - 1}.log"
    wait_until("it says so", lambda: "there is no --password-file" in open(log, encoding="utf-8").read())
    assert cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["devices"][0]["bytesUsed"] == 0


def test_a_device_with_a_password_takes_no_commands_without_a_token(tmp_path):
    secret = tmp_path / "device.password"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    started = subprocess.run([binary("agiddi-device"), "--broker", "mqtt://127.0.0.1:1", "--password-file", str(secret), "--command-topic", "devices/x", "--table", READINGS,
                              "--column", "temperature", "--sensor", "air"], capture_output=True, text=True, timeout=20)
    assert started.returncode == 2 and "needs --token" in started.stderr and "correct horse" not in started.stderr


def test_the_tool_refuses_passwords_that_are_none_and_files_that_others_read(cluster, tmp_path):
    file = tmp_path / "devices.json"
    file.write_text(json.dumps({"devices": [device(cluster.nodes[0], cluster.provider.did, access={"protocol": "mqtt", "endpoint": cluster.broker, "topic": "devices/x"})]}))
    for text, mode, why in (("hunter2", 0o600, "12 to 128"), ("long enough, but others read it", 0o644, "chmod 600")):
        secret = tmp_path / f"secret-{mode:o}"
        secret.write_text(text)
        secret.chmod(mode)
        refused = cluster.tool("device", "register", str(file), "--node", cluster.nodes[0].url, "--key", provider_key(cluster), "--device-password-file", str(secret), "--json", check=False)
        assert refused.returncode != 0 and why in refused.stdout + refused.stderr and text not in refused.stdout + refused.stderr
