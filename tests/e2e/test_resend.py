"""A device that sends a message again, as MQTT QoS 1 makes it when an acknowledgement is lost: nobody pays twice."""

import json
import secrets
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from client import device, wait_until
from test_access import integrate
from test_broker_flows import Listener
from test_handover import Reader


class HandMadeDevice:
    """A device of nobody's make: it takes its command, and publishes what the test says."""

    def __init__(self, broker):
        self.address = urlsplit(broker).hostname, urlsplit(broker).port
        self.topic = "devices/" + secrets.token_hex(8)
        self.commands, self.data = [], None
        listening = threading.Event()
        self.control = mqtt.Client(protocol=mqtt.MQTTv5)
        self.control.on_connect = lambda c, u, f, code, p=None: c.subscribe(self.topic, 1)
        self.control.on_subscribe = lambda *_: listening.set()
        self.control.on_message = lambda c, u, message: self.commands.append(json.loads(message.payload))
        self.control.connect(*self.address)
        self.control.loop_start()
        assert listening.wait(10)

    def start(self):
        command = wait_until("the start command", lambda: next((c for c in self.commands if c["command"] == "start"), None))
        self.data_topic, connected = command["topic"], threading.Event()
        self.data = mqtt.Client(protocol=mqtt.MQTTv5)
        self.data.username_pw_set(command["username"], command["password"])
        self.data.on_connect = lambda *_: connected.set()
        self.data.connect(*self.address)
        self.data.loop_start()
        assert connected.wait(10)

    def publish(self, payload):
        self.data.publish(self.data_topic, payload, qos=1).wait_for_publish(10)

    def close(self):
        for client in (self.control, self.data):
            if client:
                client.loop_stop()
                client.disconnect()


def registered(cluster, made_by_hand):
    sealed = cluster.nodes[0].seal({"endpoint": cluster.broker, "topic": made_by_hand.topic}, cluster.provider.did)
    document = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perKilobyte": "0.10"}, access={"protocol": "mqtt", "sealed": sealed})
    return cluster.register(document)[0]["id"]


def test_a_reading_that_is_sent_again_is_charged_once(cluster):
    made_by_hand = HandMadeDevice(cluster.broker)
    try:
        urn = registered(cluster, made_by_hand)
        made = integrate(cluster, cluster.pay(urn, kilobytes=5), [urn]).json
        made_by_hand.start()
        reader = Reader(cluster.nodes[3], made["delivery"]["url"])
        wait_until("the stream is open", lambda: (made_by_hand.publish('{"sensor":"air","value":0}'), reader.found)[1])
        made_by_hand.publish("-1")
        wait_until("what was on its way has come", lambda: reader.found[-1]["hasResult"]["numericValue"] == -1)
        begun, path = len(reader.found), "/v1/integrations/" + made["integration"]
        used = cluster.nodes[3].get(path).json["devices"][0]["bytesUsed"]
        payloads = ['{"sensor":"air","value":1,"time":"2026-01-31T08:00:0%dZ"}' % i for i in range(5)]
        for payload in payloads:
            for _ in range(3):
                made_by_hand.publish(payload)
        made_by_hand.publish("2")
        made_by_hand.publish("2")   # without a time it may be a reading of the same value
        wait_until("all have come", lambda: [d["hasResult"]["numericValue"] for d in reader.found[begun:]][-2:] == [2, 2])
        values = [d["hasResult"]["numericValue"] for d in reader.found[begun:]]
        assert values == [1] * 5 + [2, 2]
        assert [d["sequence"] for d in reader.found] == list(range(1, len(reader.found) + 1))
        assert cluster.nodes[3].get(path).json["devices"][0]["bytesUsed"] - used == sum(map(len, payloads)) + 2
        assert 'agiddi_delivery_dropped_total{why="duplicate"} 10' in cluster.nodes[3].get("/metrics").text
        cluster.nodes[3].signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close")
    finally:
        made_by_hand.close()


def test_it_is_known_on_whichever_path_it_comes_again(cluster):
    made_by_hand, listener = HandMadeDevice(cluster.broker), None
    try:
        urn = registered(cluster, made_by_hand)
        made = integrate(cluster, cluster.pay(urn, kilobytes=5), [urn], protocol="mqtt").json
        listener, path = Listener(made["delivery"]), "/v1/integrations/" + made["integration"]
        made_by_hand.start()
        payloads = ['{"sensor":"air","value":%d,"time":"2026-01-31T08:00:0%dZ"}' % (i, i) for i in range(5)]
        for payload in payloads * 2:
            made_by_hand.publish(payload)
        listener.wait_for(5 - len(listener.found))
        made_by_hand.publish('[{"n":"air","u":"Cel","v":7}]')   # which only the node can read: from here on the path is its own
        listener.wait_for(6 - len(listener.found))
        for payload in payloads:
            made_by_hand.publish(payload)
        made_by_hand.publish("8")
        wait_until("the last has come", lambda: listener.found[-1]["hasResult"]["numericValue"] == 8)
        assert [d["hasResult"]["numericValue"] for d in listener.found] == [0, 1, 2, 3, 4, 7, 8]
        assert listener.sequences() == list(range(1, 8))
        wait_until("all is counted", lambda: cluster.nodes[3].get(path).json["devices"][0]["bytesUsed"] == sum(map(len, payloads)) + len('[{"n":"air","u":"Cel","v":7}]') + 1)
        cluster.nodes[3].signed(path + "/close", {"integration": made["integration"]}, cluster.application, "integration.close")
    finally:
        made_by_hand.close()
        if listener:
            listener.close()
