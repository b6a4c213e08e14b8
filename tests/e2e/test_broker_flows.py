"""Paid readings that go through the broker's plugin alone: what is delivered is what is charged, whoever is killed in the middle of it."""

import json
import os
import signal
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from client import wait_until
from conftest import Cluster
from test_access import integrate, listening_device
from test_handover import take_over


class Listener:
    """An application over MQTT that keeps what it gets, also over a broken connection."""

    def __init__(self, delivery):
        self.found, self.subscribed = [], threading.Event()
        address = urlsplit(delivery["broker"])
        self.mqtt = mqtt.Client(protocol=mqtt.MQTTv5)
        self.mqtt.username_pw_set(delivery["username"], delivery["password"])
        self.mqtt.reconnect_delay_set(1, 1)
        self.mqtt.on_connect = lambda c, u, f, code, p=None: c.subscribe(delivery["topic"], 1)
        self.mqtt.on_subscribe = lambda *_: self.subscribed.set()
        self.mqtt.on_message = lambda c, u, message: self.found.append(json.loads(message.payload))
        self.mqtt.connect(address.hostname, address.port, keepalive=5)
        self.mqtt.loop_start()
        assert self.subscribed.wait(10)

    def wait_for(self, more, seconds=30):
        count = len(self.found) + more
        wait_until(f"{more} more readings", lambda: len(self.found) >= count, seconds)

    def sequences(self):
        return [document["sequence"] for document in self.found]

    def paid_bytes(self):
        """Of the device's own payloads: its plain form, with the value as it was sent."""
        return sum(len('{"sensor":"air","value":}') + len(json.dumps(document["hasResult"]["numericValue"])) for document in self.found)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


