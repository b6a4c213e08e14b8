"""Members that change while the network works: added, removed, rotated, with one down, and proofs that hold across all of it."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from client import Identity, Node, binary, device, wait_until
from proofs import check_proof


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Joiner:
    """A daemon with an empty folder, whose key is no member's yet."""

    def __init__(self, cluster, name: str, tail: str = "", files: dict[str, str] | None = None):
        self.name, self.dir = name, os.path.join(cluster.dir, "joiner-" + name)
        os.mkdir(self.dir)
        shutil.copy(cluster.info["genesis"], os.path.join(self.dir, "genesis.json"))
        for arguments in (["keygen", "node.jwk"], ["keygen", "--sealing", "sealing.jwk"]):
            subprocess.run([binary("agiddi"), *arguments], cwd=self.dir, check=True, capture_output=True, timeout=30)
        for file_name, content in (files or {}).items():
            with open(os.path.join(self.dir, file_name), "w", encoding="utf-8") as file:
                file.write(content)
            os.chmod(file.name, 0o600)
        self.http, self.peer = free_port(), free_port()
        with open(os.path.join(self.dir, "node.toml"), "w", encoding="utf-8") as file:
            file.write(f'genesis = "genesis.json"\ndata = "data"\nkey = "node.jwk"\nsealing_key = "sealing.jwk"\nid = "{name}"\n'
                       f'[http]\nlisten = "127.0.0.1:{self.http}"\n[peer]\nlisten = "127.0.0.1:{self.peer}"\n{tail}')
        self.key = os.path.join(self.dir, "node.jwk")
        self.node = Node(f"http://127.0.0.1:{self.http}", cluster.network)
        self.log = os.path.join(self.dir, "log")
        self.start()

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([binary("agiddi-node"), "--config", "node.toml"], cwd=self.dir, stdout=log, stderr=log)
        wait_until("the joiner answers", self.answers)

    def answers(self):
        assert self.process.poll() is None, open(self.log, encoding="utf-8").read()[-2000:]
        try:
            return self.node.get("/healthz").status == 200
        except OSError:
            return False

    def request(self, network: str) -> str:
        made = subprocess.run([binary("agiddi"), "member", "request", self.name, "--address", f"127.0.0.1:{self.peer}", "--key", self.key, "--sealing-key",
                               os.path.join(self.dir, "sealing.jwk"), "--network", network], check=True, capture_output=True, timeout=30)
        file = os.path.join(self.dir, "join.json")
        with open(file, "wb") as out:
            out.write(made.stdout)
        return file

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Load(threading.Thread):
    """Registers devices one after another; keeps what was acknowledged and what was refused."""

    def __init__(self, cluster, nodes):
        super().__init__(daemon=True)
        self.cluster, self.nodes = cluster, nodes
        self.acknowledged, self.refused, self.ended = [], [], threading.Event()

    def run(self):
        i = 0
        while not self.ended.is_set():
            node = self.nodes[i % len(self.nodes)]
            i += 1
            try:
                body = {"devices": [device(node, self.cluster.provider.did, name=f"load {i}")]}
                answer = node.signed("/v1/devices", body, self.cluster.provider, "device.register")
            except OSError as problem:
                self.refused.append(str(problem))
                continue
            if answer.status == 201:
                self.acknowledged.append((answer.json["devices"][0]["id"], answer.json["transaction"]))
            else:
                self.refused.append(repr(answer))

    def stop(self):
        self.ended.set()
        self.join(60)


def node_key(cluster, number: int) -> str:
    return os.path.join(cluster.dir, "nodes", f"node-{number}", "node.jwk")


def member(cluster, *arguments: str, number: int = 1, key: str | None = None, node: str | None = None) -> dict:
    url = node or cluster.nodes[number - 1].url
    return cluster.tool("member", *arguments, "--key", key or node_key(cluster, number), "--node", url, "--json")


def decide(cluster, proposal: dict, voters: list[int]) -> dict:
    """Votes until the proposal is decided; gives what was."""
    outcome = proposal
    for number in voters:
        assert outcome["state"] == "open"
        outcome = member(cluster, "vote", proposal["proposal"], number=number)
    assert outcome["state"] == "decided", outcome
    return outcome["decided"]


