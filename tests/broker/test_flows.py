"""Flows: readings that the plugin measures, counts and sends on by itself, on a real Mosquitto."""

import json
import os
import socket
import struct
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from conftest import NODE_2, Admin, Client, credentials, grant, wait_until

DEVICE_TOPIC, APPLICATION_TOPIC = "in/device-topic", "out/app-topic"


class Flow:
    """A device and an application of one node, with a flow between them."""

    def __init__(self, broker, sensors=("air",), listen=True, **terms):
        self.broker, self.admin = broker, Admin(broker)
        self.device, self.application = grant("device-1", publish=[DEVICE_TOPIC]), grant("app-1", subscribe=[APPLICATION_TOPIC])
        made = self.admin.control(self.device, self.application, {"command": "status"})
        self.clock = made[2]["clock"]
        self.ledger = int(time.time() * 1000) - self.clock
        self.lease(60_000)
        self.terms = {"command": "flow", "username": "device-1", "generation": "g1", "passed": made[0]["passed"], "topic": DEVICE_TOPIC, "application": "app-1",
                      "applicationTopic": APPLICATION_TOPIC, "bytesUsed": 0, "readings": 0, "sequence": 0, "sequenceLimit": 1_000, "bytes": 10_000,
                      "clock": {"accountedTo": self.now(), "heard": self.now(), "earnedMs": 0, "silentMs": 0},
                      "sensors": [{"name": name, "head": '{"sensor":"%s","value":' % name, "middle": ',"time":"', "tail": '","sequence":'} for name in sensors], **terms}
        self.answer = self.admin.control({name: value for name, value in self.terms.items() if value is not None})[0]
        self.receiver = broker.client(credentials(self.application))
        if listen:
            assert self.receiver.subscribe(APPLICATION_TOPIC)
        assert self.admin.client.subscribe(DEVICE_TOPIC)
        self.sender = broker.client(credentials(self.device))
        self.left = []   # what the plugin left to the node

    def now(self):
        """On the ledger."""
        return self.ledger + time.monotonic_ns() // 1_000_000

    def lease(self, ms):
        assert self.admin.control({"command": "lease", "until": self.now() + ms, "toLedger": self.ledger})[0]["ok"]

    def again(self, generation, **terms):
        """Ends what there is and begins another, as a node does."""
        last = self.state("flow-end")
        told = last["flow"]
        terms = {"bytesUsed": told["bytes"], "readings": told["readings"], "sequence": told["sequence"], "passed": last["passed"], **terms}
        answer = self.admin.control({**self.terms, "generation": generation, **terms})[0]
        assert answer["ok"], answer
        return last

    def send(self, *payloads):
        for payload in payloads:
            self.sender.publish(DEVICE_TOPIC, payload)

    def received(self, count):
        return [json.loads(self.receiver.receive()[1]) for _ in range(count)]

    def state(self, command="flow-state"):
        self.take_left()
        return self.admin.control({"command": command, "username": "device-1"})[0]

    def forget(self, generation):
        assert self.admin.control({"command": "flow-forget", "username": "device-1", "generation": generation})[0]["ok"]

    def take_left(self, seconds=0.2):
        while message := self.admin.client.receive(seconds):
            if message[0] == DEVICE_TOPIC:
                self.left.append(message[1])
        return self.left


def test_a_reading_is_measured_counted_and_sent_on(broker):
    flow = Flow(broker)
    assert flow.answer["ok"], flow.answer
    flow.send("21.5", '{"sensor":"air","value":-1e3}', '{"sensor":"air","value":7,"time":"2026-01-31T08:00:00.5Z"}')
    first, second, third = flow.received(3)
    assert (first["sensor"], first["value"], first["sequence"]) == ("air", 21.5, 1)
    assert (second["value"], second["sequence"], third["value"], third["sequence"]) == (-1000, 2, 7, 3)
    assert third["time"] == "2026-01-31T08:00:00.500Z"
    state = flow.state()["flow"]
    assert (state["readings"], state["sequence"]) == (3, 3)
    assert state["bytes"] == len("21.5") + len('{"sensor":"air","value":-1e3}') + len('{"sensor":"air","value":7,"time":"2026-01-31T08:00:00.5Z"}')
    assert flow.take_left() == []


