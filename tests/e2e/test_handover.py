"""What becomes of a paid stream when the node that serves it dies, or stops for a while."""

import json
import os
import signal
import threading
import time

import pytest

from client import wait_until
from test_access import integrate, listening_device, path_of


class Reader(threading.Thread):
    """All that one stream gives, until it ends."""

    def __init__(self, node, url):
        super().__init__(daemon=True)
        self.node, self.path, self.found = node, path_of(url), []
        self.start()

    def run(self):
        # A node that has just been started takes up what it serves when it has caught up with the others.
        wait_until("the stream opens", lambda: self.node.get("/v1/integrations/" + self.path.split("/")[3]).json.get("state") and self.read(), 30)

    def read(self):
        try:
            for _, data in self.node.stream(self.path, timeout=60):
                document = json.loads(data)
                if document.get("@type") == "sosa:Observation":
                    self.found.append(document)
        except (OSError, AssertionError):
            return bool(self.found)
        return True

    def wait_for(self, count):
        wait_until(f"{count} readings", lambda: len(self.found) >= count, 30)


def take_over(cluster, payment, urn, at, protocol="sse"):
    """integration.create at another node until the lease has run out; how long that took."""
    began = time.monotonic()
    refusals = []

    def accepted():
        answer = integrate(cluster, payment, [urn], at=at, protocol=protocol)
        if answer.status == 201:
            return answer.json
        assert answer.status == 409, answer
        refusals.append(answer.json["detail"])
        return None

    made = wait_until("the other node takes over", accepted, 30)
    return made, refusals, time.monotonic() - began


def test_another_node_goes_on_when_the_serving_one_is_killed(short_leases_cluster):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=10)
    before = [float(x) for x in cluster.balance(cluster.application)]
    earned_before = float(cluster.balance(cluster.provider)[0])
    payment = cluster.pay(urn, kilobytes=40)
    made = integrate(cluster, payment, [urn], at=3).json
    first = Reader(cluster.nodes[3], made["delivery"]["url"])
    first.wait_for(20)
    assert integrate(cluster, payment, [urn], at=0).status == 409

    cluster.stop_node(4, kill=True)
    again, refusals, seconds = take_over(cluster, payment, urn, at=0)
    assert again["integration"] == made["integration"]
    assert refusals and "node-4" in refusals[0]
    assert seconds < 12, seconds
    second = Reader(cluster.nodes[0], again["delivery"]["url"])
    second.wait_for(1)
    assert {d["epoch"] for d in first.found} == {1} and second.found[0]["epoch"] == 2
    assert second.found[0]["sequence"] == 1

    # The old node is back, and serves nothing of it any more.
    cluster.start_node(4)
    wait_until("ready", lambda: cluster.nodes[3].get("/readyz").status == 200)
    path = "/v1/integrations/" + made["integration"]
    wait_until("it knows", lambda: cluster.nodes[3].get(path).json["node"] == "node-1")
    refused = cluster.nodes[3].signed(path + "/credentials", {"integration": made["integration"]}, cluster.application, "integration.credentials")
    assert refused.status == 409 and "node-1" in refused.json["detail"]
    assert cluster.nodes[3].get(path_of(made["delivery"]["url"])).status in (401, 404)

    state = wait_until("the end", lambda: (s := cluster.nodes[1].get(path).json)["state"] == "ended" and s, 60)
    device = state["devices"][0]
    assert state["epoch"] == 2 and device["bytesUsed"] + device.get("bytesLost", 0) <= 40_000
    assert [d["sequence"] for d in second.found] == list(range(1, len(second.found) + 1))
    after = wait_until("the settlement", lambda: (b := [float(x) for x in cluster.balance(cluster.application)])[1] == pytest.approx(before[1]) and b)
    earned = float(cluster.balance(cluster.provider)[0]) - earned_before
    # The provider earns what was reported, the rest is refunded: what was reserved and never reported too.
    assert earned == pytest.approx(device["bytesUsed"] * 0.0001, abs=0.000001)
    assert before[0] - after[0] == pytest.approx(earned, abs=0.000001)


def test_a_node_that_stopped_for_a_while_forwards_nothing_after_its_lease(short_leases_cluster):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perMinute": "0.60"}, interval_ms=20)
    payment = cluster.pay(urn, minutes=5)
    made = integrate(cluster, payment, [urn], at=3).json
    first = Reader(cluster.nodes[3], made["delivery"]["url"])
    first.wait_for(10)
    pid = cluster.pid(4)
    os.kill(pid, signal.SIGSTOP)
    try:
        again, _, _ = take_over(cluster, payment, urn, at=1)
        second = Reader(cluster.nodes[1], again["delivery"]["url"])
        second.wait_for(5)
        count = len(first.found)
    finally:
        os.kill(pid, signal.SIGCONT)
    path = "/v1/integrations/" + made["integration"]
    wait_until("the old node knows", lambda: cluster.nodes[3].get(path).json["node"] == "node-2", 30)
    second.wait_for(len(second.found) + 10)
    # What it had forwarded before it stopped may still arrive, and nothing that came later.
    stale = [d for d in first.found[count:] if d["resultTime"] > second.found[0]["resultTime"]]
    assert not stale, stale
    closed = cluster.nodes[1].signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close")
    assert closed.status == 200


def test_a_pause_that_nobody_took_over_is_paid_by_nobody(short_leases_cluster):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perMinute": "60"}, interval_ms=20)   # a unit a second
    earned_before = float(cluster.balance(cluster.provider)[0])
    payment = cluster.pay(urn, minutes=2, starts="integration")
    began = time.monotonic()
    made = integrate(cluster, payment, [urn], at=3).json
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    reader.wait_for(20)
    pid = cluster.pid(4)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(9)   # a pause that is longer than the lease
    os.kill(pid, signal.SIGCONT)
    count = len(reader.found)
    reader.wait_for(count + 50)
    path = "/v1/integrations/" + made["integration"]
    assert cluster.nodes[0].signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close").status == 200
    lasted = time.monotonic() - began
    state = wait_until("settled by its node's report", lambda: (s := cluster.nodes[0].get(path).json)["phase"] == "ended" and s, 15)
    assert state["epoch"] == 1 and state["endedBecause"] == "closed"
    earned = wait_until("the provider is paid", lambda: (e := float(cluster.balance(cluster.provider)[0]) - earned_before) > 0 and e)
    # Its lease held on for at most five seconds of the pause.
    assert earned < lasted - 3.5, (earned, lasted)
    assert earned > lasted - 9.5, (earned, lasted)
    assert [d["sequence"] for d in reader.found] == list(range(1, len(reader.found) + 1))


def test_the_same_node_may_be_asked_again_after_a_restart(short_leases_cluster):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=50)
    made = integrate(cluster, payment, [urn], at=2).json
    reader = Reader(cluster.nodes[2], made["delivery"]["url"])
    reader.wait_for(10)
    used = len(reader.found)
    cluster.stop_node(3, kill=True)
    cluster.start_node(3)
    wait_until("ready", lambda: cluster.nodes[2].get("/readyz").status == 200)
    # It goes on by itself, in the same epoch, from its own count: nothing is lost.
    again = Reader(cluster.nodes[2], made["delivery"]["url"])
    again.wait_for(5)
    assert again.found[0]["epoch"] == 1 and again.found[0]["sequence"] > used
    path = "/v1/integrations/" + made["integration"]
    assert "bytesLost" not in cluster.nodes[2].get(path).json["devices"][0]
    assert cluster.nodes[2].signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close").status == 200