def epoch_of(node) -> int:
    return node.get("/v1/status").json.get("epoch", -1)


def in_epoch(nodes, epoch: int, seconds: float = 60):
    wait_until(f"epoch {epoch} at every node", lambda: all(epoch_of(node) == epoch for node in nodes), seconds)


def check_offline(cluster, node, transaction: str, tmp_path, epoch: int):
    answer = node.get(f"/v1/transactions/{transaction}/proof")
    assert answer.status == 200, answer
    assert check_proof(cluster.info["genesis"], answer.json)["epoch"] == epoch
    file = tmp_path / f"{transaction}.json"
    file.write_bytes(answer.body)
    verify = [binary("agiddi"), "verify", "--genesis", cluster.info["genesis"], str(file), "--json"]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and json.loads(done.stdout)["epoch"] == epoch, done.stderr
    if answer.json["memberChanges"]:
        forged = json.loads(answer.body)
        del forged["memberChanges"][0]
        file.write_text(json.dumps(forged))
        refused = subprocess.run(verify, capture_output=True, text=True, timeout=30)
        assert refused.returncode == 1 and "members" in refused.stderr


def test_four_five_four_under_load_with_proofs_across_the_changes(own_cluster, tmp_path):
    cluster = own_cluster
    load = Load(cluster, cluster.nodes[:3])
    joiner = Joiner(cluster, "node-5")
    try:
        assert joiner.node.get("/readyz").status == 503 and joiner.node.get("/v1/status").json["role"] == "follower"
        load.start()
        wait_until("some load", lambda: len(load.acknowledged) >= 3)
        before = load.acknowledged[0][1]
        proposal = member(cluster, "add", joiner.request(cluster.network))
        assert proposal["state"] == "open"
        # It follows while it is voted on.
        wait_until("the joiner follows", lambda: joiner.node.get("/v1/status").json["height"] >= proposal["height"], 60)
        decided = decide(cluster, proposal, [2, 3])
        assert [m["id"] for m in decided["members"]] == [f"node-{i}" for i in range(1, 6)]
        everyone = [*cluster.nodes, joiner.node]
        in_epoch(everyone, 1)
        wait_until("the joiner is ready", lambda: joiner.node.get("/readyz").status == 200, 60)
        listed = cluster.nodes[3].get("/v1/validators").json
        assert listed["epoch"] == 1 and [v["state"] for v in listed["validators"]] == ["active"] * 5
        # A write through the new member, sealed for all five.
        urn = joiner.node.signed("/v1/devices", {"devices": [device(joiner.node, cluster.provider.did)]}, cluster.provider, "device.register")
        assert urn.status == 201, urn
        between = urn.json["transaction"]

        proposal = member(cluster, "remove", "node-4", number=5, key=joiner.key, node=joiner.node.url)
        decide(cluster, proposal, [1, 2, 3])
        in_epoch(everyone, 2)
        gone = cluster.nodes[3]
        wait_until("node-4 follows", lambda: gone.get("/v1/status").json["role"] == "follower")
        assert gone.get("/readyz").status == 503 and "no member" in gone.get("/readyz").json["detail"]
        refused = gone.signed("/v1/devices", {"devices": [device(gone, cluster.provider.did)]}, cluster.provider, "device.register")
        assert refused.status == 503, refused
        # The keys of what was sealed for four are wrapped again for the fifth.
        logs = [os.path.join(cluster.dir, "nodes", f"node-{i}", "log") for i in range(1, 5)]
        wait_until("wrapped again", lambda: any("sealed keys wrapped again" in open(log, encoding="utf-8").read() for log in logs), 60)
        wait_until("load goes on", lambda: (n := len(load.acknowledged)) and (time.sleep(0.3) or len(load.acknowledged) > n + 1))
        load.stop()
        after = load.acknowledged[-1][1]
        check_offline(cluster, cluster.nodes[0], before, tmp_path, 0)
        check_offline(cluster, joiner.node, between, tmp_path, 1)
        check_offline(cluster, joiner.node, after, tmp_path, 2)
        # What was acknowledged is at every node, the removed one too, and all have one state.
        for urn, _ in load.acknowledged:
            for node in everyone:
                wait_until("known everywhere", lambda: node.get("/v1/devices/" + urn).status == 200)
        blocks = cluster.wait_same_height(everyone)
        assert len({b["stateDigest"] for b in blocks}) == 1
        print(f"\n{len(load.acknowledged)} acknowledged, {len(load.refused)} refused while members changed twice")
        assert all("422" in r for r in load.refused), load.refused[:3]   # sealed for the members of a moment before
    finally:
        load.ended.set()
        joiner.stop()


