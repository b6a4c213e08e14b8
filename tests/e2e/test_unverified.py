"""Documents without verified signatures: only in a network that was made for a benchmark, never by a switch of one node."""

import json
import os
import subprocess

from client import Identity, binary, device


def test_a_normal_network_takes_no_unsigned_document_and_no_node_that_would(own_cluster):
    node = own_cluster.nodes[0]
    assert "unverifiedClients" not in node.get("/v1/status").json
    document = {"devices": [device(node, own_cluster.provider.did)]}
    body = json.dumps(document).encode()
    protected = own_cluster.provider.protected(own_cluster.network, "device.register")
    signature = own_cluster.provider.sign(protected, body)
    for wrong in (signature.split("..")[0] + ".." + "A" * 86, Identity.fresh().sign(protected, body)):
        assert node.post("/v1/devices", body, {"Agiddi-Signature": wrong}).status == 401
    assert node.post("/v1/devices", body, {"Agiddi-Signature": signature}).status == 201

    own_cluster.stop_node(4)
    folder = os.path.join(own_cluster.dir, "nodes", "node-4")
    with open(os.path.join(folder, "node.toml"), "a", encoding="utf-8") as config:
        config.write("\n[benchmark]\nunverified_clients = true\n")
    started = subprocess.run([binary("agiddi-node"), "--config", os.path.join(folder, "node.toml")], capture_output=True, text=True, timeout=30)
    assert started.returncode != 0
    assert "verifies every document; take benchmark.unverified_clients out" in started.stderr


def test_the_benchmark_without_signatures_runs_on_a_network_of_its_own():
    done = subprocess.run([binary("agiddi-bench"), "--json", "pay", "--unverified", "--nodes", "4", "--clients", "4", "--seconds", "1"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["clientSignatures"] == "neither made nor verified"
    assert set(figures["statuses"]) == {"201"}
    assert figures["conditions"]["verified"].startswith("no signature of a client")
