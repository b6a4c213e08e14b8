"""Counts of applications and providers beside their node's (rules version 6): what is paid, who is served no more, what is shown."""

import json

import paho.mqtt.client as mqtt
import pytest

from client import wait_until
from conftest import Cluster
from test_access import integrate, listening_device
from test_failures import Stalled
from test_handover import Reader
from test_membership import decide, member
from test_tool import Following, follow, key_of, tool


def count(cluster, integration: str, urn: str, sequence: int, measurements: int, identity=None, node: int = 1, **more):
    body = {"integration": integration, "sequence": sequence, "devices": [{"device": urn, "measurements": measurements, **more}]}
    return cluster.nodes[node].signed(f"/v1/integrations/{integration}/counts", body, identity or cluster.application, "usage.count")


def shown(cluster, integration: str, node: int = 3) -> dict:
    return cluster.nodes[node].get("/v1/integrations/" + integration).json["devices"][0]


def counts(cluster, integration: str, node: int = 1) -> dict:
    return shown(cluster, integration, node)["counts"]


def settled(cluster, payment: str, seconds: float = 60) -> tuple[float, float]:
    def probe():
        item = cluster.nodes[1].get("/v1/payments/" + payment).json["items"][0]
        return (float(item["earned"]), float(item["refunded"])) if item["state"] == "settled" else None
    return wait_until("the item is settled", probe, seconds)


def missed(cluster, node: int = 1) -> dict:
    return {m["id"]: m["missedReports"] for m in cluster.nodes[node].get("/v1/validators").json["validators"]}


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_an_honest_count_is_the_nodes_and_the_provider_earns_all(cluster, protocol):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    run = follow(cluster, urn, protocol, "--json", "--count", kilobytes=3)
    assert run.end() == 0, run.told()
    integration, found = run.integration(), len(run.lines())
    assert f"ended: data used up; {found} readings received, {found} counted" in run.told()
    device = wait_until("settled", lambda: (d := shown(cluster, integration, 1))["state"] == "ended" and d)
    figures = device["counts"]
    assert figures["node"]["measurements"] == figures["application"]["measurements"] == found
    assert figures["settled"] == figures["node"] and figures["node"]["bytes"] == device["bytesUsed"] > 3000 - 80
    payment = cluster.nodes[1].get("/v1/integrations/" + integration).json["payment"]
    assert settled(cluster, payment)[0] == pytest.approx(device["bytesUsed"] * 0.0001)


class Silent:
    """Subscribes at QoS 0, and reads nothing more."""

    def __init__(self, delivery: dict):
        broker = delivery["broker"].rsplit(":", 1)
        self.client = mqtt.Client()
        self.client.username_pw_set(delivery["username"], delivery["password"])
        subscribed = []
        self.client.on_connect = lambda client, *_: client.subscribe(delivery["topic"], 0)
        self.client.on_subscribe = lambda *_: subscribed.append(1)
        self.client.connect(broker[0].split("//")[1], int(broker[1]))
        wait_until("subscribed", lambda: self.client.loop(0.05) == mqtt.MQTT_ERR_SUCCESS and subscribed)

    def close(self):
        self.client.socket().close()


class MqttReader:
    def __init__(self, delivery: dict):
        broker = delivery["broker"].rsplit(":", 1)
        self.found, self.client = [], mqtt.Client()
        self.client.username_pw_set(delivery["username"], delivery["password"])
        self.client.on_connect = lambda client, *_: client.subscribe(delivery["topic"], 1)
        self.client.on_message = lambda _client, _data, message: self.found.append(json.loads(message.payload))
        self.client.connect(broker[0].split("//")[1], int(broker[1]))
        self.client.loop_start()

    def wait_for(self, number: int):
        wait_until(f"{number} readings", lambda: len(self.found) >= number, 30)

    def close(self):
        self.client.loop_stop()
        self.client.disconnect()


