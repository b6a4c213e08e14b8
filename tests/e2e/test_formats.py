"""In which form measurements come: SenML packs, and the unified template with a link to its context, by each way of delivery."""

import json
import time

import pytest

from client import wait_until
from test_access import check_measurement, integrate, listening_device, path_of
from test_tool import Following, key_of
from test_webhook import receivers, latest, register, state_of  # noqa: F401 (receivers is a fixture)


def made_with(cluster, protocol, interval_ms=20, kilobytes=2, **form):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=interval_ms)
    payment = cluster.pay(urn, kilobytes=kilobytes)
    answer = integrate(cluster, payment, [urn], delivery={"protocol": protocol, **form})
    assert answer.status == 201, answer
    return urn, answer.json


def check_record(record, urn, integration):
    assert record["bn"] == urn + "/sensor/" and record["n"] == "air" and record["u"] == "Cel" and isinstance(record["v"], (int, float)), record
    assert abs(record["t"] - time.time()) < 120 and record["agiddi:integration"] == integration and record["agiddi:epoch"] == 1 and record["agiddi:deviceVersion"] == 1
    assert not any(label.endswith("_") for label in record)   # which every reader would have to know (RFC 8428 section 4.4)


def data_of(cluster, made):
    return [json.loads(data) for _, data in cluster.nodes[3].stream(path_of(made["delivery"]["url"])) if data[:1] in "[{"]


def test_a_stream_of_packs(cluster):
    urn, made = made_with(cluster, "sse", format="senml")
    packs = [pack for pack in data_of(cluster, made) if isinstance(pack, list)]
    for pack in packs:
        assert len(pack) == 1
        check_record(pack[0], urn, made["integration"])
    assert [pack[0]["agiddi:sequence"] for pack in packs] == list(range(1, len(packs) + 1)) and len(packs) > 10
    assert cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["delivery"] == {"protocol": "sse", "format": "senml"}


@pytest.mark.parametrize("protocol", ["mqtt", "sse"])
def test_the_tool_follows_packs(cluster, protocol):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=2)
    following = Following(cluster, "senml-" + protocol, "integrate", "--node", cluster.nodes[3].url, "--key", key_of(cluster), "--payment", payment["payment"],
                          "--protocol", protocol, "--format", "senml", "--json")
    assert following.end() == 0, following.told()
    packs = [json.loads(line) for line in following.lines() if line.startswith("[")]
    assert len(packs) > 10
    for pack in packs:
        check_record(pack[0], urn, following.integration())
    numbers = [pack[0]["agiddi:sequence"] for pack in packs]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_latest_and_webhook_speak_it_without_being_asked(cluster, receivers):  # noqa: F811
    urn, made = made_with(cluster, "sse", interval_ms=50, kilobytes=20, format="senml")
    answer = wait_until("a reading", lambda: (a := latest(cluster, made)).status == 200 and a)
    assert answer.headers["Content-Type"] == "application/senml+json"
    check_record(answer.json[0], urn, made["integration"])
    assert answer.json[0]["agiddi:id"].startswith("urn:agiddi:measurement:")
    asked = latest(cluster, made, "application/ld+json")
    assert asked.headers["Content-Type"] == "application/ld+json"
    check_measurement(asked.json[0], urn, made["integration"])
    receiver = receivers()
    assert register(cluster, made, receiver.url).json["format"] == "senml"
    wait_until("packs", lambda: receiver.taken())
    assert receiver.posts[0]["headers"]["Content-Type"] == "application/senml+json"
    check_record(receiver.taken()[0], urn, made["integration"])
    assert register(cluster, made, receiver.url, format="jsonld").json["format"] == "jsonld" and state_of(cluster, made)["format"] == "jsonld"
    cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")


def test_a_linked_context_is_served_by_every_node_and_says_the_same(cluster):
    urn, made = made_with(cluster, "sse", context="link")
    found = [document for document in data_of(cluster, made) if isinstance(document, dict) and "@type" in document]
    link = found[0]["@context"]
    assert link.startswith(cluster.nodes[3].url + "/v1/context/measurement/") and all(document["@context"] == link for document in found)
    check_measurement(found[0], urn, made["integration"])
    path = link[len(cluster.nodes[3].url):]
    template = cluster.nodes[0].get(f"/v1/devices/{urn}/template").json
    for node in cluster.nodes:
        answer = node.get(path)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/ld+json" and "immutable" in answer.headers["Cache-Control"]
        assert answer.json == {"@context": template["@context"]} == node.get("/v1/context/measurement").json
    assert cluster.nodes[0].get("/v1/context/measurement/" + "0" * 32).status == 404


def test_a_form_that_there_is_not(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=1)
    for form, pointer in (({"format": "csv"}, "/delivery/format"), ({"context": "none"}, "/delivery/context"), ({"format": "senml", "context": "link"}, "/delivery/context")):
        answer = integrate(cluster, payment, [urn], delivery={"protocol": "sse", **form})
        assert answer.status == 422 and [error["pointer"] for error in answer.json["errors"]] == [pointer], answer
    made = integrate(cluster, payment, [urn])
    assert made.status == 201   # nothing was consumed
    cluster.nodes[3].signed(f"/v1/integrations/{made.json['integration']}/close", {"integration": made.json["integration"]}, cluster.application, "integration.close")
