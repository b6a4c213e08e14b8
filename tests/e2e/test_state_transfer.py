"""Nodes that join by a snapshot, nodes that drop old blocks, and backups: real daemons with small bounds."""

import json
import os
import shutil
import subprocess
import time

import pytest

from client import binary, device, wait_until
from conftest import Cluster
from test_faults import commit

# Small enough that all of it happens within a minute.
LEDGER = "\n[ledger]\nkeep_blocks = 32\nkeep_minutes = 0\nsnapshot_blocks = 16\nsnapshot_behind = 40\n"


class SmallCluster(Cluster):
    def __init__(self):
        super().__init__(4)
        for number in range(1, 5):
            self.stop_node(number)
            with open(self.config(number), "a", encoding="utf-8") as config:
                config.write(LEDGER)
        for number in range(1, 5):
            self.start_node(number)
        self.wait_ready()

    def folder(self, number: int) -> str:
        return os.path.join(self.dir, "nodes", f"node-{number}")

    def config(self, number: int) -> str:
        return os.path.join(self.folder(number), "node.toml")

    def wipe(self, number: int):
        shutil.rmtree(os.path.join(self.folder(number), "data"))

    def metric(self, number: int, name: str) -> int:
        try:
            text = self.nodes[number - 1].get("/metrics").text
        except OSError:
            return -1  # it installs a snapshot just now
        for line in text.splitlines():
            if line.startswith(name + " "):
                return int(float(line.split()[1]))
        raise AssertionError(f"there is no metric {name}")

    def node_program(self, number: int, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([binary("agiddi-node"), "--config", self.config(number), *arguments], capture_output=True, text=True, timeout=60)

    def check_store(self, number: int):
        """Of a stopped node."""
        done = self.node_program(number, "--check-store")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 findings" in done.stdout

    def assert_equal_everywhere(self):
        assert len({b["stateDigest"] for b in self.wait_same_height()}) == 1


@pytest.fixture(scope="module")
def small():
    made = SmallCluster()
    yield made
    made.close()


def test_an_empty_node_joins_by_a_snapshot_and_old_blocks_are_dropped(small):
    first = commit(small, [0, 1, 2], 1)[0]
    node, body = small.nodes[0], json.dumps({"devices": [device(small.nodes[0], small.provider.did)]}).encode()
    signature = small.provider.sign(small.provider.protected(node.network, "device.register"), body)
    send = lambda to: to.post("/v1/devices", body, {"Agiddi-Signature": signature})
    registered = send(node)
    assert registered.status == 201
    assert send(small.nodes[1]).status == 201  # from the ledger
    commit(small, [0, 1, 2, 3], 110)
    for number in range(1, 5):
        wait_until("old blocks are dropped", lambda: small.metric(number, "agiddi_first_block") > 1)
    height = small.nodes[0].get("/v1/status").json["height"]
    assert height - small.metric(1, "agiddi_first_block") < 32 + 64 + 16 + 8  # keep_blocks, how often it looks, snapshots
    dropped = small.nodes[0].get("/v1/blocks/2")
    assert dropped.status == 404 and "blocks from height" in dropped.text
    assert small.nodes[0].get("/v1/blocks/0").status == 200

    # A document whose block is gone is neither executed again nor waited for.
    for number in range(1, 5):
        wait_until("its block is dropped", lambda: small.metric(number, "agiddi_first_block") > registered.json["height"])
        again = send(small.nodes[number - 1])
        assert again.status == 409 and "does not have any more" in again.json["detail"], again
    versions = small.nodes[0].get("/v1/devices/" + registered.json["devices"][0]["id"] + "/versions").json["versions"]
    assert len(versions) == 1

    small.stop_node(4, kill=True)
    small.wipe(4)
    started = time.monotonic()
    small.start_node(4)
    joined = small.nodes[3]
    wait_until("the empty node has joined", lambda: small.metric(4, "agiddi_join_height") > 0, seconds=40)
    wait_until("it serves what is older than its blocks", lambda: joined.get("/v1/devices/" + first).status == 200)
    print(f"joined in {time.monotonic() - started:.1f} s")
    assert small.metric(4, "agiddi_join_fetched_bytes") > 0
    small.wait_ready()
    assert small.metric(4, "agiddi_first_block") > 16
    commit(small, [0, 1, 2, 3], 12)
    small.assert_equal_everywhere()
    unknown = joined.get("/v1/transactions/" + "0" * 64)
    assert unknown.status == 404 and "blocks from height" in unknown.text

    for number in (4, 1):
        small.stop_node(number)
        small.check_store(number)
        small.start_node(number)
    small.wait_ready()


def test_a_node_that_was_away_until_its_blocks_were_gone_comes_back(small):
    small.stop_node(3, kill=True)
    at = small.nodes[0].get("/v1/status").json["height"]
    commit(small, [0, 1, 3], 120)
    wait_until("the blocks that it needs are gone", lambda: all(small.metric(n, "agiddi_first_block") > at + 1 for n in (1, 2, 4)))
    small.start_node(3)
    wait_until("it has joined again", lambda: small.metric(3, "agiddi_join_height") > 0, seconds=40)
    small.wait_ready()
    commit(small, [2, 0, 1], 6)
    small.assert_equal_everywhere()
    assert small.metric(3, "agiddi_view") == small.metric(1, "agiddi_view")


def test_a_node_that_was_away_for_a_while_catches_up_by_blocks_under_load(small):
    small.stop_node(2, kill=True)
    commit(small, [0, 2, 3], 20)
    small.start_node(2)
    commit(small, [0, 2, 3], 20)
    small.assert_equal_everywhere()
    assert small.metric(2, "agiddi_join_height") == 0
    small.wait_ready()


def test_a_backup_is_made_and_restored(small, tmp_path):
    commit(small, [0, 1, 2, 3], 4)
    small.assert_equal_everywhere()
    wait_until("the latest block is certified there", lambda: small.metric(4, "agiddi_certified_height") == small.metric(4, "agiddi_block_height"))
    small.stop_node(4)
    done = small.node_program(4, "--export-snapshot", str(tmp_path))
    assert done.returncode == 0, done.stderr
    backup = done.stdout.strip().rsplit(": ", 1)[1]
    assert small.node_program(4, "--restore", backup).returncode == 1  # its folder is not empty
    small.wipe(4)

    # A copy of which one byte has changed is refused, and leaves the folder as it was.
    broken = str(tmp_path / "broken")
    shutil.copytree(backup, broken)
    chunk = next(name for name in os.listdir(broken) if len(name) == 64)
    with open(os.path.join(broken, chunk), "r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    refused = small.node_program(4, "--restore", broken)
    assert refused.returncode == 1 and "damaged" in refused.stderr
    assert not os.path.exists(os.path.join(small.folder(4), "data"))

    commit(small, [0, 1, 2], 5)
    restored = small.node_program(4, "--restore", backup)
    assert restored.returncode == 0, restored.stderr
    small.check_store(4)
    small.start_node(4)
    small.wait_ready()
    commit(small, [3, 0], 4)
    small.assert_equal_everywhere()
