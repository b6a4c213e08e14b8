"""Step 2 of the contract: conditions, the SPARQL that they become, and the SPARQL protocol."""

import http.client
import json
import secrets
import subprocess
import urllib.parse

import pytest

from client import binary, device, wait_until

PREFIX = "PREFIX agiddi: <https://w3id.org/agiddi/ontology#>\nPREFIX sosa: <http://www.w3.org/ns/sosa/>\nPREFIX schema: <https://schema.org/>\n"


def sensor(name, prop, unit, low, high, **more):
    return {"name": name, "observedProperty": prop, "unit": unit, "range": {"min": low, "max": high}, **more}


@pytest.fixture(scope="module")
def market(cluster):
    """A few devices of a provider of their own (application-2's key), so that other tests do not disturb what is found."""
    node, owner = cluster.nodes[0], cluster.other
    rows = {
        "oven": dict(type="WeatherStation", sensors=[sensor("t", "Temperature", "Cel", 0, 100, accuracy=0.5)], cost={"currency": "EUR", "perMinute": "0.30"},
                     location={"latitude": 48.8566, "longitude": 2.3522, "place": "Paris"}),
        "kiln": dict(type="WeatherStation", sensors=[sensor("t", "Temperature", "[degF]", 32, 213, accuracy=2)], cost={"currency": "EUR", "perHour": "6"},
                     location={"latitude": 48.80, "longitude": 2.13, "place": "Versailles"}),
        "roof": dict(type="WeatherStation", sensors=[sensor("t", "AirTemperature", "Cel", -30, 50, samplingSeconds=10), sensor("h", "RelativeHumidity", "%", 0, 100)],
                     cost={"currency": "USD", "perMegabyte": "2"}, location={"latitude": 45.764, "longitude": 4.8357, "place": "Lyon"}),
        "gauge": dict(type="AirQualityStation", sensors=[sensor("p", "AirPressure", "hPa", 800, 1200)], cost={"currency": "EUR", "perMinute": "0.05"},
                      location={"latitude": 51.5074, "longitude": -0.1278, "place": "London"}, description="Quotes \" and 日本語 \\ in the text"),
    }
    documents = [device(node, owner.did, name=name, **row) for name, row in rows.items()]
    ids = dict(zip(rows, (d["id"] for d in cluster.register(*documents, identity=owner))))
    for other in cluster.nodes:
        for urn in ids.values():
            wait_until("readable", lambda: other.get("/v1/devices/" + urn).status == 200)
    return ids


def search(cluster, market, conditions, node=1, **more):
    answer = cluster.nodes[node].post("/v1/query", {"conditions": {"provider": cluster.other.did, **conditions}, **more})
    assert answer.status == 200, answer
    names = {urn: name for name, urn in market.items()}
    return [names[d["id"]] for d in answer.json["devices"]], answer.json


@pytest.mark.parametrize("conditions, expected", [
    ({}, ["gauge", "kiln", "oven", "roof"]),
    ({"name": "oven"}, ["oven"]),
    ({"type": "AirQualityStation"}, ["gauge"]),
    ({"sensor.observedProperty": "Temperature"}, ["kiln", "oven", "roof"]),       # an AirTemperature is a Temperature
    ({"sensor.observedProperty": ["AirPressure", "RelativeHumidity"]}, ["gauge", "roof"]),
    ({"sensor.observedProperty": "Temperature", "sensor.range": ">100"}, ["kiln"]),   # each in its own unit: 213 > 100
    ({"sensor.range": ">= 212 [degF]", "sensor.observedProperty": "Temperature"}, ["kiln", "oven"]),
    ({"sensor.range.max": ">= 212 [degF]", "sensor.observedProperty": "Temperature"}, ["kiln", "oven"]),
    ({"sensor.range.max": "> 212 [degF]", "sensor.observedProperty": "Temperature"}, ["kiln"]),
    ({"sensor.range.max": "373.15 K"}, ["oven"]),
    ({"sensor.range": 20, "sensor.observedProperty": "Temperature"}, ["oven", "roof"]),   # covers it, each in its own unit
    ({"sensor.range": {"min": 900, "max": 1100}}, ["gauge"]),
    ({"sensor.accuracy": "<=1"}, ["oven"]),
    ({"sensor.samplingSeconds": 10}, ["roof"]),
    ({"sensor.unit": "hPa"}, ["gauge"]),
    ({"cost.perMinute": "<=0.1"}, ["gauge", "kiln"]),
    ({"cost.perMinute": {"min": 0.1, "max": 0.3}}, ["kiln", "oven"]),
    ({"cost.perKilobyte": 0.002}, ["roof"]),
    ({"cost.currency": "USD"}, ["roof"]),
    ({"cost.currency": "!=USD"}, ["gauge", "kiln", "oven"]),
    ({"location.place": "Paris"}, ["oven"]),
    ({"near": {"latitude": 48.8566, "longitude": 2.3522, "km": 30}}, ["kiln", "oven"]),
    ({"near": {"latitude": 48.8566, "longitude": 2.3522, "km": 5}}, ["oven"]),
    ({"text": "日本語"}, ["gauge"]),
    ({"text": "KIL"}, ["kiln"]),
    ({"payment.method": "credit", "access.protocol": "mqtt", "name": ["oven", "roof"]}, ["oven", "roof"]),
    ({"registeredAt": ">=2020-01-01T00:00:00Z", "name": "oven"}, ["oven"]),
    ({"name": 'oven" } #'}, []),
])
def test_conditions_find_the_right_devices(cluster, market, conditions, expected):
    found, _ = search(cluster, market, conditions)
    assert sorted(found) == expected