def test_what_is_no_reading_is_dropped_and_a_repeated_one_is_free(broker):
    flow = Flow(broker)
    timed = '{"sensor":"air","value":7,"time":"2026-01-31T08:00:00Z"}'
    flow.send("garbage", '{"sensor":"water","value":1}', timed, timed, timed, "1", "1")
    assert [m["sequence"] for m in flow.received(3)] == [1, 2, 3]
    state = flow.state()["flow"]
    assert (state["unreadable"], state["unknownSensor"], state["duplicates"], state["readings"], state["bytes"]) == (1, 1, 2, 3, len(timed) + 2)
    assert flow.take_left() == [], "nothing of it is the node's"


def test_nobody_listens_nobody_pays(broker):
    flow = Flow(broker, listen=False)
    flow.send("1", "2")
    assert flow.receiver.subscribe(APPLICATION_TOPIC)
    flow.send("3")
    assert flow.received(1)[0]["sequence"] == 1
    state = flow.state()["flow"]
    assert (state["noReceiver"], state["readings"], state["bytes"]) == (2, 1, 1)


def test_no_limit_is_passed_and_what_comes_then_is_left_to_the_node_in_order(broker):
    flow = Flow(broker, bytes=5)
    flow.send("1234", "56", "7", "8")   # the second would pass it; those behind it may not overtake it
    assert [m["value"] for m in flow.received(1)] == [1234]
    assert flow.receiver.receive(0.2) is None
    assert flow.take_left() == [b"56", b"7", b"8"]
    state = flow.state("flow-end")
    assert (state["flow"]["bytes"], state["flow"]["stopped"], state["passed"]) == (4, True, 3)
    assert flow.state()["flow"]["ended"], "kept until the node says that it has it"
    flow.forget("g0")
    assert "flow" in flow.state()
    flow.forget("g1")
    assert "flow" not in flow.state()


def test_a_raised_limit_lets_more_through_and_a_sequence_has_an_end(broker):
    flow = Flow(broker, bytes=2, sequenceLimit=3)
    flow.send("1", "2")
    assert flow.admin.control({"command": "raise", "username": "device-1", "generation": "g1", "bytes": 100, "sequenceLimit": 3})[0]["ok"]
    assert not flow.admin.control({"command": "raise", "username": "device-1", "generation": "g0", "bytes": 200, "sequenceLimit": 9})[0]["ok"]
    flow.send("3", "4")
    assert [m["sequence"] for m in flow.received(3)] == [1, 2, 3]
    assert flow.take_left() == [b"4"]


def test_a_flow_ends_with_the_lease_and_with_time(broker):
    flow = Flow(broker)
    flow.lease(300)
    flow.send("1")
    time.sleep(0.5)
    flow.send("2")
    assert len(flow.received(1)) == 1
    assert flow.take_left() == [b"2"]
    flow.lease(60_000)
    flow.again("g2", expires=flow.now() + 300)
    flow.send("3")
    time.sleep(0.5)
    flow.send("4")
    assert flow.received(1)[0]["sequence"] == 2
    assert flow.take_left() == [b"2", b"4"]


def test_packs_properties_and_qos_2_are_left_to_the_node(broker):
    for what in ("pack", "property", "qos 2"):
        flow = Flow(broker, generation=what.replace(" ", "-"))
        assert flow.answer["ok"], flow.answer
        if what == "pack":
            flow.send('[{"n":"air","v":1}]')
        elif what == "property":
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = ("smuggled", "x" * 1000)
            flow.sender.mqtt.publish(DEVICE_TOPIC, "1", 1, properties=properties).wait_for_publish(5)
        else:
            flow.sender.mqtt.publish(DEVICE_TOPIC, "1", 2).wait_for_publish(5)
        assert len(flow.take_left()) == 1
        state = flow.state("flow-end")["flow"]
        assert state["stopped"] and state["unfit"] and state["bytes"] == 0
        assert flow.receiver.receive(0.1) is None
        flow.admin.control({"command": "reset"})
        flow.admin.client.close()