def counted_from_the_start(cluster, protocol, per_kilobyte, kilobytes, interval_ms):
    """A device that is bought, integrated, and counted before anything is read of it."""
    urn = listening_device(cluster, {"perKilobyte": per_kilobyte}, interval_ms=interval_ms)
    payment = cluster.pay(urn, kilobytes=kilobytes)["payment"]
    made = integrate(cluster, {"payment": payment}, [urn], protocol=protocol).json
    assert count(cluster, made["integration"], urn, 1, 0).status == 200
    return urn, payment, made


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_who_reads_nothing_for_a_while_pays_for_what_came(cluster, protocol):
    urn, payment, made = counted_from_the_start(cluster, protocol, "0.01", 2000, interval_ms=3)
    integration = made["integration"]
    stalled = Stalled(cluster.nodes[3], made["delivery"]["url"]) if protocol == "sse" else Silent(made["delivery"])
    wait_until("readings are charged that nobody reads", lambda: shown(cluster, integration)["measurements"] >= 300, 60)
    stalled.socket.close() if protocol == "sse" else stalled.close()
    reader = Reader(cluster.nodes[3], made["delivery"]["url"]) if protocol == "sse" else MqttReader(made["delivery"])
    reader.wait_for(100)
    assert min(m["sequence"] for m in reader.found) > 100    # what was lost is lost, and has its numbers
    assert cluster.nodes[3].signed(f"/v1/integrations/{integration}/close", {"integration": integration}, cluster.application, "integration.close").status == 200
    assert count(cluster, integration, urn, 2, len(reader.found)).status == 200
    earned, refunded = settled(cluster, payment)
    figures = counts(cluster, integration)
    got, all_of_them = figures["application"]["measurements"], figures["node"]["measurements"]
    assert 100 <= got <= len(reader.found) and all_of_them - got >= 200
    by_count = -(-figures["node"]["bytes"] * got // all_of_them)
    assert figures["settled"]["bytes"] == by_count < figures["node"]["bytes"]
    assert earned == pytest.approx(by_count * 0.00001) and earned + refunded == pytest.approx(20.0)
    if protocol == "mqtt":
        reader.close()


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_who_counts_low_is_served_no_further_than_a_window(cluster, protocol):
    urn, payment, made = counted_from_the_start(cluster, protocol, "0.10", 10, interval_ms=10)
    integration = made["integration"]
    reader = Reader(cluster.nodes[3], made["delivery"]["url"]) if protocol == "sse" else MqttReader(made["delivery"])
    reader.wait_for(10)
    earned, refunded = settled(cluster, payment)
    device = shown(cluster, integration, 1)
    assert device["endedBecause"] == "disputed" and cluster.nodes[1].get("/v1/integrations/" + integration).json["endedBecause"] == "disputed"
    assert 0 < device["bytesUsed"] <= 10_000 / 16           # all that it got for nothing
    assert device["counts"]["settled"]["bytes"] == 0 == earned and refunded == pytest.approx(1.0)
    assert count(cluster, integration, urn, 2, 5).status == 409
    if protocol == "mqtt":
        reader.close()


def test_the_providers_count_is_shown_and_changes_no_money(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    run = follow(cluster, urn, "sse", "--json", "--count", kilobytes=50)
    run.wait_for_readings(20)
    integration, url = run.integration(), cluster.nodes[0].url
    done = tool("count", integration, "--device", urn, "--measurements", "4000", "--bytes", "123456", "--key", key_of(cluster, "provider"), "--node", url)
    assert done.returncode == 0 and "its node has reported" in done.stdout, done.stderr
    assert "provider counted 4000 measurements" in tool("integration", "show", integration, "--node", url).stdout
    stranger = tool("count", integration, "--device", urn, "--measurements", "1", "--key", key_of(cluster, "application-2"), "--node", url)
    assert stranger.returncode == 1 and "403" in stranger.stderr
    assert tool("count", integration, "--device", urn, "--measurements", "3999", "--key", key_of(cluster, "provider"), "--node", url).returncode == 1   # it falls
    assert tool("integration", "close", integration, "--node", url, "--key", key_of(cluster)).returncode == 0
    assert run.end() == 0, run.told()
    payment = cluster.nodes[1].get("/v1/integrations/" + integration).json["payment"]
    earned, _ = settled(cluster, payment)
    figures = counts(cluster, integration)
    assert (figures["provider"]["measurements"], figures["provider"]["bytes"]) == (4000, 123456)
    assert figures["settled"] == figures["node"] and earned == pytest.approx(figures["node"]["bytes"] * 0.0001)
    usage = cluster.nodes[1].get(f"/v1/devices/{urn}/usage").json["usage"][0]["counts"]
    assert usage["provider"] == {"items": 1, "measurements": 4000}
    assert usage["node"]["measurements"] == usage["application"]["measurements"] == len(run.lines())
    query = f'SELECT ?n {{ ?c a <https://w3id.org/agiddi/ontology#UsageCount> ; <https://w3id.org/agiddi/ontology#countedBy> <{cluster.provider.did}> ; ' \
            '<https://w3id.org/agiddi/ontology#measurements> ?n }'
    assert "4000" in tool("sparql", query, "--node", url).stdout


def test_counting_goes_on_over_a_hand_over_and_the_dead_node_missed_a_report(short_leases_cluster):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=50)
    run = follow(cluster, urn, "sse", "--json", "--count", "--fallback", cluster.nodes[0].url, kilobytes=100)
    run.wait_for_readings(20)
    cluster.stop_node(4, kill=True)
    run.wait_for("the integration goes on at " + cluster.nodes[0].url)
    before = len(run.lines())
    run.wait_for_readings(before + 20)
    integration = run.integration()
    assert wait_until("it is counted", lambda: counts(cluster, integration)["application"]["measurements"] > before)
    assert missed(cluster) == {"node-1": 0, "node-2": 0, "node-3": 0, "node-4": 1}
    assert cluster.nodes[1].get("/v1/integrations/" + integration).json["state"] == "active"


def test_older_rules_refuse_counts_until_a_vote_brings_them():
    cluster = Cluster(4, "--rules", "5")
    try:
        urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=50)
        run = follow(cluster, urn, "sse", "--json", "--count", kilobytes=10)
        assert run.end() == 1
        assert "usage.count belongs to rules version 6; this network runs version 5" in run.told(), run.told()
        integration = run.integration()
        refused = count(cluster, integration, urn, 1, 0)
        assert refused.status == 422 and "rules version 6" in refused.json["detail"]
        assert "counts" not in shown(cluster, integration) and "missedReports" not in cluster.nodes[0].get("/v1/validators").json["validators"][0]
        decide(cluster, member(cluster, "rules", "--version", "6"), [2, 3])
        wait_until("the new rules are in force", lambda: cluster.nodes[0].get("/v1/validators").json["rulesVersion"] == 6)
        late = count(cluster, integration, urn, 1, 0)
        assert late.status == 409 and "claimed under rules before version 6" in late.json["detail"], late
        again = follow(cluster, urn, "sse", "--json", "--count", kilobytes=1)
        assert again.end() == 0, again.told()
        assert counts(cluster, again.integration())["application"]["measurements"] == len(again.lines())
        # What was begun before goes on by its node's figures.
        reader = Following(cluster, "former", "integration", "credentials", integration, "--node", cluster.nodes[3].url, "--key", key_of(cluster), "--json")
        reader.wait_for_readings(5)
        assert tool("integration", "close", integration, "--node", cluster.nodes[0].url, "--key", key_of(cluster)).returncode == 0
        assert settled(cluster, cluster.nodes[1].get("/v1/integrations/" + integration).json["payment"])[0] > 0
    finally:
        cluster.close()