def test_one_member_is_down_while_another_rotates_its_keys(own_cluster, tmp_path):
    cluster = own_cluster
    cluster.stop_node(4, kill=True)
    folder = os.path.dirname(node_key(cluster, 2))
    subprocess.run([binary("agiddi"), "keygen", "node.jwk.next"], cwd=folder, check=True, capture_output=True, timeout=30)
    subprocess.run([binary("agiddi"), "keygen", "--sealing", "sealing.jwk.next"], cwd=folder, check=True, capture_output=True, timeout=30)
    fresh = os.path.join(folder, "node.jwk.next")
    proposal = member(cluster, "rotate", "node-2", "--new-key", fresh, "--new-sealing-key", os.path.join(folder, "sealing.jwk.next"), number=2)
    decided = decide(cluster, proposal, [1, 3])
    assert decided["members"][1]["did"] == Identity.from_file(fresh).did
    running = cluster.nodes[:3]
    in_epoch(running, 1)
    for node in running:
        wait_until("ready", lambda: node.get("/readyz").status == 200, 30)
    # With one of four down every vote counts, that of the rotated key too.
    urn = cluster.new_device()
    # The former key proposes nothing any more; the new one does.
    refused = cluster.tool("member", "remove", "node-4", "--key", node_key(cluster, 2), "--node", cluster.nodes[0].url, "--json", check=False)
    assert refused.returncode == 1 and json.loads(refused.stdout)["status"] == 403
    assert member(cluster, "address", "node-4", "127.0.0.1:1", key=fresh)["state"] == "open"
    cluster.start_node(4)
    back = cluster.nodes[3]
    wait_until("node-4 is back in the new epoch", lambda: epoch_of(back) == 1 and back.get("/readyz").status == 200, 60)
    wait_until("node-4 has the device", lambda: back.get("/v1/devices/" + urn).status == 200)
    # A restart with the key still beside the old one.
    cluster.stop_node(2)
    cluster.start_node(2)
    wait_until("node-2 is a member again", lambda: cluster.nodes[1].get("/readyz").status == 200, 60)
    assert cluster.nodes[1].get("/v1/status").json["role"] == "member"
    transaction = cluster.nodes[1].signed("/v1/devices", {"devices": [device(cluster.nodes[1], cluster.provider.did)]}, cluster.provider, "device.register")
    assert transaction.status == 201, transaction
    check_offline(cluster, cluster.nodes[3], transaction.json["transaction"], tmp_path, 1)


def test_a_network_that_has_lost_a_member_is_stopped_and_brought_up_again(own_cluster):
    cluster = own_cluster
    present = cluster.nodes[0].get("/v1/validators").json["validators"][2]["address"]
    same = cluster.tool("member", "address", "node-3", present, "--key", node_key(cluster, 1), "--node", cluster.nodes[0].url, "--json", check=False)
    assert same.returncode == 1 and json.loads(same.stdout)["status"] == 409, same.stdout
    decide(cluster, member(cluster, "remove", "node-4"), [2, 3])
    in_epoch(cluster.nodes, 1)
    urn = cluster.new_device()
    for _ in range(2):
        cluster.tool("cluster", "down", "--dir", cluster.dir, "--json")
        again = cluster.tool("cluster", "up", "--dir", cluster.dir, "--json")
        assert [node["id"] for node in again["nodes"]] == ["node-1", "node-2", "node-3", "node-4"]
        for node in cluster.nodes[:3]:
            wait_until("ready", lambda: node.get("/readyz").status == 200, 30)
    # The former member follows: it says whose word it repeats, and has what is decided without it.
    urn = cluster.new_device()
    follower = cluster.nodes[3]
    wait_until("it has the device", lambda: follower.get("/v1/devices/" + urn).status == 200, 30)
    shown, status = follower.get("/v1/status").json, cluster.nodes[0].get("/v1/status").json
    assert shown["role"] == "follower" and shown["primary"] in ("node-1", "node-2", "node-3")
    assert shown["node"] == "node-4" and status["role"] == "member"
    assert follower.get("/readyz").status == 503