def die_with_a_will(broker, account, topic):
    dying = Client(broker.port, account, connect=False)
    dying.mqtt.will_set(topic, "99", 1)
    dying.mqtt.connect("127.0.0.1", broker.port)
    dying.mqtt.loop_start()
    wait_until("it is connected", lambda: dying.code == 0)
    dying.mqtt._sock_close()
    dying.mqtt.loop_stop()


def test_a_will_of_a_granted_device_goes_nowhere(broker):
    flow = Flow(broker)
    witness = broker.client()
    assert witness.subscribe("devices/witness")
    die_with_a_will(broker, credentials(flow.device), DEVICE_TOPIC)
    die_with_a_will(broker, None, "devices/witness")
    assert witness.receive() == ("devices/witness", b"99"), "wills are published here"
    assert flow.receiver.receive(0.2) is None
    assert flow.take_left() == []
    assert flow.state()["flow"]["bytes"] == 0


def test_a_flow_begins_only_when_the_node_has_all_that_passed(broker):
    flow = Flow(broker, passed=5)
    assert not flow.answer["ok"] and flow.answer["passed"] == 0
    flow.send("1")
    assert flow.take_left() == [b"1"]
    assert flow.admin.control({**flow.terms, "passed": 1})[0]["ok"]
    flow.send("2")
    assert flow.received(1)[0]["value"] == 2


def test_terms_that_cannot_hold_are_refused(broker):
    flow = Flow(broker)
    flow.send("0")
    flow.received(1)
    flow.state("flow-end")
    for change in ({"topic": "in/other"}, {"applicationTopic": "out/much-longer-than-the-devices"}, {"applicationTopic": "in/app"}, {"applicationTopic": "out/+"},
                   {"username": "nobody"}, {"sensors": []}, {"sequence": -1}, {"bytes": "many"}, {"unknown": 1}, {"generation": None},
                   {"clock": {}}, {"clock": None}, {"clock": {**flow.terms["clock"], "patienceMs": 0}}, {"marks": "00"}, {"marks": "0" * 16}, {"marks": "1" * 16 * 257}, {"sequence": 0}):
        command = {**flow.terms, "sequence": 1, "generation": "g2", **change}
        assert not flow.admin.control({name: value for name, value in command.items() if value is not None})[0]["ok"], change
    assert flow.admin.control({**flow.terms, "sequence": 1, "generation": "g2"})[0]["ok"]
    refused = flow.admin.control({**flow.terms, "sequence": 1, "generation": "g3"})[0]
    assert not refused["ok"] and refused["flow"]["generation"] == "g2"
    flow.send("1")
    assert flow.received(1)[0]["sequence"] == 2, "the flow that was there goes on"


def test_usage_is_told_in_time_and_a_revocation_tells_the_rest(broker):
    flow = Flow(broker)
    flow.send("1", "22")
    flow.received(2)

    def told():
        event = flow.admin.event(0.2)
        return event and event.get("event") == "usage" and event["flows"] and event["flows"][-1]["readings"] == 2 and event

    event = wait_until("the usage is told", told)
    assert (event["flows"][0]["bytes"], event["flows"][0]["username"], event["reportedUntil"]) == (3, "device-1", event["clock"])
    assert flow.ledger + event["clock"] >= event["flows"][0]["accountedTo"] >= event["flows"][0]["heard"] == event["flows"][0]["last"]
    flow.send("333")
    last = flow.admin.control({"command": "revoke", "username": "device-1"})[0]
    assert last["ok"] and last["flow"]["bytes"] == 6


def test_the_same_grant_again_keeps_the_flow_and_another_ends_it(broker):
    flow = Flow(broker)
    flow.send("1")
    again = flow.admin.control(flow.device)[0]
    assert (again["passed"], again["sequence"], again["flow"]["generation"]) == (0, 1, "g1")
    assert flow.state()["flow"]["readings"] == 1
    flow.admin.control(grant("device-1", publish=[DEVICE_TOPIC], password="another-password-0123456"))
    assert flow.state()["flow"]["ended"]


