"""Steps 4 and 5: integrations and readings, from real devices over a real broker."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from client import device, wait_until


def listening_device(cluster, cost, **options) -> str:
    """A device process and its registration; returns the URN."""
    token, methods = options.pop("token", None), options.pop("methods", ["credit"])
    sampling = options.pop("sampling_seconds", None)
    topic = cluster.start_device(token=token, **options)
    access = {"endpoint": cluster.broker, "topic": topic}
    if token:
        access["token"] = token
    sealed = cluster.nodes[0].seal(access, cluster.provider.did)
    document = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", **cost}, access={"protocol": "mqtt", "sealed": sealed},
                      payment={"methods": methods})
    if sampling:
        document["sensors"][0]["samplingSeconds"] = sampling
    return cluster.register(document)[0]["id"]


def integrate(cluster, payment, urns, at=3, identity=None, protocol="sse", **more):
    identity = identity or cluster.application
    document = {"application": identity.did, "payment": payment["payment"], "devices": urns, "delivery": {"protocol": protocol}, **more}
    return cluster.nodes[at].signed("/v1/integrations", document, identity, "integration.create")


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + "?" + parts.query


def measurements(node, delivery, seconds=30):
    """All measurements of a stream until it ends."""
    found = []
    for event, data in node.stream(path_of(delivery["url"]), timeout=seconds):
        document = json.loads(data)
        if document.get("@type") == "sosa:Observation":
            found.append(document)
    return found


def check_measurement(document, urn, integration):
    for name in ("@context", "madeBySensor", "observedProperty", "resultTime", "deviceVersion", "epoch"):
        assert name in document, document
    assert document["device"] == urn and document["integration"] == integration
    assert isinstance(document["hasResult"]["numericValue"], (int, float)) and document["hasResult"]["unit"]


def test_data_flows_until_exactly_what_was_paid_is_used_up(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20, token="s3cret")
    before = [float(x) for x in cluster.balance(cluster.application)]
    earned_before = float(cluster.balance(cluster.provider)[0])
    payment = cluster.pay(urn, kilobytes=1.5)
    answer = integrate(cluster, payment, [urn])
    assert answer.status == 201, answer
    made = answer.json
    assert made["grants"][0]["device"] == urn and made["grants"][0]["bytes"] == 1500 and made["templates"]
    node = cluster.nodes[3]
    found = measurements(node, made["delivery"])
    assert found, "no measurement"
    for document in found:
        check_measurement(document, urn, made["integration"])
    assert [d["sequence"] for d in found] == list(range(1, len(found) + 1))
    state = wait_until("the integration ends", lambda: (s := node.get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s)
    used = state["devices"][0]["bytesUsed"]
    assert used <= 1500
    assert 1500 - used < 80  # one reading more would have passed the limit
    after = wait_until("the settlement", lambda: (b := [float(x) for x in cluster.balance(cluster.application)])[1] == pytest.approx(before[1]) and b)
    earned = float(cluster.balance(cluster.provider)[0]) - earned_before
    assert earned == pytest.approx(used * 0.0001, abs=0.000001)
    assert before[0] - after[0] == pytest.approx(earned, abs=0.000001)


def test_time_flows_until_it_has_passed(cluster):
    urn = listening_device(cluster, {"perMinute": "0.60"}, interval_ms=100)
    payment = cluster.pay(urn, minutes=0.05, starts="integration")  # three seconds
    made = integrate(cluster, payment, [urn]).json
    assert made["grants"][0]["seconds"] == 3
    started = time.monotonic()
    found = measurements(cluster.nodes[3], made["delivery"])
    assert 1.5 < time.monotonic() - started < 6
    assert len(found) >= 10
    state = wait_until("ended", lambda: (s := cluster.nodes[0].get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s)
    assert state["endedBecause"]


def test_mqtt_delivery_with_the_given_credentials_only(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=2)
    made = integrate(cluster, payment, [urn], protocol="mqtt").json
    delivery = made["delivery"]
    host, port = urlsplit(delivery["broker"]).hostname, urlsplit(delivery["broker"]).port

    def client(username=None, password=None, topic=delivery["topic"]):
        found, codes, granted = [], [], []
        made_client = mqtt.Client(protocol=mqtt.MQTTv5)
        if username:
            made_client.username_pw_set(username, password)
        made_client.on_connect = lambda c, u, f, code, p=None: (codes.append(int(code.value) if hasattr(code, "value") else int(code)), c.subscribe(topic, 1))
        made_client.on_subscribe = lambda c, u, m, reasons, p=None: granted.extend(int(r.value) if hasattr(r, "value") else int(r) for r in reasons)
        made_client.on_message = lambda c, u, message: found.append(json.loads(message.payload))
        made_client.connect(host, port)
        made_client.loop_start()
        return made_client, found, codes, granted

    anonymous, stolen, _, granted = client()
    wrong, _, wrong_codes, _ = client(delivery["username"], "guess")
    right, found, codes, _ = client(delivery["username"], delivery["password"])
    try:
        wait_until("ended", lambda: cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["state"] == "ended", 30)
        wait_until("measurements", lambda: len(found) > 5)
        for document in found:
            check_measurement(document, urn, made["integration"])
        sequence = [d["sequence"] for d in found]
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
        assert not stolen and (not granted or granted[0] >= 128)
        wait_until("the wrong password was refused", lambda: wrong_codes and wrong_codes[0] != 0)
    finally:
        for c in (anonymous, wrong, right):
            c.loop_stop()
            c.disconnect()


def test_without_a_payment_is_402_and_with_anothers_is_403(cluster):
    urn, not_paid = cluster.new_device(), cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    assert integrate(cluster, {"payment": "0" * 64}, [urn]).status == 402
    assert integrate(cluster, payment, [urn], identity=cluster.other).status == 403
    assert integrate(cluster, payment, [not_paid]).status == 403
    assert integrate(cluster, payment, []).status == 422
    assert integrate(cluster, payment, [urn], protocol="pigeon").status == 422
    assert integrate(cluster, payment, [urn], surprise=1).status == 422
    assert integrate(cluster, payment, [urn]).status == 201


def test_a_payment_item_is_integrated_once(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    answers = {}
    threads = [threading.Thread(target=lambda n=n: answers.setdefault(n, integrate(cluster, payment, [urn], at=n).status)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [201, 409]
    assert integrate(cluster, payment, [urn], at=2).status == 409


def test_close_stops_and_refunds(cluster):
    urn = listening_device(cluster, {"perMinute": "1"}, interval_ms=50)
    payment = cluster.pay(urn, minutes=60)
    before = float(cluster.balance(cluster.application)[0])
    made = integrate(cluster, payment, [urn]).json
    node = cluster.nodes[3]
    wait_until("a reading", lambda: node.get("/v1/integrations/" + made["integration"]).json["devices"][0]["bytesUsed"] > 0 or next(iter(node.stream(path_of(made["delivery"]["url"])))))
    path = "/v1/integrations/" + made["integration"]
    assert node.signed(path + "/close", {"integration": made["integration"]}, cluster.other, "integration.close").status == 403
    closed = node.signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close")
    assert closed.status == 200, closed
    wait_until("ended", lambda: node.get(path).json["state"] == "ended")
    wait_until("refunded", lambda: float(cluster.balance(cluster.application)[0]) > before + 58)


def test_the_stream_needs_its_token_and_rotation_ends_the_old_one(cluster):
    urn = listening_device(cluster, {"perMinute": "0.10"}, interval_ms=50)
    made = integrate(cluster, cluster.pay(urn, minutes=10), [urn]).json
    node = cluster.nodes[3]
    path = f"/v1/integrations/{made['integration']}/stream"
    assert node.get(path).status == 401
    assert node.get(path + "?token=wrong").status == 401
    renewed = node.signed(f"/v1/integrations/{made['integration']}/credentials", {"integration": made["integration"]}, cluster.application, "integration.credentials")
    assert renewed.status in (200, 201), renewed
    new = renewed.json.get("delivery", renewed.json)
    assert new["url"] != made["delivery"]["url"]
    assert node.get(path_of(made["delivery"]["url"])).status == 401
    event, data = next(iter(node.stream(path_of(new["url"]))))
    assert json.loads(data)["device"] == urn
    token = path_of(new["url"]).split("token=")[1]
    event, data = next(iter(node.stream(path, {"Authorization": "Bearer " + token})))
    assert json.loads(data)["device"] == urn
    node.signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")


def test_a_repeated_create_answers_without_credentials(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    document = json.dumps({"application": cluster.application.did, "payment": payment["payment"], "devices": [urn], "delivery": {"protocol": "sse"}}).encode()
    signature = cluster.application.sign(cluster.application.protected(cluster.network, "integration.create"), document)
    first = cluster.nodes[3].post("/v1/integrations", document, {"Agiddi-Signature": signature})
    again = cluster.nodes[3].post("/v1/integrations", document, {"Agiddi-Signature": signature})
    assert first.status == 201 and "url" in first.json["delivery"], first
    assert again.status == 201 and again.json["integration"] == first.json["integration"]
    assert "token" not in again.text and "password" not in again.text


def test_of_copies_sent_at_once_one_gets_the_credentials(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    document = json.dumps({"application": cluster.application.did, "payment": payment["payment"], "devices": [urn], "delivery": {"protocol": "sse"}}).encode()
    signature = cluster.application.sign(cluster.application.protected(cluster.network, "integration.create"), document)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: cluster.nodes[3].post("/v1/integrations", document, {"Agiddi-Signature": signature}), range(8)))
    assert {answer.status for answer in answers} == {201}, answers
    assert len({answer.json["integration"] for answer in answers}) == 1
    assert sum("delivery" in answer.json for answer in answers) == 1


def test_a_node_named_in_the_request_serves(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    member = cluster.nodes[1].get("/v1/status").json["node"]
    answer = integrate(cluster, payment, [urn], at=1, node=member)
    assert answer.status == 201 and answer.json["delivery"]["url"], answer
    assert integrate(cluster, cluster.pay(urn, minutes=10), [urn], at=1, node="node-99").status == 422


def test_the_access_notification_is_on_the_ledger(cluster):
    urn = cluster.new_device()
    made = integrate(cluster, cluster.pay(urn, minutes=10), [urn]).json
    query = f"""PREFIX agiddi: <https://w3id.org/agiddi/ontology#>
