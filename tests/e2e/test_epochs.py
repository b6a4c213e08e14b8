"""A node with an empty folder joins after every genesis member is gone or has another key, and the blocks that decided it are dropped everywhere."""

import base64
import json
import os
import shutil
import subprocess

from client import Identity, binary, device, wait_until
from proofs import check_proof
from test_faults import commit
from test_membership import Joiner, check_offline, decide, epoch_of, in_epoch, member, node_key
from test_state_transfer import LEDGER, SmallCluster


def metric(node, name: str) -> int:
    try:
        text = node.get("/metrics").text
    except OSError:
        return -1   # it installs a snapshot just now
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith(name + " "))


def log_of(joiner) -> str:
    with open(joiner.log, encoding="utf-8") as file:
        return file.read()


def refusal(cluster, proof: dict, tmp_path) -> str:
    file = tmp_path / "forged.json"
    file.write_text(json.dumps(proof))
    done = subprocess.run([binary("agiddi"), "verify", "--genesis", cluster.info["genesis"], str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1, "a forged proof was accepted"
    return done.stderr


def flipped(text: str) -> str:
    """Another value of the same length in base64url."""
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[len(raw) // 2] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")


def test_an_empty_node_joins_across_epochs_whose_blocks_are_dropped(tmp_path):
    cluster = SmallCluster()
    joiner = None
    try:
        joiner = Joiner(cluster, "node-5", LEDGER)
        heights = []

        def change(proposal: dict, voters: list[int], at: list) -> None:
            outcome = proposal
            for number in voters:
                outcome = member(cluster, "vote", proposal["proposal"], number=number, key=keys[number])
            assert outcome["state"] == "decided", outcome
            heights.append(outcome["decided"]["fromHeight"])
            in_epoch(at, len(heights))

        keys = {number: node_key(cluster, number) for number in range(1, 5)}
        change(member(cluster, "add", joiner.request(cluster.network)), [2, 3], [*cluster.nodes, joiner.node])
        change(member(cluster, "remove", "node-4", number=5, key=joiner.key, node=joiner.node.url), [1, 2, 3], [*cluster.nodes[:3], joiner.node])
        cluster.stop_node(4)
        for number in (1, 2, 3):
            fresh, folder = keys[number] + ".next", os.path.dirname(keys[number])
            subprocess.run([binary("agiddi"), "keygen", fresh], check=True, capture_output=True, timeout=30)
            subprocess.run([binary("agiddi"), "keygen", "--sealing", "sealing.jwk.next"], cwd=folder, check=True, capture_output=True, timeout=30)
            proposal = member(cluster, "rotate", f"node-{number}", "--new-key", fresh, "--new-sealing-key", os.path.join(folder, "sealing.jwk.next"), number=number)
            change(proposal, [other for other in (1, 2, 3) if other != number], [*cluster.nodes[:3], joiner.node])
            keys[number] = fresh
        members = cluster.nodes[0].get("/v1/validators").json["validators"]
        assert epoch_of(cluster.nodes[0]) == 5 and [m["id"] for m in members] == ["node-1", "node-2", "node-3", "node-5"]

        commit(cluster, [0, 1, 2], 130)
        for node in [*cluster.nodes[:3], joiner.node]:
            wait_until("what decided the last epoch is dropped", lambda: metric(node, "agiddi_first_block") > heights[-1], 60)
        for node in cluster.nodes[:3]:
            assert node.get(f"/v1/blocks/{heights[0] - 17}").status == 404

        # The folder is empty and genesis is all that it knows: nobody has a key of genesis any more.
        joiner.stop()
        shutil.rmtree(os.path.join(joiner.dir, "data"))
        open(joiner.log, "w", encoding="utf-8").close()
        joiner.start()
        wait_until("strangers are refused", lambda: "peer link refused" in log_of(joiner))
        assert joiner.node.get("/v1/status").json["height"] == 0 and "peer connected" not in log_of(joiner)
        joiner.stop()
        config = os.path.join(joiner.dir, "node.toml")
        with open(config, encoding="utf-8") as file:
            text = file.read()
        present = ", ".join(f'{{ address = "{m["address"]}", did = "{Identity.from_file(keys[i + 1]).did}" }}' for i, m in enumerate(members[:2]))
        with open(config, "w", encoding="utf-8") as file:
            file.write(text.replace("[peer]\n", f"[peer]\nbootstrap = [{present}]\n"))
        joiner.start()
        wait_until("it has joined by a snapshot", lambda: metric(joiner.node, "agiddi_join_height") > heights[-1], 60)
        wait_until("it is ready", lambda: joiner.node.get("/readyz").status == 200, 60)
        status = joiner.node.get("/v1/status").json
        assert status["role"] == "member" and status["epoch"] == 5
        assert metric(joiner.node, "agiddi_first_block") > heights[-1] and metric(joiner.node, "agiddi_epoch_proofs_refused_total") == 0
        assert log_of(joiner).count('msg="members learned"') == 5

        # It votes: with another one down every vote counts, its own too.
        cluster.stop_node(3, kill=True)
        answer = joiner.node.signed("/v1/devices", {"devices": [device(joiner.node, cluster.provider.did)]}, cluster.provider, "device.register")
        assert answer.status == 201, answer
        transaction = answer.json["transaction"]
        cluster.start_node(3)

        for node in (joiner.node, cluster.nodes[0]):
            wait_until("it has the block", lambda: node.get(f"/v1/transactions/{transaction}").status == 200)
            check_offline(cluster, node, transaction, tmp_path, 5)
        proof = joiner.node.get(f"/v1/transactions/{transaction}/proof").json
        assert [c["header"]["height"] for c in proof["memberChanges"]] == [height - 17 for height in heights]
        assert check_proof(cluster.info["genesis"], proof)["epoch"] == 5

        def forged(change) -> str:
            copy = json.loads(json.dumps(proof))
            change(copy["memberChanges"])
            return refusal(cluster, copy, tmp_path)

        def spoil(changes, part, field):
            changes[2][part][field] = flipped(changes[2][part][field])

        assert "members" in forged(lambda changes: changes.pop(3))
        assert "members" in forged(lambda changes: changes.reverse())
        assert "certificate" in forged(lambda changes: changes[1]["certificate"]["signatures"].pop())
        assert "receipt" in forged(lambda changes: spoil(changes, "receipt", "value"))
        assert "transaction" in forged(lambda changes: spoil(changes, "transaction", "document"))
        assert "hash" in forged(lambda changes: changes[0]["header"].update(height=heights[0] - 18))

        joiner.stop()
        checked = subprocess.run([binary("agiddi-node"), "--config", config, "--check-store"], capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0 and "0 findings" in checked.stdout, checked.stdout + checked.stderr
        # A copy of the newest snapshot in its folder is a backup, though it was fetched: genesis alone tells who certified it.
        data = os.path.join(joiner.dir, "data")
        newest = max(name for name in os.listdir(os.path.join(data, "snapshots")) if "-" in name)
        backup = shutil.copytree(os.path.join(data, "snapshots", newest), tmp_path / "backup")
        assert {f"member-change-{epoch}" for epoch in range(1, 6)} <= set(os.listdir(backup))
        shutil.rmtree(data)
        for arguments in (["--restore", str(backup)], ["--check-store"]):
            done = subprocess.run([binary("agiddi-node"), "--config", config, *arguments], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
        cluster.stop_node(1)
        cluster.check_store(1)
    finally:
        if joiner:
            joiner.stop()
        cluster.close()