def test_the_last_count_is_kept_until_the_node_has_it(broker):
    """However the flow ended, and over a lost connection."""
    for end in ("flow-end", "revoke", "synced", "expired"):
        flow = Flow(broker)
        assert flow.answer["ok"], flow.answer
        flow.send("1", "22")
        flow.received(2)
        if end == "synced":
            flow.admin.control({"command": "sync"}, {"command": "synced"})
        elif end == "expired":
            flow.admin.control(grant("device-1", publish=[DEVICE_TOPIC], seconds=0.3))

            def told_of_its_end():
                event = flow.admin.event(0.2)
                return event and any(told.get("ended") for told in event.get("flows", []))

            wait_until("its end is told", told_of_its_end)
        else:
            flow.admin.control({"command": end, "username": "device-1"})
        flow.admin.client.close()   # whatever was answered
        flow.admin = Admin(broker)
        for command in ("flow-state", "flow-end", "revoke"):
            told = flow.admin.control({"command": command, "username": "device-1"})[0]["flow"]
            assert (told["bytes"], told["sequence"], told["generation"], told["ended"]) == (3, 2, "g1", True), (end, command)
        flow.forget("g1")
        assert "flow" not in flow.admin.control({"command": "revoke", "username": "device-1"})[0]
        flow.admin.control({"command": "reset"})
        flow.admin.client.close()


def test_another_node_cannot_see_or_forget_a_flow(broker):
    flow = Flow(broker)
    flow.state("flow-end")
    other = Admin(broker, NODE_2)
    assert "flow" not in other.control({"command": "flow-state", "username": "device-1"})[0]
    other.control({"command": "flow-forget", "username": "device-1", "generation": "g1"})
    assert "flow" in flow.state()


def test_figures_go_on_from_what_the_node_had(broker):
    flow = Flow(broker, bytesUsed=100, readings=7, sequence=9, bytes=105)
    flow.send("1", "22", "333")
    assert [m["sequence"] for m in flow.received(2)] == [10, 11]
    told = flow.state()["flow"]
    assert (told["bytes"], told["readings"], told["sequence"], told["stopped"]) == (103, 9, 11, True)


def test_a_repeated_message_is_free_across_flows_and_paths(broker):
    def timed(second):
        return '{"sensor":"air","value":7,"time":"2026-01-31T08:00:%02dZ"}' % second

    flow = Flow(broker)
    flow.send(timed(1), timed(2))
    flow.received(2)
    last = flow.again("g2")
    assert len(last["marks"]) == 2 * 16
    flow.send(timed(1), timed(2))
    assert flow.state()["flow"]["duplicates"] == 2
    flow.admin.control({"command": "reset"})   # a plugin that knows nothing, told by its node
    flow.admin.client.close()
    fresh = Flow(broker, marks=last["marks"])
    fresh.send(timed(1), timed(2), timed(3))
    assert fresh.received(1)[0]["sequence"] == 1
    told = fresh.state("flow-end")
    assert (told["flow"]["duplicates"], told["flow"]["readings"]) == (2, 1)
    assert told["marks"].startswith(last["marks"]) and len(told["marks"]) == 3 * 16


def test_time_served_is_counted_by_the_plugin_and_silence_is_not_served(broker):
    flow = Flow(broker, clock=None)
    begun = flow.now()
    clock = {"accountedTo": begun, "heard": begun, "earnedMs": 5_000, "silentMs": 70, "patienceMs": 300}
    assert flow.admin.control({**flow.terms, "clock": clock})[0]["ok"]
    flow.send("1")
    time.sleep(1.0)   # of which 0.3 s are served
    flow.send("2")
    told = flow.state()["flow"]
    assert told["accountedTo"] - begun == told["earnedMs"] - 5_000 + told["silentMs"] - 70, "every millisecond is one or the other"
    assert 600 < told["silentMs"] - 70 < 1_300
    flow.lease(0)
    ended = flow.now()
    time.sleep(0.2)
    flow.send("3")
    told = flow.state()["flow"]
    assert told["stopped"] and told["earnedMs"] - 5_000 + told["silentMs"] - 70 <= ended - begun + 5, "without a lease nobody serves"


def test_the_applications_quality_of_service_is_the_devices(broker):
    flow = Flow(broker)
    qualities = []
    flow.receiver.mqtt.on_message = lambda c, u, message: qualities.append(message.qos)
    for quality in (0, 1, 0):
        flow.sender.mqtt.publish(DEVICE_TOPIC, "1", quality).wait_for_publish(5)
    wait_until("all have come", lambda: len(qualities) == 3)
    assert qualities == [0, 1, 0]
    assert flow.state()["flow"]["readings"] == 3


