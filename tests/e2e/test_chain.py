"""The chain and operations: status, blocks, transactions, proofs, metrics, events, and clusters of several sizes."""

import json
import subprocess
import threading
import time

import pytest

from client import binary, device, wait_until
from conftest import Cluster


def test_status_and_validators(cluster):
    for number, node in enumerate(cluster.nodes, 1):
        status = node.get("/v1/status").json
        assert status["network"] == cluster.network and status["node"] == f"node-{number}"
        assert {p["id"] for p in status["peers"]} == {f"node-{i}" for i in range(1, 5)} - {status["node"]}
        assert status["primary"].startswith("node-") and status["syncing"] is False and status["view"] >= 0
        assert node.get("/healthz").status == 200 and node.get("/readyz").status == 200
    members = cluster.nodes[0].get("/v1/validators").json
    assert members["network"] == cluster.network
    assert all({"id", "did", "sealingKey", "address", "state"} <= set(v) for v in members["validators"]) and len(members["validators"]) == 4


def test_blocks_are_chained_certified_and_equal(cluster):
    cluster.new_device()
    blocks = cluster.wait_same_height()
    assert len({b["hash"] for b in blocks}) == 1 and len({b["stateDigest"] for b in blocks}) == 1
    block = blocks[0]
    fields = {"formatVersion", "network", "height", "hash", "previousHash", "timestamp", "view", "batchDigest", "transactions", "transactionRoot",
              "receiptRoot", "stateDigest", "membersDigest", "certificate"}
    assert fields <= set(block)
    before = cluster.nodes[1].get(f"/v1/blocks/{block['height'] - 1}").json
    assert block["previousHash"] == before["hash"]
    certified = wait_until("a certificate", lambda: (b := cluster.nodes[1].get(f"/v1/blocks/{block['height']}").json)["certificate"]["signatures"] and b)
    assert len({s["validator"] for s in certified["certificate"]["signatures"]}) >= 3
    assert cluster.nodes[2].get("/v1/blocks/latest").json["height"] >= block["height"]
    assert cluster.nodes[2].get("/v1/blocks/999999").status == 404
    assert cluster.nodes[2].get("/v1/blocks/first").status in (400, 404, 422)


def test_transactions_and_their_proofs(cluster, tmp_path):
    node = cluster.nodes[1]
    body = {"devices": [device(node, cluster.provider.did)]}
    transaction = node.signed("/v1/devices", body, cluster.provider, "device.register").json["transaction"]
    assert node.get("/v1/transactions/" + transaction).json["state"] == "committed"
    proof = node.get(f"/v1/transactions/{transaction}/proof")
    assert proof.status == 200, proof
    assert {"header", "certificate", "transaction", "receipt", "memberChanges"} <= set(proof.json)
    file = tmp_path / "proof.json"
    file.write_bytes(proof.body)
    verify = [binary("agiddi"), "verify", "--genesis", cluster.info["genesis"], str(file)]
    assert subprocess.run(verify, capture_output=True, timeout=30).returncode == 0
    changed = json.loads(proof.body)
    changed["header"]["height"] += 1
    file.write_text(json.dumps(changed))
    refused = subprocess.run(verify, capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1 and refused.stderr
    assert node.get("/v1/transactions/" + "0" * 64).status == 404


def test_a_rejected_transaction_says_why(cluster):
    urn = "urn:agiddi:device:" + "1" * 64
    answer = cluster.nodes[0].signed(f"/v1/devices/{urn}/retire", {"id": urn, "version": 1}, cluster.provider, "device.retire")
    assert answer.status == 404, answer


def test_metrics_are_prometheus_text(cluster):
    answer = cluster.nodes[0].get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    names = {line.split("{")[0].split(" ")[0] for line in answer.text.splitlines() if line and not line.startswith("#")}
    assert any("height" in n for n in names) and any("http" in n for n in names)
    for line in answer.text.splitlines():
        assert line.startswith("#") or float(line.rsplit(" ", 1)[1]) is not None


def test_openapi_and_ontology(cluster):
    document = cluster.nodes[0].get("/openapi.json").json
    assert document["openapi"].startswith("3.1") and "/v1/devices" in document["paths"]
    ontology = cluster.nodes[0].get("/ontology")
    assert ontology.status == 200 and ontology.headers["Content-Type"].startswith("text/turtle") and "WeatherStation" in ontology.text


def test_events_tell_of_a_registration(cluster):
    node = cluster.nodes[2]
    stream = node.stream("/v1/events")
    registered = []
    thread = threading.Timer(0.3, lambda: registered.append(cluster.new_device()))
    thread.start()
    seen = set()
    end = time.monotonic() + 15
    for event, data in stream:
        seen.add(event)
        if event == "device" or time.monotonic() > end:
            assert "urn:agiddi:device:" in data
            break
    thread.join()
    assert "device" in seen


@pytest.mark.parametrize("nodes", [1, 2, 7])
def test_clusters_of_other_sizes(nodes):
    made = Cluster(nodes)
    try:
        urn = made.new_device()
        for node in made.nodes:
            wait_until("readable everywhere", lambda: node.get("/v1/devices/" + urn).status == 200)
        blocks = made.wait_same_height()
        assert len({b["stateDigest"] for b in blocks}) == 1
    finally:
        made.close()
