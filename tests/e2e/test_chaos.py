"""The short form of tools/chaos: a killed primary, a paused node, a cut and a damaged store under load, and every check at the end."""

import dataclasses
import json
import os
import subprocess
import sys
import time

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))

import chaos_parts.checks  # noqa: E402
from chaos_parts.checks import Checks  # noqa: E402
from chaos_parts.cluster import Cluster  # noqa: E402
from chaos_parts.load import Load, Wire  # noqa: E402
from chaos_parts.story import Story  # noqa: E402


def test_a_killed_primary_a_pause_a_cut_and_a_damaged_store(tmp_path):
    file = tmp_path / "chaos.json"
    done = subprocess.run(["/usr/bin/python3", "-m", "chaos_parts", "--short", "--rate", "20", "--clients", "4", "--json", str(file)],
                          env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "tools")}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert done.returncode == 0, done.stdout
    result = json.loads(file.read_text())
    assert result["ok"] and not result["violations"]
    assert {"kill-primary", "pause", "cut", "corrupt"} == set(result["byFault"])
    assert result["acknowledged"] > 20 and result["inBlocks"] >= result["acknowledged"]


class DoublingWire(Wire):
    """Shows the last block with a transaction of an earlier one in it, and another block before it."""
    last, earlier = 0, ""

    def call(self, method, path, body=None, headers=None):
        status, document = super().call(method, path, body, headers)
        if path == f"/v1/blocks/{self.last}":
            document["transactions"].append(self.earlier)
            document["previousHash"] = "0" * 64
        return status, document


def other_digest(node):
    """The node shows another state than it has."""
    def get(path, *arguments, **more):
        answer = type(node).get(node, path, *arguments, **more)
        if path.startswith("/v1/blocks/"):
            answer.body = json.dumps({**answer.json, "stateDigest": "f" * 64}).encode()
        return answer
    return get


def differs_and_doubles(cluster, attempts, monkeypatch):
    """A healthy cluster of which one node lies about its state, and another one about its blocks."""
    story = Story(quiet=True)
    checks = Checks(cluster, story, attempts)
    checks.all_agree()
    checks.each_node_tells_all()
    checks.nothing_twice()
    assert not story.violations, story.violations
    with monkeypatch.context() as patched:
        patched.setattr(cluster.nodes[2], "get", other_digest(cluster.nodes[2]), raising=False)
        checks.all_agree()
    assert story.violations and all("stateDigest at height" in v for v in story.violations), story.violations
    assert any(cluster.nodes[2].name in v and "f" * 64 in v for v in story.violations), story.violations
    story.violations.clear()
    with monkeypatch.context() as patched:
        DoublingWire.last = checks.height
        DoublingWire.earlier = next(t for h in range(1, checks.height) for t in cluster.nodes[0].get(f"/v1/blocks/{h}").json["transactions"])
        patched.setattr(chaos_parts.checks, "Wire", DoublingWire)
        checks.nothing_twice()
    for words in (f"in several blocks: {DoublingWire.earlier}", f"chain: block {checks.height} does not continue"):
        assert any(words in v for v in story.violations), (words, story.violations)
    story.violations.clear()
    told = checks.seen[cluster.nodes[1].name]
    told[attempts[0].id] = ("committed", 1_000_000)
    checks.acknowledged_stands()
    assert any("nodes tell different outcomes" in v for v in story.violations), story.violations


def test_the_checks_find_what_is_lost_doubled_different_or_spent_wrongly(monkeypatch):
    """The same checks over a healthy cluster, but with nodes or clients' memories that say something else than the ledger."""
    cluster = Cluster(4, fake_clock=False)
    try:
        story = Story(quiet=True)
        cluster.wait_ready()
        load = Load(cluster, story, "checks", clients=2, per_second=20)
        load.start()
        end = time.monotonic() + 60
        while time.monotonic() < end and sum(len(c.acknowledged) for c in load.clients) < 20:
            time.sleep(0.05)
        load.stop()
        attempts = [a for c in load.clients for a in c.attempts if a.height]
        differs_and_doubles(cluster, [a for c in load.clients for a in c.attempts], monkeypatch)
        payment = next(a for a in attempts if a.kind == "payment")
        other = next(a for a in attempts if a.kind == "payment" and a is not payment)
        lost = dataclasses.replace(payment, id="0" * 64, height=1)
        unexpected = dataclasses.replace(payment, answers=[(0.0, "node-1", 401)], height=None)
        dearer = dataclasses.replace(other, micro=other.micro + 1)
        kept = [a for a in attempts if a is not payment and a is not other]
        checks = Checks(cluster, story, kept[:-1] + [lost, unexpected, dearer])
        checks.run()
        for words in ("acknowledged, but not committed", "refused at the door, but committed", "sent by nobody", "money"):
            assert any(words in v for v in story.violations), (words, story.violations)
    finally:
        cluster.close(keep=False)
