"""Members that change, seen from what hangs on them: links follow a new address, proofs of payments hold, and what was sealed before is opened."""

import json
import os
import re
import subprocess
import time

import pytest

from client import b64u, binary, unb64u, wait_until
from conftest import Cluster
from proofs import check_proof
from test_access import check_measurement, integrate, listening_device, measurements
from test_faults import commit
from test_membership import Joiner, check_offline, decide, free_port, in_epoch, member


def edit(path: str, pattern: str, text: str, tail: str = ""):
    with open(path, encoding="utf-8") as file:
        changed, count = re.subn(pattern, text, file.read())
    assert count == 1, (path, pattern)
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed + tail)


def connected_to(cluster, name: str) -> list[bool]:
    """What the first three nodes say of their own dialled link to a node."""
    return [next(p["connected"] for p in node.get("/v1/status").json["peers"] if p["id"] == name) for node in cluster.nodes[:3]]


def verify(cluster, proof: dict, tmp_path) -> subprocess.CompletedProcess:
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    return subprocess.run([binary("agiddi"), "verify", "--genesis", cluster.info["genesis"], str(file), "--json"], capture_output=True, text=True, timeout=30)


def test_the_others_follow_a_decided_address_and_payments_are_proven_across_it(own_cluster, tmp_path):
    cluster = own_cluster
    urn = cluster.new_device()
    early = cluster.pay(urn, minutes=10)

    # node-4 moves and can dial nobody: what it hears comes over links that the others dial.
    cluster.stop_node(4)
    port, dead = free_port(), free_port()
    config = os.path.join(cluster.dir, "nodes", "node-4", "node.toml")
    edit(config, r'\[peer\]\nlisten = "127.0.0.1:\d+"', f'[peer]\nlisten = "127.0.0.1:{port}"',
         "\n[peer.addresses]\n" + "".join(f'node-{i} = "127.0.0.1:{dead}"\n' for i in (1, 2, 3)))
    wait_until("its links are gone", lambda: not any(connected_to(cluster, "node-4")))
    cluster.tool("cluster", "start-node", "4", "--dir", cluster.dir, "--json", check=False)   # it does not become ready
    moved = cluster.nodes[3]
    wait_until("it runs", lambda: moved.get("/healthz").status == 200)
    commit(cluster, [0, 1, 2], 3)
    assert not any(connected_to(cluster, "node-4")) and moved.get("/readyz").status == 503, "the others found it before its address was decided"
    behind = moved.get("/v1/status").json["height"]

    decided = decide(cluster, member(cluster, "address", "node-4", f"127.0.0.1:{port}"), [2, 3])
    assert decided["members"][3]["address"] == f"127.0.0.1:{port}"
    in_epoch(cluster.nodes[:3], 1)
    wait_until("the others have dialled its new address", lambda: all(connected_to(cluster, "node-4")), 30)
    # It is heard by nobody yet. With its own links back it is a whole member again.
    cluster.stop_node(4)
    edit(config, r"\n\[peer\.addresses\]\n(node-\d = .*\n)+", "")
    cluster.start_node(4)
    wait_until("it is ready", lambda: moved.get("/readyz").status == 200, 60)
    assert all(connected_to(cluster, "node-4")) and moved.get("/v1/status").json["height"] > behind
    listed = next(v for v in moved.get("/v1/validators").json["validators"] if v["id"] == "node-4")
    assert listed["address"] == f"127.0.0.1:{port}"
    cluster.stop_node(3, kill=True)   # with one down the one that moved is needed for every block
    commit(cluster, [0, 1, 3], 3)
    cluster.start_node(3)
    cluster.wait_ready()

    late = cluster.pay(urn, minutes=20)
    for payment, epoch in ((early, 0), (late, 1)):
        for node in (cluster.nodes[0], moved):
            check_offline(cluster, node, payment["transaction"], tmp_path, epoch)
    proof = moved.get(f"/v1/transactions/{late['transaction']}/proof").json
    assert len(proof["memberChanges"]) == 1
    document = json.loads(unb64u(proof["transaction"]["document"]))
    assert document["payer"] == cluster.application.did and document["items"][0]["device"] == urn and document["items"][0]["minutes"] == 20
    shown = json.loads(verify(cluster, proof, tmp_path).stdout)
    assert shown["transaction"] == late["transaction"] and shown["status"] in (200, 201), shown

    def refused(change) -> str:
        forged = json.loads(json.dumps(proof))
        change(forged)
        with pytest.raises(Exception):
            check_proof(cluster.info["genesis"], forged)
        done = verify(cluster, forged, tmp_path)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def dearer(forged):
        changed = unb64u(forged["transaction"]["document"]).replace(document["total"].encode(), b"9" * len(document["total"]))
        forged["transaction"]["document"] = b64u(changed)

    def paid_otherwise(forged):
        raw = unb64u(forged["receipt"]["value"])
        assert raw.count(late["payment"].encode()) == 1
        forged["receipt"]["value"] = b64u(raw.replace(late["payment"].encode(), early["payment"].encode()))

    other = moved.get(f"/v1/transactions/{early['transaction']}/proof").json
    assert "signature" in refused(dearer)
    assert "receipt" in refused(paid_otherwise)
    assert "receipt" in refused(lambda forged: forged.update(receipt=other["receipt"]))
    assert "transaction" in refused(lambda forged: forged.update(transaction=other["transaction"]))
    assert "members" in refused(lambda forged: forged.update(memberChanges=[]))
    assert "certificate" in refused(lambda forged: forged.update(certificate=other["certificate"]))


