"""Step 1 of the contract: registration, update, retirement, and what is refused."""

import json
import time
import urllib.parse

import pytest

from client import Identity, device, device_urn, transaction_id, wait_until


def quoted(urn: str) -> str:
    return urllib.parse.quote(urn, safe="")


def test_a_batch_is_registered_and_readable_at_every_node(cluster):
    documents = [device(cluster.nodes[0], cluster.provider.did, name=f"Station {i}") for i in range(3)]
    body = json.dumps({"devices": documents}).encode()
    protected = cluster.provider.protected(cluster.network, "device.register")
    signature = cluster.provider.sign(protected, body)
    answer = cluster.nodes[0].post("/v1/devices", body, {"Agiddi-Signature": signature})
    assert answer.status == 201, answer
    result = answer.json
    assert result["transaction"] == transaction_id(signature, body)
    assert [d["id"] for d in result["devices"]] == [device_urn(result["transaction"], k) for k in range(3)]
    assert all(d["version"] == 1 and d["metadata"] and d["template"] for d in result["devices"])
    for node in cluster.nodes:
        shown = wait_until("the device is readable", lambda: (a := node.get("/v1/devices/" + result["devices"][1]["id"])).status == 200 and a)
        assert shown.headers["Content-Type"].startswith("application/ld+json")
        assert "Station 1" in shown.text
    block = cluster.nodes[1].get(f"/v1/blocks/{result['height']}").json
    assert result["transaction"] in block["transactions"]


def test_nothing_secret_is_shown(cluster):
    sealed = cluster.nodes[0].seal({"endpoint": "mqtt://127.0.0.1:1", "topic": "devices/very-secret-topic", "token": "hush"}, cluster.provider.did)
    urn = cluster.register(device(cluster.nodes[0], cluster.provider.did, access={"protocol": "mqtt", "sealed": sealed}))[0]["id"]
    shown = cluster.nodes[0].get("/v1/devices/" + urn).text
    query = urllib.parse.quote(f"SELECT * {{ <{urn}> ?p ?o }}")
    triples = cluster.nodes[0].get("/sparql?query=" + query).text
    for text in (shown, triples):
        assert "very-secret" not in text and "hush" not in text
        assert sealed["ciphertext"] not in text and sealed["recipients"][0]["key"] not in text


@pytest.mark.parametrize("accept, content_type, marker", [
    ("text/turtle", "text/turtle", "@prefix"),
    ("application/n-triples", "application/n-triples", "<urn:agiddi:device:"),
    ("application/ld+json", "application/ld+json", "@id"),
    ("text/turtle;q=0.2, application/n-triples;q=0.9", "application/n-triples", "<urn:agiddi:device:"),
])
def test_metadata_in_every_format(cluster, accept, content_type, marker):
    urn = cluster.new_device()
    answer = cluster.nodes[0].get("/v1/devices/" + quoted(urn), accept)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith(content_type)
    assert marker in answer.text and urn in answer.text


def test_a_format_that_nobody_writes_is_406(cluster):
    assert cluster.nodes[0].get("/v1/devices/" + cluster.new_device(), "image/png").status == 406


def test_an_update_makes_a_new_version_and_keeps_the_old_one(cluster):
    node = cluster.nodes[0]
    urn = cluster.new_device(name="Before")
    document = {"id": urn, "version": 1, **device(node, cluster.provider.did, name="After")}
    stranger = node.signed("/v1/devices/" + urn, document, cluster.other, "device.update", "PUT")
    assert stranger.status in (403, 422)  # another key also sealed for another provider
    updated = node.signed("/v1/devices/" + urn, document, cluster.provider, "device.update", "PUT")
    assert updated.status == 201, updated
    assert updated.json["devices"][0]["version"] == 2
    assert "wasRevisionOf" in node.get("/v1/devices/" + urn).text and "After" in node.get("/v1/devices/" + urn).text
    assert "Before" in node.get("/v1/devices/" + urn + "?version=1").text
    versions = node.get("/v1/devices/" + urn + "/versions").json["versions"]
    assert [v["version"] for v in versions] == [1, 2] and all(v["transaction"] and v["timestamp"] for v in versions)
    stale = {**document, **device(node, cluster.provider.did, name="Late")}
    assert node.signed("/v1/devices/" + urn, stale, cluster.provider, "device.update", "PUT").status == 409


