"""Backups of a network whose members have changed: whoever restores one knows genesis alone, and everything that is doctored is refused."""

import json
import os
import shutil
import subprocess

from client import binary, unb64u, wait_until
from test_epochs import metric
from test_faults import commit
from test_membership import check_offline, decide, in_epoch, member, node_key


def node_program(folder: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([binary("agiddi-node"), "--config", os.path.join(folder, "node.toml"), *arguments], capture_output=True, text=True, timeout=60)


def spoil(path: str, old: bytes, new: bytes):
    with open(path, "rb") as file:
        raw = file.read()
    assert raw.count(old) == 1 and len(old) == len(new) and old != new
    with open(path, "wb") as file:
        file.write(raw.replace(old, new))


def other(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def test_a_backup_after_changes_of_members_is_restored_and_a_doctored_one_is_not(own_cluster, tmp_path):
    cluster = own_cluster
    first, keys = cluster.nodes[0], os.path.dirname(node_key(cluster, 2))
    for arguments in (["keygen", "node.jwk.next"], ["keygen", "--sealing", "sealing.jwk.next"]):
        subprocess.run([binary("agiddi"), *arguments], cwd=keys, check=True, capture_output=True, timeout=30)
    address = next(v["address"] for v in first.get("/v1/validators").json["validators"] if v["id"] == "node-4")
    decide(cluster, member(cluster, "address", "node-4", address.replace("127.0.0.1", "localhost")), [2, 3])
    in_epoch(cluster.nodes, 1)
    fresh = os.path.join(keys, "node.jwk.next")
    decide(cluster, member(cluster, "rotate", "node-2", "--new-key", fresh, "--new-sealing-key", os.path.join(keys, "sealing.jwk.next"), number=2), [1, 3])
    in_epoch(cluster.nodes, 2)
    commit(cluster, [0, 1, 2], 3)
    cluster.wait_same_height()
    third = cluster.nodes[2]
    wait_until("the latest block is certified there", lambda: metric(third, "agiddi_certified_height") == metric(third, "agiddi_block_height"))
    block = third.get("/v1/blocks/latest").json
    changes = third.get(f"/v1/transactions/{block['transactions'][0]}/proof").json["memberChanges"]
    assert len(changes) == 2
    cluster.stop_node(3)

    folder = os.path.join(cluster.dir, "nodes", "node-3")
    made = node_program(folder, "--export-snapshot", str(tmp_path))
    assert made.returncode == 0, made.stderr
    backup = made.stdout.strip().rsplit(": ", 1)[1]
    assert {"manifest", "certificate", "member-change-1", "member-change-2"} <= set(os.listdir(backup))
    data = os.path.join(folder, "data")
    shutil.rmtree(data)

    def refused(change) -> str:
        copy = str(tmp_path / "doctored")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(backup, copy)
        change(copy)
        done = node_program(folder, "--restore", copy)
        assert done.returncode == 1 and not done.stdout, done.stdout
        assert not os.path.exists(data), "something was written"
        return done.stderr

    signature = unb64u(changes[0]["certificate"]["signatures"][1]["signature"])
    digests = {name: bytes.fromhex(block[name]) for name in ("stateDigest", "membersDigest", "previousHash")}
    genesis_members = bytes.fromhex(first.get("/v1/blocks/0").json["membersDigest"])

    # What decided a member set: doctored, of another epoch, missing.
    reason = refused(lambda copy: spoil(os.path.join(copy, "member-change-1"), signature, other(signature)))
    assert "member-change-1: does not prove the members of epoch 1" in reason and "certificate" in reason, reason
    reason = refused(lambda copy: spoil(os.path.join(copy, "member-change-2"), b"localhost:", b"elsewhere:"))
    assert "member-change-2: does not prove the members of epoch 2" in reason and "receipt" in reason, reason
    reason = refused(lambda copy: shutil.copy(os.path.join(copy, "member-change-2"), os.path.join(copy, "member-change-1")))
    assert "member-change-1: does not prove the members of epoch 1" in reason, reason
    reason = refused(lambda copy: os.truncate(os.path.join(copy, "member-change-1"), 100))
    assert "member-change-1: " in reason, reason
    for epoch in (1, 2):
        reason = refused(lambda copy: os.remove(os.path.join(copy, f"member-change-{epoch}")))
        assert f"proven are the members up to epoch {epoch - 1}): member-change-{epoch} must stand beside its manifest. Copy the whole folder again" in reason, reason
    # A manifest that states another state, other members, or those of genesis.
    reason = refused(lambda copy: spoil(os.path.join(copy, "manifest"), digests["stateDigest"], other(digests["stateDigest"])))
    assert "certificate" in reason or "signature" in reason, reason
    reason = refused(lambda copy: spoil(os.path.join(copy, "manifest"), digests["membersDigest"], other(digests["membersDigest"])))
    assert "nothing here proves who certified this snapshot" in reason, reason
    reason = refused(lambda copy: spoil(os.path.join(copy, "manifest"), digests["membersDigest"], genesis_members))
    assert "certified by the members of epoch 0, who are not in force there" in reason, reason

    commit(cluster, [0, 1], 3)
    restored = node_program(folder, "--restore", backup)
    assert restored.returncode == 0, restored.stderr
    checked = node_program(folder, "--check-store")
    assert checked.returncode == 0 and "0 findings" in checked.stdout, checked.stdout + checked.stderr
    cluster.start_node(3)
    wait_until("it is ready", lambda: third.get("/readyz").status == 200, 60)
    # It proves across both changes what is decided now, though it never had the blocks that decided them.
    cluster.wait_ready()
    check_offline(cluster, third, cluster.pay(cluster.new_device(), minutes=5)["transaction"], tmp_path, 2)
    assert len({b["stateDigest"] for b in cluster.wait_same_height()}) == 1