class Paid:
    """A device, bought by the kilobyte, served over MQTT by the fourth of four nodes whose readings go through the broker alone."""

    def __init__(self, lease_seconds):
        self.cluster, self.listener = Cluster(4, "--lease-seconds", str(lease_seconds), "--data-path", "auto"), None

    def end(self):
        if self.listener:
            self.listener.close()
        self.cluster.close()

    def begin(self, kilobytes, interval_ms=10):
        self.urn = listening_device(self.cluster, {"perKilobyte": "0.10"}, interval_ms=interval_ms)
        self.payment = self.cluster.pay(self.urn, kilobytes=kilobytes)
        answer = integrate(self.cluster, self.payment, [self.urn], protocol="mqtt")
        assert answer.status == 201, answer
        self.made = answer.json
        self.listener = Listener(self.made["delivery"])
        wait_until("the readings go through the plugin alone", lambda: self.flows() == 1)
        return self.listener

    def metric(self, name, node=3):
        return int(next(line for line in self.cluster.nodes[node].get("/metrics").text.splitlines() if line.startswith(name + " ")).split()[1])

    def flows(self, node=3):
        return self.metric("agiddi_delivery_flows", node)

    def taken(self):
        """Messages that came to the node's own path, or were told by the plugin."""
        return self.metric("agiddi_delivery_messages_total")

    def state(self, node=3):
        return self.cluster.nodes[node].get("/v1/integrations/" + self.made["integration"]).json

    def ask_to_close(self, node):
        answer = self.cluster.nodes[node].signed(f"/v1/integrations/{self.made['integration']}/close", {"integration": self.made["integration"]},
                                                 self.cluster.application, "integration.close")
        assert answer.status == 200, answer

    def close(self, node=3):
        self.ask_to_close(node)
        return self.settled(60)

    def wait_for_charged(self, state):
        """What the node's own path has sent is on its way for a moment."""
        wait_until("all that was charged has come", lambda: self.listener.paid_bytes() >= state["devices"][0]["bytesUsed"])

    def broker_pid(self):
        with open(os.path.join(self.cluster.dir, "broker/pid"), encoding="utf-8") as file:
            return int(file.read())

    def configure(self, node, old, new):
        path = os.path.join(self.cluster.dir, f"nodes/node-{node}/node.toml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert old in text, text
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def settled(self, seconds):
        """As the ledger has it: what the node shows while it ends may lack the plugin's last count."""
        path = "/v1/payments/" + self.payment["payment"]
        wait_until("the end", lambda: self.cluster.nodes[0].get(path).json["items"][0]["state"] == "settled", seconds)
        return self.state(0)


@pytest.fixture
def paid():
    made = Paid(lease_seconds=5)
    yield made
    made.end()


@pytest.fixture
def paid_long():
    """Its node's lease outlives any absence here."""
    made = Paid(lease_seconds=60)
    yield made
    made.end()


def test_what_is_delivered_is_what_is_charged(paid):
    listener = paid.begin(kilobytes=6)
    state = paid.settled(60)
    assert listener.sequences() == list(range(1, len(listener.found) + 1))
    assert state["devices"][0]["bytesUsed"] == listener.paid_bytes() and 6000 - 80 < listener.paid_bytes() <= 6000


def test_the_node_is_killed_and_started_again(paid):
    listener = paid.begin(kilobytes=100)
    listener.wait_for(100)
    paid.cluster.stop_node(4, kill=True)
    paid.cluster.start_node(4)
    listener.wait_for(200)
    state = paid.close()
    assert sorted(set(listener.sequences())) == list(range(1, max(listener.sequences()) + 1)), "nothing was skipped"
    assert listener.sequences() == sorted(set(listener.sequences()))
    assert state["devices"][0]["bytesUsed"] == listener.paid_bytes()


def test_the_node_is_killed_for_good_and_another_goes_on(paid):
    listener = paid.begin(kilobytes=8, interval_ms=20)
    listener.wait_for(50)
    paid.cluster.stop_node(4, kill=True)
    made, _, _ = take_over(paid.cluster, paid.payment, paid.urn, at=1, protocol="mqtt")
    assert made["integration"] == paid.made["integration"]
    first = len(listener.found)
    second = Listener(made["delivery"])
    try:
        state = paid.settled(60)
        assert len(listener.found) == first, "the former flow ended with its lease"
        assert listener.paid_bytes() + second.paid_bytes() <= 8000
        assert second.sequences() == list(range(1, len(second.found) + 1)) and second.found[0]["epoch"] == 2
        assert state["devices"][0]["bytesUsed"] <= listener.paid_bytes() + second.paid_bytes()
    finally:
        second.close()


def test_the_broker_is_killed_and_started_again(paid):
    listener = paid.begin(kilobytes=100)
    listener.wait_for(100)
    os.kill(paid.broker_pid(), signal.SIGKILL)
    paid.cluster.tool("cluster", "up", "--dir", paid.cluster.dir, "--json")
    listener.wait_for(100, 60)
    wait_until("they go through the plugin alone again", lambda: paid.flows() == 1)
    listener.wait_for(50)
    state = paid.close()
    assert max(listener.sequences()) >= len(set(listener.sequences()))
    assert listener.sequences() == sorted(set(listener.sequences())), "no number was given twice"
    assert state["devices"][0]["bytesUsed"] <= listener.paid_bytes()


def test_the_device_is_killed_and_the_time_after_it_is_nobodys(paid):
    listener = paid.begin(kilobytes=100)
    listener.wait_for(100)
    for process in paid.cluster.devices:
        os.kill(process.pid, signal.SIGKILL)
    count = wait_until("nothing more comes", lambda: (n := len(listener.found)) and not threading.Event().wait(0.5) and n == len(listener.found) and n)
    state = wait_until("all is counted", lambda: (s := paid.state())["devices"][0]["bytesUsed"] == listener.paid_bytes() and s)
    assert state["state"] == "active"
    assert paid.close()["devices"][0]["bytesUsed"] == listener.paid_bytes()
    assert len(listener.found) == count


def test_closed_at_another_node_while_its_own_is_down(paid):
    listener = paid.begin(kilobytes=100)
    listener.wait_for(100)
    paid.cluster.stop_node(4, kill=True)
    listener.wait_for(50)   # the flow goes on, and nobody but the plugin counts
    paid.ask_to_close(0)
    paid.cluster.start_node(4)
    assert paid.settled(60)["devices"][0]["bytesUsed"] == listener.paid_bytes()


def test_the_answer_to_its_last_question_is_lost_with_the_node(paid):
    listener = paid.begin(kilobytes=100)
    listener.wait_for(100)
    os.kill(paid.broker_pid(), signal.SIGSTOP)
    try:
        paid.ask_to_close(0)
        wait_until("the node has ended it", lambda: paid.state()["state"] != "active")
        paid.cluster.stop_node(4, kill=True)
    finally:
        os.kill(paid.broker_pid(), signal.SIGCONT)
    paid.cluster.start_node(4)
    assert paid.settled(60)["devices"][0]["bytesUsed"] == listener.paid_bytes()


def test_a_node_that_is_told_to_use_its_own_path_takes_up_what_flows(paid_long):
    paid = paid_long
    listener = paid.begin(kilobytes=2_000)   # reserved is enough for the absence
    listener.wait_for(100)
    paid.cluster.stop_node(4)
    paid.configure(4, 'data_path = "auto"', 'data_path = "node"')
    paid.cluster.start_node(4)
    wait_until("the node has come back", lambda: paid.cluster.nodes[3].get("/readyz").status == 200)
    wait_until("they go through the node", lambda: paid.flows() == 0 and paid.taken() > 50, 30)
    listener.wait_for(50)
    state = paid.close()
    paid.wait_for_charged(state)
    assert listener.sequences() == list(range(1, len(listener.found) + 1))
    assert state["devices"][0]["bytesUsed"] == listener.paid_bytes()
