"""A device that falls silent: nobody pays for the time, and the ledger says how long it was."""

import os
import signal
import time

from client import device, wait_until
from test_access import integrate
from test_broker_flows import Listener
from test_handover import Reader


def running_device(cluster, sampling_seconds):
    """Its process, which sends every 50 ms whatever it declares, and its id."""
    topic = cluster.start_device(interval_ms=50)
    sealed = cluster.nodes[0].seal({"endpoint": cluster.broker, "topic": topic}, cluster.provider.did)
    document = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perMinute": "6"}, access={"protocol": "mqtt", "sealed": sealed})
    document["sensors"][0]["samplingSeconds"] = sampling_seconds
    return cluster.devices[-1], cluster.register(document)[0]["id"]


def test_time_of_silence_is_refunded(cluster):
    process, urn = running_device(cluster, sampling_seconds=0.05)
    earned_before = float(cluster.balance(cluster.provider)[0])
    began = time.monotonic()
    payment = cluster.pay(urn, minutes=10)
    made = integrate(cluster, payment, [urn]).json
    node, path = cluster.nodes[3], "/v1/integrations/" + made["integration"]
    reader = Reader(node, made["delivery"]["url"])
    reader.wait_for(5)
    assert "silentSince" not in node.get(path).json["devices"][0]

    process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        wait_until("it is silent", lambda: "silentSince" in node.get(path).json["devices"][0])
        assert time.monotonic() - stopped > 0.8
        time.sleep(3)   # a silence to be refunded
    finally:
        process.send_signal(signal.SIGCONT)
    silence = time.monotonic() - stopped - 1   # the first second is patience
    count = len(reader.found)
    reader.wait_for(count + 10)
    assert "silentSince" not in node.get(path).json["devices"][0]
    assert node.signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close").status == 200
    lasted = time.monotonic() - began
    state = wait_until("settled", lambda: (s := cluster.nodes[0].get(path).json)["phase"] == "ended" and s)
    told = state["devices"][0]["silentSeconds"]
    assert silence - 0.5 < told < silence + 1
    earned = wait_until("the provider is paid", lambda: (e := float(cluster.balance(cluster.provider)[0]) - earned_before) > 0 and e)
    assert earned <= (lasted - told + 0.5) * 0.1
    assert earned > 0.03


def test_a_device_whose_connection_broke_is_silent_from_then_on(cluster):
    """Its last will says so, long before three of its sampling intervals are over."""
    process, urn = running_device(cluster, sampling_seconds=3)
    made = integrate(cluster, cluster.pay(urn, minutes=10), [urn], protocol="mqtt").json
    listener, node, path = Listener(made["delivery"]), cluster.nodes[3], "/v1/integrations/" + made["integration"]
    try:
        listener.wait_for(20)
        os.kill(process.pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_until("it is silent", lambda: "silentSince" in node.get(path).json["devices"][0])
        assert 2.5 < time.monotonic() - killed < 6, "after one interval, not after three"
        assert node.signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close").status == 200
        silence = time.monotonic() - killed
        state = wait_until("settled", lambda: (s := cluster.nodes[0].get(path).json)["phase"] == "ended" and s)
        assert abs(state["devices"][0]["silentSeconds"] - silence) < 1, "all of it, from the moment when the connection broke"
    finally:
        listener.close()