def test_only_the_provider_updates(cluster):
    node = cluster.nodes[0]
    urn = cluster.new_device()
    document = {"id": urn, "version": 1, **device(node, cluster.other.did)}
    assert node.signed("/v1/devices/" + urn, document, cluster.other, "device.update", "PUT").status == 403


def test_a_retired_device_is_found_no_more_but_readable(cluster):
    node = cluster.nodes[0]
    name = f"Retiring {time.time_ns()}"
    urn = cluster.new_device(name=name)
    found = node.post("/v1/query", {"conditions": {"name": name}}).json["devices"]
    assert [d["id"] for d in found] == [urn]
    retired = node.signed(f"/v1/devices/{urn}/retire", {"id": urn, "version": 1}, cluster.provider, "device.retire")
    assert retired.status == 200, retired
    assert node.post("/v1/query", {"conditions": {"name": name}}).json["devices"] == []
    assert node.get("/v1/devices/" + urn).status == 200
    assert node.post("/v1/quotes", {"items": [{"device": urn, "minutes": 1}]}).status in (404, 409, 422)


def test_the_template_is_public(cluster):
    answer = cluster.nodes[3].get("/v1/devices/" + cluster.new_device() + "/template")
    assert answer.status == 200 and "Observation" in answer.text and "madeBySensor" in answer.text


def test_respond_async_gives_the_metadata_before_the_block(cluster):
    node = cluster.nodes[0]
    answer = node.signed("/v1/devices", {"devices": [device(node, cluster.provider.did)]}, cluster.provider, "device.register",
                         headers={"Prefer": "respond-async"})
    assert answer.status == 202, answer
    location = answer.headers["Location"]
    assert location.endswith("/v1/transactions/" + answer.json["transaction"])
    assert answer.json["devices"][0]["id"] == device_urn(answer.json["transaction"], 0)
    wait_until("committed", lambda: node.get("/v1/transactions/" + answer.json["transaction"]).json["state"] == "committed")


def sensor(**changes) -> list[dict]:
    return [{"name": "air", "observedProperty": "Temperature", "unit": "Cel", "range": {"min": -40, "max": 60}, **changes}]


@pytest.mark.parametrize("changes, pointer", [
    ({"surprise": 1}, "/devices/0/surprise"),
    ({"name": ""}, "/devices/0/name"),
    ({"name": 5}, "/devices/0/name"),
    ({"type": "Spaceship"}, "/devices/0/type"),
    ({"location": {"latitude": 91, "longitude": 0}}, "/devices/0/location/latitude"),
    ({"location": {"latitude": 1}}, "/devices/0/location/longitude"),
    ({"sensors": []}, "/devices/0/sensors"),
    ({"sensors": sensor(unit="furlong-per-nothing")}, "/devices/0/sensors/0/unit"),
    ({"sensors": sensor(unit="m")}, "/devices/0/sensors/0/unit"),
    ({"sensors": sensor(observedProperty="Charisma")}, "/devices/0/sensors/0/observedProperty"),
    ({"sensors": sensor(range={"min": 5, "max": 1})}, "/devices/0/sensors/0/range"),
    ({"sensors": sensor(accuracy=-1)}, "/devices/0/sensors/0/accuracy"),
    ({"cost": {"currency": "EUR"}}, "/devices/0/cost"),
    ({"cost": {"currency": "eur", "perMinute": "1"}}, "/devices/0/cost/currency"),
    ({"cost": {"currency": "EUR", "perMinute": 1}}, "/devices/0/cost/perMinute"),
    ({"cost": {"currency": "EUR", "perMinute": "0.0000001"}}, "/devices/0/cost/perMinute"),
    ({"cost": {"currency": "EUR", "perMinute": "1", "perHour": "1"}}, "/devices/0/cost"),
    ({"payment": {"methods": []}}, "/devices/0/payment/methods"),
    ({"access": {"protocol": "smoke", "sealed": {}}}, "/devices/0/access/protocol"),
])
def test_invalid_devices_are_refused_with_a_pointer(cluster, changes, pointer):
    node = cluster.nodes[0]
    document = {**device(node, cluster.provider.did), **changes}
    answer = node.signed("/v1/devices", {"devices": [document]}, cluster.provider, "device.register")
    assert answer.status == 422, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json
    assert problem["status"] == 422 and problem["type"] and problem["title"] and problem["detail"]
    assert any(e["pointer"].startswith(pointer) for e in problem["errors"]), problem


