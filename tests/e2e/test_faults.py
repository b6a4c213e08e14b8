"""Nodes that die: the path goes on through the others, and who comes back catches up."""

import json
import os
import signal
import subprocess
import time

import pytest

from client import binary, device, wait_until
from test_access import integrate, listening_device, path_of


def commit(cluster, nodes, count: int = 1):
    """Registers devices through the given nodes; each must be acknowledged."""
    made = []
    for i in range(count):
        node = nodes[i % len(nodes)]
        answer = cluster.nodes[node].signed("/v1/devices", {"devices": [device(cluster.nodes[node], cluster.provider.did)]}, cluster.provider, "device.register")
        assert answer.status == 201, answer
        made.append(answer.json["devices"][0]["id"])
    return made


def test_the_primary_is_killed_and_comes_back(own_cluster):
    cluster = own_cluster
    before = commit(cluster, [0, 1, 2, 3], 4)
    primary = int(cluster.nodes[0].get("/v1/status").json["primary"].split("-")[1])
    others = [i for i in range(4) if i != primary - 1]
    cluster.stop_node(primary, kill=True)
    started = time.monotonic()
    during = commit(cluster, others, 1)
    assert time.monotonic() - started < 6
    during += commit(cluster, others, 9)
    cluster.start_node(primary)
    back = cluster.nodes[primary - 1]
    for urn in before + during:
        wait_until("caught up", lambda: back.get("/v1/devices/" + urn).status == 200)
    cluster.wait_ready()
    after = commit(cluster, [0, 1, 2, 3], 4)
    blocks = cluster.wait_same_height()
    assert len({b["stateDigest"] for b in blocks}) == 1
    for urn in after:
        wait_until("readable at the one that was away", lambda: back.get("/v1/devices/" + urn).status == 200)


def test_without_a_quorum_nothing_is_acknowledged_and_nothing_is_lost(own_cluster):
    cluster = own_cluster
    kept = commit(cluster, [0])
    cluster.stop_node(3, kill=True)
    cluster.stop_node(4, kill=True)
    wait_until("not ready", lambda: cluster.nodes[0].get("/readyz").status == 503)
    answer = cluster.nodes[0].signed("/v1/devices", {"devices": [device(cluster.nodes[0], cluster.provider.did)]}, cluster.provider, "device.register",
                                     headers={"Prefer": "wait=2"})
    assert answer.status in (503, 504), answer
    cluster.start_node(3)
    wait_until("ready again", lambda: cluster.nodes[0].get("/readyz").status == 200)
    commit(cluster, [0, 1, 2], 3)
    cluster.start_node(4)
    wait_until("caught up", lambda: cluster.nodes[3].get("/v1/devices/" + kept[0]).status == 200)
    assert len({b["stateDigest"] for b in cluster.wait_same_height()}) == 1


def test_every_node_killed_at_once_loses_nothing(own_cluster):
    cluster = own_cluster
    kept = commit(cluster, [0, 1, 2, 3], 8)
    for number in range(1, 5):
        cluster.stop_node(number, kill=True)
    for number in range(1, 5):
        cluster.start_node(number)
    for node in cluster.nodes:
        for urn in kept:
            wait_until("still there", lambda: node.get("/v1/devices/" + urn).status == 200)
    cluster.wait_ready()
    commit(cluster, [0, 1, 2, 3], 4)
    assert len({b["stateDigest"] for b in cluster.wait_same_height()}) == 1


def test_nobody_pays_for_the_time_in_which_the_serving_node_was_dead(own_cluster):
    cluster = own_cluster
    urn = listening_device(cluster, {"perMinute": "0.60"}, interval_ms=50)
    provider, application = (float(cluster.balance(who)[0]) for who in (cluster.provider, cluster.application))
    made = integrate(cluster, cluster.pay(urn, minutes=0.1, starts="integration"), [urn]).json  # six seconds at node 4
    for _, data in zip(range(5), cluster.nodes[3].stream(path_of(made["delivery"]["url"]))):
        assert json.loads(data[1])["device"] == urn
    cluster.stop_node(4, kill=True)
    wait_until("the paid time is over", lambda: cluster.nodes[0].get("/v1/status").json["time"] > made["grants"][0]["expires"])
    cluster.start_node(4)
    wait_until("settled", lambda: cluster.balance(cluster.application)[1] == "0", 60)
    earned = float(cluster.balance(cluster.provider)[0]) - provider
    assert 0 < earned < 0.035  # some of six seconds, at one cent a second
    assert application - float(cluster.balance(cluster.application)[0]) == pytest.approx(earned, abs=0.000001)


def test_sigterm_stops_within_two_seconds(own_cluster):
    cluster = own_cluster
    commit(cluster, [0])
    pid = cluster.info["nodes"][1]["pid"]
    started = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    wait_until("gone", lambda: not os.path.exists(f"/proc/{pid}") or open(f"/proc/{pid}/stat").read().split(") ")[1][0] == "Z", 5, 0.01)
    assert time.monotonic() - started < 2


def test_a_data_folder_is_used_by_one_node(own_cluster):
    config = os.path.join(own_cluster.info["nodes"][0]["dir"], "node.toml")
    done = subprocess.run([binary("agiddi-node"), "--config", config], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "use" in done.stderr


def test_a_bad_configuration_is_named(tmp_path):
    def run(text):
        file = tmp_path / "node.toml"
        file.write_text(text)
        return subprocess.run([binary("agiddi-node"), "--config", str(file)], capture_output=True, text=True, timeout=20)

    for text, word in [("", "genesis"), ("genesis = 5", "genesis"), ("genesys = 'x'", "genes"), ("[[", "node.toml:1"),
                       ("genesis='g'\ndata='d'\nkey='k'\nsealing_key='s'\n[http]\nlisten='0.0.0.0:80'\n[peer]\nlisten='127.0.0.1:1'", "https")]:
        done = run(text)
        assert done.returncode == 1 and word in done.stderr, (text, done.stderr)
