"""Long queries of some do not keep others from searching, and are given up when nobody waits for them any more."""

import concurrent.futures
import socket
import urllib.parse

from client import device, wait_until

# As long as its limits let it: each triple with each, four times.
ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
AS_QUERY = {"Content-Type": "application/sparql-query", "Accept": "application/sparql-results+json"}


def waiting(node, lane: str) -> int:
    line = next(line for line in node.get("/metrics").text.splitlines() if line.startswith(f'agiddi_lane_waiting{{lane="{lane}"}}'))
    return int(line.split()[-1])


def fill(cluster, node):
    cluster.register(*[device(node, cluster.other.did, name=f"Lane {i}") for i in range(20)], identity=cluster.other)
    wait_until("the devices", lambda: node.post("/v1/query", {"conditions": {"name": "Lane 19"}}).json["devices"])


def test_searches_go_on_beside_long_queries(cluster):
    node = cluster.nodes[1]
    fill(cluster, node)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        long = [pool.submit(node.request, "POST", "/sparql", ENDLESS.encode(), AS_QUERY, timeout=120) for _ in range(6)]
        wait_until("queries that wait", lambda: waiting(node, "queries") > 0)
        assert node.post("/v1/query", {"conditions": {"name": "Lane 7"}}).json["devices"][0]["metadata"]["name"] == "Lane 7"
        assert node.get("/things?limit=2").status == 200
        assert waiting(node, "queries") > 0, "the long queries ended before the search: this test shows nothing"
        cluster.register(device(node, cluster.other.did, name="Beside"), identity=cluster.other)
        for one in long:
            answer = one.result()
            assert answer.status == 503 and "limit" in answer.json["detail"], answer


def test_queries_of_clients_that_left_are_given_up(cluster):
    node = cluster.nodes[2]
    fill(cluster, node)
    host, port = urllib.parse.urlsplit(node.url).netloc.split(":")
    clients = []
    for _ in range(20):
        one = socket.create_connection((host, int(port)))
        one.sendall(f"POST /sparql HTTP/1.1\r\nHost: node\r\nContent-Type: application/sparql-query\r\nContent-Length: {len(ENDLESS)}\r\n\r\n{ENDLESS}".encode())
        clients.append(one)
    wait_until("queries that wait", lambda: waiting(node, "queries") >= 10)
    for one in clients:
        one.close()
    # Left alone they would take the lane's two threads for well over a minute.
    wait_until("an empty lane", lambda: waiting(node, "queries") == 0, seconds=25)
    assert node.request("POST", "/sparql", b"ASK { ?s ?p ?o }", AS_QUERY, timeout=20).json["boolean"] is True


def test_an_id_that_no_device_can_have_is_refused(cluster):
    for path in ("/v1/devices/foo", "/v1/devices/foo/versions", "/things/urn:agiddi:device:zz"):
        assert cluster.nodes[0].get(path).status == 404