def test_sealed_for_the_wrong_members_is_refused(cluster):
    node = cluster.nodes[0]
    document = device(node, cluster.provider.did)
    document["access"]["sealed"]["recipients"].pop()
    assert node.signed("/v1/devices", {"devices": [document]}, cluster.provider, "device.register").status == 422


def test_sealed_access_cannot_be_copied(cluster):
    node = cluster.nodes[0]
    document = device(node, cluster.provider.did)
    cluster.register(document)
    assert node.signed("/v1/devices", {"devices": [document]}, cluster.other, "device.register").status == 422


def test_a_thousand_devices_at_once_and_not_one_more(cluster):
    node = cluster.nodes[0]
    documents = [device(node, cluster.provider.did, name=f"Mass {i}") for i in range(1000)]
    registered = cluster.register(*documents)
    assert len({d["id"] for d in registered}) == 1000
    documents.append(device(node, cluster.provider.did))
    assert node.signed("/v1/devices", {"devices": documents}, cluster.provider, "device.register").status == 422
    assert node.signed("/v1/devices", {"devices": []}, cluster.provider, "device.register").status == 422


def test_a_retry_is_answered_from_the_ledger(cluster):
    node = cluster.nodes[0]
    body = json.dumps({"devices": [device(node, cluster.provider.did)]}).encode()
    signature = cluster.provider.sign(cluster.provider.protected(cluster.network, "device.register"), body)
    answers = [n.post("/v1/devices", body, {"Agiddi-Signature": signature}) for n in (node, cluster.nodes[2], node)]
    assert [a.status for a in answers] == [201, 201, 201]
    assert len({a.json["devices"][0]["id"] for a in answers}) == 1 and len({a.json["height"] for a in answers}) == 1


def test_a_jti_used_for_another_document_is_409(cluster):
    node = cluster.nodes[0]
    first = node.signed("/v1/devices", {"devices": [device(node, cluster.provider.did)]}, cluster.provider, "device.register", jti="once-" + str(time.time_ns()))
    assert first.status == 201
    jti = "twice-" + str(time.time_ns())
    statuses = [node.signed("/v1/devices", {"devices": [device(node, cluster.provider.did)]}, cluster.provider, "device.register", jti=jti).status for _ in range(2)]
    assert statuses == [201, 409]


@pytest.mark.parametrize("changes", [
    {"net": "other-0123456789abcdef"}, {"act": "payment.create"}, {"iat": int(time.time()) - 1000}, {"iat": int(time.time()) + 1000},
    {"alg": "none"}, {"alg": "HS256"}, {"kid": Identity(bytes(32)).did}, {"kid": "did:web:example.org"}, {"jti": None}, {"extra": 1}, {"iat": "now"},
])
def test_a_bad_signature_is_401(cluster, changes):
    node = cluster.nodes[0]
    body = json.dumps({"devices": [device(node, cluster.provider.did)]}).encode()
    protected = cluster.provider.protected(cluster.network, "device.register", **changes)
    answer = node.post("/v1/devices", body, {"Agiddi-Signature": cluster.provider.sign(protected, body)})
    assert answer.status == 401, answer


def test_a_missing_or_damaged_signature_is_401(cluster):
    node = cluster.nodes[0]
    body = json.dumps({"devices": [device(node, cluster.provider.did)]}).encode()
    signature = cluster.provider.sign(cluster.provider.protected(cluster.network, "device.register"), body)
    assert node.post("/v1/devices", body).status == 401
    assert node.post("/v1/devices", body, {"Agiddi-Signature": "nonsense"}).status == 401
    assert node.post("/v1/devices", body, {"Agiddi-Signature": signature[:-4] + "AAAA"}).status == 401
    assert node.post("/v1/devices", body, {"Agiddi-Signature": signature + "="}).status == 401
    assert node.post("/v1/devices", body + b" ", {"Agiddi-Signature": signature}).status == 401


def test_what_was_refused_at_the_door_consumes_nothing(cluster):
    node = cluster.nodes[0]
    jti = "door-" + str(time.time_ns())
    bad = {**device(node, cluster.provider.did), "type": "Spaceship"}
    assert node.signed("/v1/devices", {"devices": [bad]}, cluster.provider, "device.register", jti=jti).status == 422
    assert node.signed("/v1/devices", {"devices": [device(node, cluster.provider.did)]}, cluster.provider, "device.register", jti=jti).status == 201
