"""Web of Things: the devices as a directory of Thing Descriptions (W3C TD 1.1, WoT Discovery), over a real cluster."""

import copy
import json
import os
import re
import threading
import urllib.parse

import pytest
from jsonschema import Draft7Validator

from client import device, device_urn, transaction_id, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TD_JSON = "application/td+json"

with open(os.path.join(ROOT, "tests/data/wot/td-json-schema-validation.json"), encoding="utf-8") as file:
    TD_SCHEMA = Draft7Validator(json.load(file))


def check_td(thing: dict):
    errors = [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in TD_SCHEMA.iter_errors(thing)]
    assert not errors, (errors, thing)


def links(answer) -> dict:
    found = {}
    for header in answer.headers.get_all("Link", []):
        url, rest = re.fullmatch(r"<([^>]*)>(.*)", header).groups()
        parameters = dict(re.findall(r'; (\w+)="([^"]*)"', rest))
        found[parameters.pop("rel")] = (url, parameters)
    return found


def thing_at(node, urn: str) -> dict:
    return wait_until("the Thing is listed", lambda: (a := node.get("/things/" + urn)).status == 200 and a).json


def to_send(cluster, thing: dict, **changes) -> dict:
    """A Thing Description of the directory made ready for a registration: own sealed access, no id, no form but the usual one."""
    sent = copy.deepcopy(thing)
    sent.pop("id")
    sent["agiddi:access"] = device(cluster.nodes[0], cluster.provider.did)["access"]
    sent.update(changes)
    return sent