class BrokerForFive(Cluster):
    """Four nodes, and a broker that knows an account for a fifth one."""

    def __init__(self):
        super().__init__(4)
        self.tool("cluster", "down", "--dir", self.dir, "--json")
        with open(os.path.join(self.dir, "broker", "admins"), "a", encoding="utf-8") as file:
            file.write("node-5:" + "five" * 6 + "\n")
        self.tool("cluster", "up", "--nodes", "4", "--dir", self.dir, "--json")


def test_a_new_member_opens_what_was_sealed_before_it_joined():
    cluster, joiner = BrokerForFive(), None
    try:
        urn = listening_device(cluster, {"perMinute": "0.10"}, token="from-before")
        assert len(cluster.nodes[0].get("/v1/validators").json["validators"]) == 4   # it was sealed for these
        joiner = Joiner(cluster, "node-5", f'[broker]\nurl = "{cluster.broker}"\nusername = "node-5"\npassword_file = "broker.password"\n'
                                           "[access]\nallow_private_endpoints = true\n", files={"broker.password": "five" * 6})
        decide(cluster, member(cluster, "add", joiner.request(cluster.network)), [2, 3])
        in_epoch([*cluster.nodes, joiner.node], 1)
        wait_until("it is ready", lambda: joiner.node.get("/readyz").status == 200, 60)
        logs = [os.path.join(cluster.dir, "nodes", f"node-{i}", "log") for i in range(1, 5)]
        wait_until("wrapped again", lambda: any("sealed keys wrapped again" in open(log, encoding="utf-8").read() for log in logs), 60)

        payment = cluster.pay(urn, minutes=0.1)
        cluster.nodes.append(joiner.node)
        wait_until("the payment is known there", lambda: joiner.node.get("/v1/payments/" + payment["payment"]).status == 200)
        answer = integrate(cluster, payment, [urn], at=4)
        assert answer.status == 201, answer
        made = answer.json
        assert made["delivery"]["url"].startswith(joiner.node.url), made["delivery"]
        found = measurements(joiner.node, made["delivery"])
        assert len(found) > 3, found
        for document in found:
            check_measurement(document, urn, made["integration"])
    finally:
        if joiner:
            joiner.stop()
        cluster.close()
