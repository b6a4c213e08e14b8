"""The failure table of docs/METERING.md, the rows that no other file has: nothing paid is lost, nothing is charged twice."""

import glob
import json
import os
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest

from client import wait_until
from test_access import integrate, listening_device, path_of
from test_handover import Reader

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def usage(cluster, integration: str, node: int = 0) -> dict:
    return cluster.nodes[node].get("/v1/integrations/" + integration).json["devices"][0]


def ended(cluster, integration: str, seconds: float = 60) -> dict:
    def probe():
        answer = cluster.nodes[0].get("/v1/integrations/" + integration).json
        return answer if answer["state"] == "ended" else None
    return wait_until("the integration ends", probe, seconds)


def sequences(reader: Reader) -> list[int]:
    return [m["sequence"] for m in reader.found]


def settled(cluster, payment: dict) -> tuple[float, float]:
    """What the provider earned and what went back, once there is no more to come."""
    def probe():
        item = cluster.nodes[1].get("/v1/payments/" + payment["payment"]).json["items"][0]
        return (float(item["earned"]), float(item["refunded"])) if item["state"] == "settled" else None
    return wait_until("the item is settled", probe, 60)


def test_the_broker_is_killed_in_the_middle_of_a_paid_stream(own_cluster):
    cluster = own_cluster
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=6)
    made = integrate(cluster, payment, [urn]).json
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    reader.wait_for(10)
    os.kill(cluster.tool("cluster", "status", "--dir", cluster.dir, "--json")["brokerPid"], signal.SIGKILL)
    before = len(reader.found)
    cluster.tool("cluster", "up", "--dir", cluster.dir, "--json")
    wait_until("readings come again", lambda: len(reader.found) >= before + 10, 60)
    ended(cluster, made["integration"])
    reader.join(30)
    assert sequences(reader) == list(range(1, len(reader.found) + 1))   # none twice, none missing
    earned, refunded = settled(cluster, payment)
    used = usage(cluster, made["integration"])["bytesUsed"]
    assert used <= 6000 and earned == pytest.approx(used * 0.0001) and earned + refunded == pytest.approx(0.6)


def test_a_killed_device_earns_nothing_more(cluster):
    urn = listening_device(cluster, {"perMinute": "0.60"}, interval_ms=50, sampling_seconds=0.05)
    payment = cluster.pay(urn, minutes=5)
    made = integrate(cluster, payment, [urn]).json
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    reader.wait_for(5)
    began = time.monotonic()
    cluster.devices[-1].kill()
    cluster.devices[-1].wait()
    silent = wait_until("its silence is seen", lambda: usage(cluster, made["integration"], 3).get("silentSince"))
    assert silent
    assert cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close").status == 200
    earned, refunded = settled(cluster, payment)
    # A cent a second: what it served, and no more than its own silence may take to show.
    assert earned <= 0.01 * (time.monotonic() - began + 2) and earned + refunded == pytest.approx(3.0)


class Stalled:
    """A client of a stream that opens it and then does not read for a while."""

    def __init__(self, node, url: str):
        self.socket = socket.create_connection((node.host, node.port), timeout=60)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.sendall(f"GET {path_of(url)} HTTP/1.1\r\nHost: node\r\nAccept: text/event-stream\r\n\r\n".encode())
        self.text = self.socket.recv(256)

    def read_all(self) -> list[dict]:
        try:
            while part := self.socket.recv(65536):
                self.text += part
        except OSError:
            pass
        self.socket.close()
        found = [json.loads(line[5:]) for line in self.text.decode(errors="replace").splitlines() if line.startswith("data:") and line.endswith("}")]
        return [one for one in found if one.get("@type") == "sosa:Observation"]


def test_an_application_that_stalls_slows_nobody_and_pays_for_what_was_sent(cluster):
    urns = [listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=2) for _ in range(2)]
    slow_payment, payment = (cluster.pay(urn, kilobytes=20) for urn in urns)
    slow_made, made = integrate(cluster, slow_payment, [urns[0]]).json, integrate(cluster, payment, [urns[1]]).json
    stalled = Stalled(cluster.nodes[3], slow_made["delivery"]["url"])
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    ended(cluster, made["integration"])                 # all that the other one paid for came meanwhile
    reader.join(30)
    assert sequences(reader) == list(range(1, len(reader.found) + 1))
    found = stalled.read_all()
    ended(cluster, slow_made["integration"])
    assert [one["sequence"] for one in found] == list(range(1, len(found) + 1)) and found
    used = usage(cluster, slow_made["integration"])["bytesUsed"]
    earned, refunded = settled(cluster, slow_payment)
    assert used <= 20_000 and earned == pytest.approx(used * 0.0001) and earned + refunded == pytest.approx(2.0)


@pytest.mark.skipif(not FAKETIME, reason="needs libfaketime (Debian package faketime)")
@pytest.mark.parametrize("offset", ["+60", "-60"])
def test_a_node_whose_clock_is_wrong_by_a_minute_serves_as_long_as_was_paid(own_cluster, offset, monkeypatch):
    cluster = own_cluster
    cluster.stop_node(4)
    # With the libraries' allocators instead of the daemon's own, which asks for the time while libfaketime begins.
    for name, value in {"LD_PRELOAD": FAKETIME[0] + " libc.so.6 libstdc++.so.6", "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}.items():
        monkeypatch.setenv(name, value)
    cluster.start_node(4)
    for name in ("LD_PRELOAD", "FAKETIME"):
        monkeypatch.delenv(name)
    cluster.wait_ready()
    urn = listening_device(cluster, {"perMinute": "0.60"}, interval_ms=50)
    payment = cluster.pay(urn, minutes=0.1, starts="integration")
    made = integrate(cluster, payment, [urn]).json     # node 4 serves
    began = time.monotonic()
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    ended(cluster, made["integration"])
    lasted = time.monotonic() - began
    assert 4.5 <= lasted <= 12, lasted                  # six seconds, and what the end takes to be on the ledger
    reader.join(30)
    times = [m["resultTime"] for m in reader.found]
    assert len(times) > 40 and sequences(reader) == list(range(1, len(times) + 1))
    earned, refunded = settled(cluster, payment)
    assert 0.04 <= earned <= 0.06 and earned + refunded == pytest.approx(0.06)
