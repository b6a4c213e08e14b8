"""A real Mosquitto with the plugin, on a free port of the loopback, for each test."""

import json
import os
import queue
import socket
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

LIBRARY = os.environ.get("AGIDDI_BROKER_PLUGIN") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build/release/lib/agiddi_broker_plugin.so")
MOSQUITTO = "/usr/sbin/mosquitto"
NODE_1, NODE_2 = ("node-1", "password-of-node-1"), ("node-2", "password-of-node-2")
CONTROL = "$CONTROL/agiddi/v1"


def wait_until(what, check, seconds=5.0):
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"timed out waiting until {what}"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """An MQTT 5 client that keeps what happens to it."""

    def __init__(self, port, credentials=None, client_id="", connect=True, protocol=mqtt.MQTTv5):
        self.messages, self.published, self.subscribed = queue.Queue(), {}, {}
        self.code, self.ended = None, None
        self.mqtt = mqtt.Client(client_id=client_id, protocol=protocol)
        if credentials:
            self.mqtt.username_pw_set(*credentials)
        self.mqtt.on_connect = self.on_connect
        self.mqtt.on_disconnect = self.on_disconnect
        self.mqtt.on_message = lambda c, u, message: self.messages.put((message.topic, message.payload))
        self.mqtt.on_subscribe = lambda c, u, mid, codes, properties=None: self.subscribed.__setitem__(
            mid, [int(code.value) if hasattr(code, "value") else int(code) for code in codes])
        self.mqtt.on_publish = lambda c, u, mid: self.published.__setitem__(mid, True)
        self.mqtt.reconnect_delay_set(60, 60)
        self.port = port
        if connect:
            self.connect()

    def connect(self):
        self.mqtt.connect("127.0.0.1", self.port, keepalive=10)
        self.mqtt.loop_start()
        wait_until("the broker answers", lambda: self.code is not None)

    def on_connect(self, client, userdata, flags, code, properties=None):
        self.code = int(code.value) if hasattr(code, "value") else int(code)

    def on_disconnect(self, client, userdata, code, properties=None):
        self.ended = int(code.value) if hasattr(code, "value") else int(code)

    def subscribe(self, topic) -> bool:
        """Whether the broker granted it."""
        _, mid = self.mqtt.subscribe(topic, 1)
        return wait_until("the subscription is answered", lambda: self.subscribed.get(mid))[0] < 128

    def unsubscribe(self, topic):
        self.mqtt.unsubscribe(topic)

    def publish(self, topic, payload, retain=False):
        info = self.mqtt.publish(topic, payload, 1, retain)
        info.wait_for_publish(5)
        return info

    def receive(self, seconds=3.0):
        try:
            return self.messages.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


class Broker:
    def __init__(self, folder):
        self.folder, self.port, self.process, self.clients = folder, free_port(), None, []
        self.admins = folder / "admins"
        self.admins.write_text("# node accounts\n" + "\n".join(":".join(account) for account in (NODE_1, NODE_2)) + "\n")
        self.admins.chmod(0o600)
        self.options = ""
        self.log = folder / "log"

    def start(self, wait=True):
        config = self.folder / "mosquitto.conf"
        config.write_text(f"""listener {self.port} 127.0.0.1
allow_anonymous false
persistence false
log_type error
log_type warning
log_dest stderr
user root
max_queued_messages 10000
max_queued_bytes 67108864
message_size_limit 262144
set_tcp_nodelay true
plugin {LIBRARY}
plugin_opt_admins {self.admins}
{self.options}
""")
        environment = dict(os.environ)
        if preload := os.environ.get("AGIDDI_BROKER_PRELOAD"):
            environment.update(LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=log, stdout=log, env=environment)
        if wait:
            wait_until("the broker listens", self.listens, 10)
        return self

    def listens(self):
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def client(self, credentials=None, **options) -> Client:
        made = Client(self.port, credentials, **options)
        self.clients.append(made)
        return made

    def close(self):
        for client in self.clients:
            client.close()
        alive = self.process is not None and self.process.poll() is None
        self.stop()
        return alive


class Admin:
    """A node's control connection."""

    def __init__(self, broker, account=NODE_1):
        self.client, self.events = broker.client(account), []
        assert self.client.code == 0

    def control(self, *commands):
        return self.raw(json.dumps(list(commands)))

    def raw(self, payload):
        self.client.publish(CONTROL, payload)
        while True:
            received = self.client.receive()
            assert received, "no answer on the control topic"
            topic, body = received
            if topic.endswith("/response"):
                return json.loads(body)
            self.events.append(json.loads(body))

    def event(self, seconds=3.0):
        if self.events:
            return self.events.pop(0)
        received = self.client.receive(seconds)
        return json.loads(received[1]) if received else None


def grant(username, publish=(), subscribe=(), seconds=60.0, password=None, **more):
    return {"command": "grant", "username": username, "password": password or "secret-of-" + username + "-0123456789",
            "publish": list(publish), "subscribe": list(subscribe), "expires": int((time.time() + seconds) * 1000), **more}


def credentials(command):
    return command["username"], command["password"]


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path).start()
    yield made
    assert made.close(), "the broker died: " + made.log.read_text()


@pytest.fixture
def unstarted_broker(tmp_path):
    made = Broker(tmp_path)
    yield made
    made.close()