def test_all_sensor_conditions_hold_for_one_sensor(cluster, market):
    assert search(cluster, market, {"sensor.observedProperty": "RelativeHumidity", "sensor.unit": "Cel"})[0] == []
    assert search(cluster, market, {"sensor.observedProperty": "RelativeHumidity", "sensor.unit": "%"})[0] == ["roof"]


def test_the_sparql_shown_gives_the_same_devices(cluster, market):
    for conditions in ({"sensor.observedProperty": "Temperature", "sensor.range.max": "> 80 Cel"}, {"near": {"latitude": 48.8, "longitude": 2.3, "km": 100}}):
        found, answer = search(cluster, market, conditions)
        result = cluster.nodes[2].get("/sparql?query=" + urllib.parse.quote(answer["sparql"]), "application/sparql-results+json").json
        assert [b["device"]["value"] for b in result["results"]["bindings"]] == [d["id"] for d in answer["devices"]] and found


def test_order_and_pages(cluster, market):
    assert search(cluster, market, {"near": {"latitude": 48.8566, "longitude": 2.3522, "km": 1000}})[0] == ["oven", "kiln", "gauge", "roof"]
    assert search(cluster, market, {}, orderBy="-name")[0] == ["roof", "oven", "kiln", "gauge"]
    assert search(cluster, market, {"cost.currency": "EUR"}, orderBy="cost.perMinute")[0] == ["gauge", "kiln", "oven"]
    pages, cursor = [], None
    while True:
        found, answer = search(cluster, market, {}, limit=1, orderBy="name", **({"cursor": cursor} if cursor else {}))
        pages += found
        cursor = answer.get("next")
        if not cursor:
            break
    assert pages == ["gauge", "kiln", "oven", "roof"]


@pytest.mark.parametrize("body, pointer", [
    ({"conditions": {"colour": "red"}}, "/conditions/colour"),
    ({"conditions": {"sensor.range": ">hot"}}, "/conditions/sensor.range"),
    ({"conditions": {"sensor.range.max": "> 5 furlongs"}}, "/conditions/sensor.range.max"),
    ({"conditions": {"near": {"latitude": 1}}}, "/conditions/near"),
    ({"conditions": {"near": {"latitude": 100, "longitude": 0, "km": 1}}}, "/conditions/near"),
    ({"conditions": {"type": "Spaceship"}}, "/conditions/type"),
    ({"conditions": {}, "limit": 0}, "/limit"),
    ({"conditions": {}, "limit": 1001}, "/limit"),
    ({"conditions": {}, "orderBy": "beauty"}, "/orderBy"),
    ({"conditions": {}, "cursor": "nonsense"}, "/cursor"),
    ({"conditions": {}, "extra": 1}, "/extra"),
    ({"conditions": []}, "/conditions"),
    ({}, "/conditions"),
])
def test_bad_queries_are_refused_with_a_pointer(cluster, body, pointer):
    answer = cluster.nodes[0].post("/v1/query", body)
    assert answer.status == 422, answer
    assert any(e["pointer"].startswith(pointer) for e in answer.json["errors"]), answer


def test_attributes_are_described(cluster):
    names = {a["name"] for a in cluster.nodes[0].get("/v1/query/attributes").json["attributes"]}
    assert {"type", "near", "sensor.range", "cost.perMinute", "payment.method", "text"} <= names


def sparql(cluster, query, accept=None, node=1):
    headers = {"Content-Type": "application/sparql-query", **({"Accept": accept} if accept else {})}
    return cluster.nodes[node].request("POST", "/sparql", query.encode(), headers)


def test_query_forms(cluster, market):
    select = PREFIX + f"SELECT ?name {{ <{market['oven']}> schema:name ?name }}"
    rows = sparql(cluster, select).json["results"]["bindings"]
    assert [r["name"]["value"] for r in rows] == ["oven"]
    assert sparql(cluster, PREFIX + f"ASK {{ <{market['oven']}> a agiddi:WeatherStation }}").json["boolean"] is True
    assert sparql(cluster, PREFIX + f"ASK {{ <{market['oven']}> a agiddi:Camera }}").json["boolean"] is False
    graph = sparql(cluster, PREFIX + f"CONSTRUCT {{ ?d schema:name ?n }} WHERE {{ ?d schema:name ?n ; agiddi:place 'Paris' . FILTER(?d = <{market['oven']}>) }}", "application/n-triples")
    assert graph.status == 200 and graph.text.strip() == f'<{market["oven"]}> <https://schema.org/name> "oven" .'
    described = sparql(cluster, f"DESCRIBE <{market['oven']}>", "text/turtle")
    assert described.status == 200 and "oven" in described.text and described.headers["Content-Type"].startswith("text/turtle")
    count = PREFIX + f"""SELECT (COUNT(?d) AS ?n) (MIN(?c) AS ?least) WHERE {{
      ?d agiddi:costPerMinute ?c . FILTER(?c < 5 && ?c > 0) FILTER EXISTS {{ ?d sosa:hosts/sosa:observes agiddi:Temperature }} VALUES ?d {{ <{market['oven']}> <{market['kiln']}> }} }}"""
    row = sparql(cluster, count).json["results"]["bindings"][0]
    assert row["n"]["value"] == "2" and float(row["least"]["value"]) == 0.1