SELECT ?access WHERE {{ ?access a agiddi:DataAccess ; ?p <{urn}> }}"""
    node = cluster.nodes[1]
    wait_until("the access record", lambda: made["integration"] in node.request(
        "POST", "/sparql", query.encode(), {"Content-Type": "application/sparql-query"}).text)


def test_a_unit_that_no_sensor_can_express_is_refused_and_consumes_nothing(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)
    for unit in ("m", "furlongs"):
        answer = cluster.nodes[3].signed("/v1/integrations", {"application": cluster.application.did, "payment": payment["payment"], "devices": [urn],
                                                             "delivery": {"protocol": "sse", "unit": unit}}, cluster.application, "integration.create")
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/delivery/unit", answer
    assert integrate(cluster, payment, [urn]).status == 201


def test_readings_are_converted_on_request(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    document = {"application": cluster.application.did, "payment": cluster.pay(urn, kilobytes=0.2)["payment"], "devices": [urn],
                "delivery": {"protocol": "sse", "unit": "[degF]"}}
    made = cluster.nodes[3].signed("/v1/integrations", document, cluster.application, "integration.create").json
    found = measurements(cluster.nodes[3], made["delivery"])
    assert found[0]["hasResult"]["unit"].endswith("DEG_F")
    assert found[0]["hasResult"]["numericValue"] == pytest.approx(12.4 * 9 / 5 + 32)  # the table's first reading


def test_credentials_renewed_by_several_calls_at_once(cluster):
    urn = cluster.new_device()
    made = integrate(cluster, cluster.pay(urn, minutes=10), [urn], protocol="mqtt").json
    node, path = cluster.nodes[3], f"/v1/integrations/{made['integration']}/credentials"

    def renew():
        return node.signed(path, {"integration": made["integration"]}, cluster.application, "integration.credentials")

    threads = [threading.Thread(target=renew) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = renew()
    assert answer.status in (200, 201), answer