def test_a_used_up_limit_is_told_once(broker):
    flow = Flow(broker, bytes=4)
    flow.send("1234")
    flow.received(1)
    for _ in range(20):
        flow.send("garbage")
    time.sleep(0.6)
    events = []
    while event := flow.admin.event(0.2):
        events.append(event)
    told = [e for e in events if e.get("flows")]
    assert 0 < len(told) <= 6, "every 0.1 s at most, not with every message"


def test_a_will_says_that_the_device_is_lost_and_a_connection_that_it_is_back(broker):
    flow = Flow(broker, clock=None)
    begun = flow.now()
    assert flow.admin.control({**flow.terms, "clock": {"accountedTo": begun, "heard": begun, "earnedMs": 0, "silentMs": 0, "patienceMs": 60_000, "absenceMs": 500}})[0]["ok"]

    def event(what):
        def found():
            event = flow.admin.event(0.2)
            return event and event["event"] == what and event
        return wait_until(what + " is told", found)

    flow.sender.close()
    flow.sender = None
    die_with_a_will(broker, credentials(flow.device), DEVICE_TOPIC)
    lost = event("lost")
    assert lost["username"] == "device-1" and flow.ledger + lost["at"] <= flow.now()
    told = flow.state()["flow"]
    assert abs(told["lost"] - flow.ledger - lost["at"]) < 5
    wait_until("it has been away for long", lambda: flow.now() > told["lost"] + 700)
    told = flow.state()["flow"]
    assert told["earnedMs"] == told["lost"] - begun and told["silentMs"] == told["accountedTo"] - told["lost"]
    again = broker.client(credentials(flow.device))
    event("back")
    assert "lost" in flow.state()["flow"], "it is heard with its next reading only"
    again.publish(DEVICE_TOPIC, "1")
    flow.received(1)
    assert "lost" not in flow.state()["flow"]
    again.close()   # of its own will
    time.sleep(0.3)
    assert "lost" not in flow.state()["flow"]


def packet(kind, body):
    """An MQTT packet; its length takes at most two bytes."""
    assert len(body) < 16_384
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return bytes([kind]) + length + body


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


def deaf_subscriber(broker, username, password):
    """Subscribes at QoS 1 and reads nothing more; the socket is to be closed."""
    connection = socket.create_connection(("127.0.0.1", broker.port), timeout=5)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(packet(0x10, text("MQTT") + b"\x04\xc2\x00\x00" + text("deaf") + text(username) + text(password)))
    assert connection.recv(4, socket.MSG_WAITALL) == b"\x20\x02\x00\x00"
    connection.sendall(packet(0x82, b"\x00\x01" + text(APPLICATION_TOPIC) + b"\x01"))
    assert connection.recv(5, socket.MSG_WAITALL) == b"\x90\x03\x00\x01\x01"
    return connection


def memory_mib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


@pytest.mark.skipif("AGIDDI_BROKER_PRELOAD" in os.environ, reason="a sanitizer keeps memory that was given back")
def test_an_application_that_reads_nothing_takes_bounded_memory(broker):
    """Measurements are much larger than the payloads that are paid for: what is queued at QoS 1 is bounded in bytes, not in messages alone."""
    flow = Flow(broker, listen=False)
    flow.again("g2", sequenceLimit=100_000, bytes=100_000,
               sensors=[{"name": "air", "head": '{"text":"' + "x" * 30_000 + '","value":', "middle": ',"time":"', "tail": '","sequence":'}])
    before = memory_mib(broker.process)
    with deaf_subscriber(broker, *credentials(flow.application)):
        for _ in range(12):
            sent = [flow.sender.mqtt.publish(DEVICE_TOPIC, "1", 1) for _ in range(500)]
            for one in sent:
                one.wait_for_publish(10)
        assert flow.state()["flow"]["readings"] == 6_000
        grown = memory_mib(broker.process) - before
        assert 32 < grown < 110, f"{grown:.0f} MiB of the 170 MiB that was sent"