def test_the_tool_lists_and_refuses(cluster):
    listed = cluster.tool("member", "list", "--node", cluster.nodes[0].url, "--json")
    assert listed["epoch"] == 0 and len(listed["validators"]) == 4 and listed["rulesVersion"] == 6
    proposal = member(cluster, "address", "node-1", "127.0.0.1:65000", "--expires-minutes", "5")
    shown = cluster.tool("member", "proposals", proposal["proposal"], "--node", cluster.nodes[2].url, "--json")
    assert shown["yes"] == ["node-1"] and shown["needed"] == 3 and shown["state"] == "open"
    assert any(p["proposal"] == proposal["proposal"] for p in cluster.tool("member", "proposals", "--node", cluster.nodes[1].url, "--json")["proposals"])
    for number in (2, 3):
        outcome = member(cluster, "vote", proposal["proposal"], "--vote", "no", number=number)
    assert outcome["state"] == "rejected"
    stranger = os.path.join(cluster.dir, "accounts", "provider.jwk")
    done = cluster.tool("member", "remove", "node-4", "--key", stranger, "--node", cluster.nodes[0].url, "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["status"] == 403
    done = cluster.tool("member", "rotate", "node-4", "--key", stranger, "--node", cluster.nodes[0].url, "--json", check=False)
    assert done.returncode == 2


def test_an_account_keeps_devices_and_money_when_its_key_is_rotated(old_rules_cluster, tmp_path):
    cluster = old_rules_cluster
    node, key = cluster.nodes[0].url, os.path.join(cluster.dir, "accounts", "application-1.jwk")
    fresh = str(tmp_path / "fresh.jwk")
    cluster.tool("keygen", fresh, "--json")
    early = cluster.tool("rotate-key", "--key", key, "--new-key", fresh, "--node", node, "--json", check=False)
    assert early.returncode == 1 and json.loads(early.stdout)["status"] in (409, 422)   # rules version 1 knows no rotation
    decided = decide(cluster, member(cluster, "rules", "--version", "2"), [2, 3])
    # Nobody sends anything: empty blocks take the chain there.
    wait_until("the new rules are in force", lambda: cluster.nodes[0].get("/v1/validators").json["rulesVersion"] == 2)
    assert cluster.nodes[0].get("/v1/status").json["height"] >= decided["fromHeight"] - 1
    urn = cluster.new_device()
    account = cluster.application.did
    cluster.tool("rotate-key", "--key", key, "--new-key", fresh, "--node", node, "--json")

    def run(*arguments, signer=fresh, check=True):
        return cluster.tool(*arguments, "--key", signer, "--node", node, "--json", check=check)

    former = run("pay", "--device", urn, "--minutes", "10", signer=key, check=False)
    assert former.returncode == 1 and json.loads(former.stdout)["status"] == 403
    unnamed = run("pay", "--device", urn, "--minutes", "10", check=False)
    assert unnamed.returncode == 1, "the new key's own account holds nothing"
    paid = run("pay", "--device", urn, "--minutes", "10", "--account", account)
    made = run("integrate", "--payment", paid["payment"], "--protocol", "sse", "--account", account)
    assert made["delivery"]["url"]
    again = run("integration", "credentials", made["integration"])
    assert again["delivery"]["url"] != made["delivery"]["url"]
    assert run("integration", "close", made["integration"])["endedBecause"]
    wrong = run("pay", "--device", urn, "--minutes", "10", "--account", "me", check=False)
    assert wrong.returncode == 2