def events(node, path: str, found: list, last: str | None = None) -> threading.Thread:
    """Collects (event, id, data) until the stream ends or the test does."""
    import http.client

    connection = http.client.HTTPConnection(node.host, node.port, timeout=30)
    connection.request("GET", path, headers={"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})})
    response = connection.getresponse()
    assert response.status == 200, response.read()

    def run():
        event = {}
        try:
            while line := response.readline():
                text = line.decode().rstrip("\r\n")
                if text.startswith(":"):
                    continue
                if text:
                    name, _, value = text.partition(": ")
                    event[name] = value
                elif event:
                    found.append((event["event"], event["id"], json.loads(event["data"])))
                    event = {}
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.connection = connection
    return thread


@pytest.fixture(scope="module")
def good_thing(cluster):
    return thing_at(cluster.nodes[0], cluster.new_device())


def test_a_device_is_a_valid_thing_description_without_a_secret(cluster):
    node = cluster.nodes[0]
    sealed = node.seal({"endpoint": "mqtt://127.0.0.1:1", "topic": "devices/very-secret-topic", "token": "hush"}, cluster.provider.did)
    urn = cluster.register(device(node, cluster.provider.did, access={"protocol": "mqtt", "sealed": sealed}, description="On the quay"))[0]["id"]
    for other in cluster.nodes:
        thing = thing_at(other, urn)
        check_td(thing)
        assert thing["id"] == urn and thing["title"] == "Harbour weather" and thing["base"].startswith(other.url)
        text = json.dumps(thing)
        assert "very-secret" not in text and "hush" not in text
        assert sealed["ciphertext"] not in text and sealed["nonce"] not in text and sealed["recipients"][0]["key"] not in text
    assert thing["properties"]["air"]["unit"] == "http://qudt.org/vocab/unit/DEG_C"
    assert thing["properties"]["air"]["minimum"] == -40 and thing["properties"]["air"]["maximum"] == 120
    assert thing["schema:offers"]["schema:priceSpecification"][0]["schema:price"] == "0.1"
    answer = node.get("/things/" + urllib.parse.quote(urn, safe=""), TD_JSON)
    assert answer.status == 200 and answer.headers["Content-Type"] == TD_JSON
    assert node.get("/things/" + urn, "application/json").headers["Content-Type"] == "application/json"
    assert node.get("/things/" + urn, "text/html").status == 406
    assert node.get("/things/urn:uuid:48951ff3-4019-4e67-b217-dbbf011873dc").status == 404
    for link in thing["links"]:
        assert node.get("/" + link["href"]).status == 200, link


def test_from_device_to_thing_description_to_device(cluster):
    first = cluster.new_device(name="Twin", sensors=[
        {"name": "air temp", "observedProperty": "AirTemperature", "unit": "Cel", "range": {"min": -40.5, "max": 10**14}, "accuracy": 0.25, "samplingSeconds": 60},
        {"name": "q\"uay/~", "observedProperty": "http://example.org/v#Spray", "unit": "%", "range": {"min": 0, "max": 100}}],
        cost={"currency": "EUR", "perDay": "1.25", "perMegabyte": "0.02"})
    body = json.dumps(to_send(cluster, thing_at(cluster.nodes[1], first))).encode()
    signature = cluster.provider.sign(cluster.provider.protected(cluster.network, "device.register"), body)
    answer = cluster.nodes[2].post("/things", body, {"Agiddi-Signature": signature, "Content-Type": TD_JSON})
    assert answer.status == 201, answer
    second = device_urn(transaction_id(signature, body), 0)
    assert answer.headers["Location"] == "/things/" + second

    def facts(urn):
        shown = wait_until("it is readable", lambda: (a := cluster.nodes[3].get("/v1/devices/" + urn)).status == 200 and a).json
        # What belongs to the registration and not to the device, and the device's own name everywhere.
        for name in ("sealedAccess", "recordedIn", "recordedAtHeight", "generatedAtTime", "registeredAt"):
            shown.pop(name)
        return json.loads(json.dumps(shown).replace(urn, "urn:device"))

    assert facts(first) == facts(second)
    query = 'SELECT ?d { ?d <https://schema.org/name> "Twin" }'
    rows = cluster.nodes[0].get("/search/sparql?query=" + urllib.parse.quote(query))
    assert rows.headers["Content-Type"] == "application/json"
    assert {r["d"]["value"] for r in rows.json["results"]["bindings"]} == {first, second}
    again = cluster.nodes[0].post("/things", body, {"Agiddi-Signature": signature, "Content-Type": TD_JSON})
    assert again.status == 201 and again.json == answer.json


def test_a_thing_is_changed_and_taken_out_by_its_provider_only(cluster):
    node = cluster.nodes[0]
    urn = cluster.new_device(name="Before")
    thing = thing_at(node, urn)
    change = {**to_send(cluster, thing, title="After"), "id": urn}
    assert node.post("/things/" + urn, change, {"Content-Type": TD_JSON}, "PUT").status == 401
    stranger = node.signed("/things/" + urn, change, cluster.other, "device.update", "PUT")
    assert stranger.status == 422 and stranger.json["validationErrors"][0]["field"] == "schema:offers.schema:seller"
    answer = node.signed("/things/" + urn, change, cluster.provider, "device.update", "PUT", {"Content-Type": TD_JSON})
    assert answer.status == 204 and answer.body == b"" and answer.headers["Agiddi-Transaction"], answer
    thing = wait_until("the change is seen elsewhere", lambda: (t := cluster.nodes[3].get("/things/" + urn).json)["title"] == "After" and t)
    check_td(thing)
    assert thing["version"] == {"instance": "2"}
    assert node.signed("/things/" + urn, change, cluster.provider, "device.update", "PUT").status == 409
    document = {"id": urn, "version": 2}
    assert node.signed("/things/" + urn, document, cluster.other, "device.retire", "DELETE").status == 403
    assert node.signed("/things/" + urn, document, cluster.provider, "device.retire", "DELETE").status == 204
    for other in cluster.nodes:
        wait_until("it is gone", lambda: other.get("/things/" + urn).status == 404)
    assert node.get("/v1/devices/" + urn).status == 200
    foreign = {**to_send(cluster, thing), "id": "urn:uuid:48951ff3-4019-4e67-b217-dbbf011873dc"}
    answer = node.signed("/things/" + foreign["id"], foreign, cluster.provider, "device.update", "PUT")
    assert answer.status == 422 and "POST /things" in answer.json["errors"][0]["detail"]
    assert node.request("PATCH", "/things/" + urn, b"{}", {"Content-Type": "application/merge-patch+json"}).status == 405


@pytest.mark.parametrize("change, pointer", [
    ({"@context": ["https://www.w3.org/2022/wot/td/v1.1", "https://example.org/ctx.jsonld"]}, "/@context/1"),
    ({"@context": {"deep": {"er": {}}}}, "/@context"),
    ({"actions": {"explode": {"forms": [{"href": "x"}]}}}, "/actions"),
    ({"base": "mqtt://10.0.0.7/"}, "/base"),
    ({"title": ["no"]}, "/title"),
    ({"properties": {"air": {"forms": [{"href": "mqtt://10.0.0.7/devices/secret"}]}}}, "/properties/air/forms/0/href"),
    ({"properties": {str(i): {} for i in range(5000)}}, "/properties"),
    ({f"agiddi:x{i}": i for i in range(50_000)}, ""),
    ({"registration": {"ttl": 60}}, "/registration/ttl"),
])
def test_hostile_and_foreign_thing_descriptions_are_refused_where_they_are_wrong(cluster, good_thing, change, pointer):
    sent = to_send(cluster, good_thing, **change)
    answer = cluster.nodes[0].signed("/things", sent, cluster.provider, "device.register", headers={"Content-Type": TD_JSON})
    assert answer.status == 422, answer
    assert pointer in [e["pointer"] for e in answer.json["errors"]], answer
    assert len(answer.json["errors"]) == len(answer.json["validationErrors"]) <= 101


def test_a_deep_document_is_refused(cluster):
    body = b'{"@context":' + b"[" * 5000 + b"]" * 5000 + b"}"
    signature = cluster.provider.sign(cluster.provider.protected(cluster.network, "device.register"), body)
    assert cluster.nodes[0].post("/things", body, {"Agiddi-Signature": signature, "Content-Type": TD_JSON}).status in (400, 422)


def test_the_list_leads_through_all_things_while_others_come_and_go(cluster):
    node = cluster.nodes[1]
    urns = [d["id"] for d in cluster.register(*[device(cluster.nodes[0], cluster.provider.did, name=f"Listed {i}") for i in range(25)])]
    wait_until("all are there", lambda: node.get("/things/" + urns[-1]).status == 200)
    seen, url, tags = [], "/things?limit=10", set()
    while url:
        page = node.get(url)
        assert page.status == 200 and page.headers["Content-Type"] == "application/ld+json", page
        for thing in page.json:
            check_td(thing)
            seen.append(thing["id"])
        assert len(page.json) <= 10
        found = links(page)
        assert found["canonical"][0] == "/things"
        tags.add(found["canonical"][1]["etag"])
        url = found.get("next", (None,))[0]
        if url:
            assert urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["limit"] == ["10"]
            cluster.new_device(name="Meanwhile")
    assert seen == sorted(seen) and len(seen) == len(set(seen)) and set(urns) <= set(seen)
    assert len(tags) > 1
    head = node.request("HEAD", "/things?limit=1")
    assert head.status == 200 and head.body == b""
    collection = node.get("/things?limit=3&format=collection").json
    assert collection["@type"] == "ThingCollection" and len(collection["members"]) == 3 and collection["total"] >= 25
    assert node.get(collection["next"]).json["members"][0]["id"] > collection["members"][-1]["id"]
    for wrong in ("limit=0", "offset=-1", "sort_by=title", "format=xml", "limit=1&limit=2"):
        assert node.get("/things?" + wrong).status == 400, wrong


def test_equal_tags_at_all_nodes(cluster):
    cluster.new_device()

    def tags():
        found = {links(n.get("/things?limit=1"))["canonical"][1]["etag"] for n in cluster.nodes}
        return len(found) == 1

    wait_until("all nodes name the same content", tags)


def test_events_of_things(cluster):
    node = cluster.nodes[2]
    plain, full, created = [], [], []
    streams = [events(node, "/events", plain), events(node, "/events?diff=true", full), events(node, "/events/thing_created", created)]
    try:
        urn = cluster.new_device(name="Watched")
        thing = thing_at(node, urn)
        change = {**to_send(cluster, thing, title="Watched again"), "id": urn}
        assert cluster.nodes[0].signed("/things/" + urn, change, cluster.provider, "device.update", "PUT").status == 204
        assert cluster.nodes[0].signed("/things/" + urn, {"id": urn, "version": 2}, cluster.provider, "device.retire", "DELETE").status == 204

        def mine(found, count):
            own = [e for e in found if e[2]["id"] == urn]
            return own if len(own) >= count else None

        told = wait_until("all three are told", lambda: mine(plain, 3))
        assert [e[0] for e in told] == ["thing_created", "thing_updated", "thing_deleted"] and all(e[2] == {"id": urn} for e in told)
        whole = wait_until("with diff too", lambda: mine(full, 3))
        assert whole[0][2] == thing
        patch = whole[1][2]
        assert patch["title"] == "Watched again" and patch["version"] == {"instance": "2"} and "properties" not in patch
        assert whole[2][2] == {"id": urn}
        assert [e[0] for e in wait_until("one of its type", lambda: mine(created, 1))] == ["thing_created"]
        # Another node goes on after the first event.
        rest = []
        streams.append(events(cluster.nodes[0], "/events", rest, last=told[0][1]))
        after = wait_until("what was missed", lambda: mine(rest, 2))
        assert [(e[0], e[1]) for e in after] == [(e[0], e[1]) for e in told[1:]]
    finally:
        for stream in streams:
            stream.connection.close()


def test_the_directory_describes_itself_and_its_forms_work(cluster):
    node = cluster.nodes[0]
    answer = node.get("/.well-known/wot")
    assert answer.status == 200 and answer.headers["Content-Type"] == TD_JSON
    directory = answer.json
    check_td(directory)
    assert directory["@type"] == "ThingDirectory" and directory["base"].startswith(node.url)
    assert "JSONPath" in directory["description"] and "searchJSONPath" not in directory["actions"]
    assert node.get("/search/jsonpath?query=$").status == 404
    href = directory["properties"]["things"]["forms"][0]["href"]
    assert node.get("/" + re.sub(r"\{\?.*\}", "", href)).status == 200
    href = directory["actions"]["searchSPARQL"]["forms"][0]["href"].replace("{?query}", "?query=ASK%7B%7D")
    assert node.get("/" + href).json["boolean"] is True
    for event in directory["events"].values():
        found = []
        events(node, "/" + re.sub(r"\{\?.*\}", "", event["forms"][0]["href"]), found).connection.close()


def test_before_its_rules_a_network_refuses_thing_descriptions_with_a_reason(old_rules_cluster):
    cluster = old_rules_cluster
    urn = cluster.new_device()
    thing = thing_at(cluster.nodes[0], urn)
    check_td(thing)
    answer = cluster.nodes[0].signed("/things", to_send(cluster, thing), cluster.provider, "device.register")
    assert answer.status == 422 and "rules version 3" in answer.json["detail"]
