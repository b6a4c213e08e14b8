"""The broker's TLS listener that `cluster up` makes: a device and an application over mqtts, in both versions of MQTT."""

import json
import secrets
import ssl
import subprocess
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from client import binary, device, wait_until
from conftest import READINGS, Cluster
from test_access import check_measurement, integrate


@pytest.fixture(scope="module")
def tls_cluster():
    made = Cluster(4, "--broker-tls")
    yield made
    made.close()


class Client:
    def __init__(self, cluster, url, topic, username=None, password=None, version=mqtt.MQTTv5):
        self.found, self.subscribed = [], False
        address = urlsplit(url)
        assert address.scheme == "mqtts" and url == cluster.info["brokerTls"]
        self.mqtt = mqtt.Client(protocol=version)
        self.mqtt.tls_set(ca_certs=cluster.info["brokerAuthority"])
        if username:
            self.mqtt.username_pw_set(username, password)
        self.mqtt.on_connect = lambda c, u, f, code, p=None: c.subscribe(topic, 1)
        self.mqtt.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self.mqtt.on_message = lambda c, u, message: self.found.append(json.loads(message.payload))
        self.mqtt.connect(address.hostname, address.port)
        self.mqtt.loop_start()
        wait_until("subscribed", lambda: self.subscribed)

    def close(self):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def registered(cluster, topic):
    sealed = cluster.nodes[0].seal({"endpoint": cluster.broker, "topic": topic}, cluster.provider.did)
    document = device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perKilobyte": "0.10"}, access={"protocol": "mqtt", "sealed": sealed})
    return cluster.register(document)[0]["id"]


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_device_and_an_application_over_tls(tls_cluster, version):
    cluster, topic = tls_cluster, "devices/" + secrets.token_hex(8)
    urn = registered(cluster, topic)
    commanded = Client(cluster, cluster.info["brokerTls"], topic, version=version)
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn], protocol="mqtt").json
    application = Client(cluster, made["delivery"]["broker"], made["delivery"]["topic"], made["delivery"]["username"], made["delivery"]["password"], version)
    command = wait_until("the start command", lambda: commanded.found and commanded.found[0])
    assert command["command"] == "start"
    sender = mqtt.Client(protocol=version)
    sender.tls_set(ca_certs=cluster.info["brokerAuthority"])
    sender.username_pw_set(command["username"], command["password"])
    address = urlsplit(command["broker"])
    assert command["broker"] == cluster.info["brokerTls"]
    sender.connect(address.hostname, address.port)
    sender.loop_start()
    try:
        for value in range(5):
            sender.publish(command["topic"], json.dumps({"sensor": "air", "value": value}), 1).wait_for_publish(10)
        wait_until("five readings", lambda: len(application.found) == 5)
        for value, document in enumerate(application.found):
            check_measurement(document, urn, made["integration"])
            assert document["hasResult"]["numericValue"] == value and document["sequence"] == value + 1
    finally:
        sender.disconnect()
        sender.loop_stop()
        for one in (commanded, application):
            one.close()


def test_the_project_s_own_device_and_tool_over_tls(tls_cluster, monkeypatch):
    cluster, topic = tls_cluster, "devices/" + secrets.token_hex(8)
    urn = registered(cluster, topic)
    monkeypatch.setenv("SSL_CERT_FILE", cluster.info["brokerAuthority"])
    log = open(cluster.dir + "/tls-device.log", "w+", encoding="utf-8")
    process = subprocess.Popen([binary("agiddi-device"), "--broker", cluster.info["brokerTls"], "--ca", cluster.info["brokerAuthority"], "--command-topic", topic,
                                "--table", READINGS, "--column", "temperature", "--sensor", "air", "--interval-ms", "20"], stdout=log, stderr=log)
    cluster.devices.append(process)
    wait_until("the device listens", lambda: "listening" in open(log.name, encoding="utf-8").read())
    payment = cluster.pay(urn, kilobytes=0.5)
    done = subprocess.run([binary("agiddi"), "integrate", "--node", cluster.nodes[3].url, "--key", cluster.dir + "/accounts/application-1.jwk", "--payment", payment["payment"],
                           "--follow", "--json"], capture_output=True, text=True, timeout=60)
    log.close()
    assert done.returncode == 0, done
    lines = [json.loads(line) for line in done.stdout.splitlines() if "sosa:Observation" in line]
    assert len(lines) > 5 and lines[-1]["device"] == urn


def test_who_does_not_trust_the_cluster_s_authority_gets_no_connection(tls_cluster):
    address = urlsplit(tls_cluster.info["brokerTls"])
    stranger = mqtt.Client()
    stranger.tls_set()
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.connect(address.hostname, address.port)
    with open(tls_cluster.info["brokerAuthority"], encoding="utf-8") as file:
        assert "PRIVATE" not in file.read()