@pytest.mark.parametrize("accept, content_type", [
    ("application/sparql-results+json", "application/sparql-results+json"), ("application/sparql-results+xml", "application/sparql-results+xml"),
    ("text/csv", "text/csv"), ("text/tab-separated-values", "text/tab-separated-values"), ("text/csv;q=0.1, application/sparql-results+xml", "application/sparql-results+xml"),
    (None, "application/sparql-results+json"),
])
def test_result_formats(cluster, market, accept, content_type):
    answer = sparql(cluster, PREFIX + "SELECT ?n { ?d schema:name ?n } LIMIT 3", accept)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith(content_type)


def test_the_protocol(cluster, market):
    node, query = cluster.nodes[3], "ASK {}"
    assert node.get("/sparql?query=" + urllib.parse.quote(query)).json["boolean"] is True
    form = urllib.parse.urlencode({"query": query}).encode()
    assert node.request("POST", "/sparql", form, {"Content-Type": "application/x-www-form-urlencoded"}).json["boolean"] is True
    assert node.request("POST", "/sparql", b"ASK {}", {"Content-Type": "text/plain"}).status == 415
    assert sparql(cluster, "SELECT * { ?s ?p ?o", None).status == 400
    assert sparql(cluster, "ASK {}", "image/png").status == 406
    for refused in ("INSERT DATA { <a:a> <a:b> <a:c> }", "CLEAR ALL", "LOAD <http://example.org/>", "DROP GRAPH <a:a>",
                    "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "SELECT * FROM <file:///etc/passwd> { ?s ?p ?o }"):
        answer = sparql(cluster, refused)
        assert answer.status in (400, 422), (refused, answer)
        assert "root:" not in answer.text


def test_a_query_past_its_limit_ends_and_says_which(cluster, market):
    hostile = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
    answer = sparql(cluster, hostile)
    assert answer.status == 503 and ("time" in answer.json["detail"] or "memory" in answer.json["detail"] or "row" in answer.json["detail"]), answer
    assert cluster.nodes[1].get("/v1/status").status == 200


def test_payments_and_accesses_are_in_the_graph(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=5)
    query = PREFIX + f'SELECT ?payment ?amount {{ ?payment a agiddi:Payment ; ?p <{urn}> ; agiddi:amount ?amount }}'
    rows = wait_until("the payment", lambda: sparql(cluster, query).json["results"]["bindings"])
    assert payment["payment"] in json.dumps(rows)


def test_a_standing_query_tells_of_devices_as_they_come_at_another_node(cluster):
    name = "Watched " + secrets.token_hex(4)
    node, provider = cluster.nodes[1], cluster.provider
    connection = http.client.HTTPConnection(node.host, node.port, timeout=30)
    try:
        connection.request("POST", "/v1/query", json.dumps({"conditions": {"name": name}, "watch": True}), {"Content-Type": "application/json"})
        stream = connection.getresponse()
        assert stream.status == 200 and stream.getheader("Content-Type").startswith("text/event-stream")

        def event() -> tuple[str, dict]:
            kind = ""
            while line := stream.readline().decode():
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:"):
                    return kind, json.loads(line[5:])
            raise AssertionError("the stream ended")

        kind, result = event()
        assert kind == "result" and result["devices"] == [] and isinstance(result["height"], int) and "sparql" in result
        urn = cluster.new_device(name=name)
        kind, told = event()
        assert (kind, told["id"], told["version"]) == ("match", urn, 1)
        assert told == node.post("/v1/query", {"conditions": {"name": name}}).json["devices"][0]
        assert cluster.nodes[2].signed(f"/v1/devices/{urn}/retire", {"id": urn, "version": 1}, provider, "device.retire").status == 200
        assert event() == ("unmatch", {"id": urn})
    finally:
        connection.close()


def test_the_tool_prints_a_line_for_each_device_of_a_standing_query(cluster):
    name = "Watched " + secrets.token_hex(4)
    first = cluster.new_device(name=name)
    tool = subprocess.Popen([binary("agiddi"), "query", f"name={name}", "--watch", "--json", "--node", cluster.nodes[3].url], stdout=subprocess.PIPE, text=True)
    try:
        known = json.loads(tool.stdout.readline())
        assert known["event"] == "result" and known["device"]["id"] == first
        second = cluster.new_device(name=name)
        told = json.loads(tool.stdout.readline())
        assert told["event"] == "match" and told["device"]["id"] == second
    finally:
        tool.kill()
        tool.wait()
        tool.stdout.close()
