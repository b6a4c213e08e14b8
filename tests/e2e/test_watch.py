"""The short form of tools/bench watch: many standing queries beside registrations, each told of exactly what its query gives. And a node with room for few."""

import http.client
import json
import os
import re
import subprocess

from client import binary, wait_until
from conftest import Cluster


def watch(node) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(node.host, node.port, timeout=30)
    connection.request("POST", "/v1/query", json.dumps({"conditions": {}, "watch": True, "limit": 1}), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def test_many_watchers_are_told_of_what_their_queries_give():
    for more in ([], ["--spread"]):
        done = subprocess.run([binary("agiddi-bench"), "watch", "--queries", "600", "--seconds", "1", "--pairs", "1", "--clients", "16", "--json", *more],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        figures = json.loads(done.stdout)
        assert figures["queries"] == 600 and figures["watchedNodes"] == (4 if more else 1)
        assert (figures["wrong"], figures["repeated"], figures["lostClients"]) == (0, 0, 0)
        assert figures["with"]["devices"] > 0 and figures["without"]["devices"] > 0 and figures["sampledWatchers"] > 50


def test_a_node_has_as_many_watchers_as_its_configuration_allows():
    cluster = Cluster(4)
    try:
        cluster.wait_ready()
        config = os.path.join(cluster.dir, "nodes/node-2/node.toml")
        text = open(config, encoding="utf-8").read()
        cluster.stop_node(2)
        with open(config, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(?m)^\[http\]$", "[http]\nwatchers_max = 3\nconnections_max = 16", text))
        cluster.start_node(2)
        node = cluster.nodes[1]
        wait_until("ready", lambda: node.get("/readyz").status == 200)
        clients = []
        try:
            for _ in range(3):
                clients.append(watch(node))
                assert clients[-1][1].status == 200
            refused, answer = watch(node)
            refused.close()
            assert answer.status == 503
            clients.pop()[0].close()

            def place_is_free() -> bool:
                connection, answer = watch(node)
                clients.append((connection, answer))
                return answer.status == 200
            wait_until("a place is free", place_is_free)
        finally:
            for connection, answer in clients:
                answer.close()
                connection.close()
    finally:
        cluster.close()
