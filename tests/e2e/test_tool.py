"""The command line and the device program as their users see them: what they print, what they survive, and their exit status."""

import json
import os
import signal
import subprocess

import pytest

from client import binary, wait_until
from conftest import READINGS
from test_access import listening_device


def tool(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
    return subprocess.run([binary("agiddi"), *arguments], capture_output=True, text=True, timeout=timeout, check=False)


def key_of(cluster, account: str = "application-1") -> str:
    return next(a["key"] for a in cluster.info["accounts"] if a["name"] == account)


class Following:
    """`agiddi … --follow` in the background, its output in files."""

    def __init__(self, cluster, name: str, *arguments: str):
        self.out, self.err = os.path.join(cluster.dir, name + ".out"), os.path.join(cluster.dir, name + ".err")
        with open(self.out, "w", encoding="utf-8") as out, open(self.err, "w", encoding="utf-8") as err:
            self.process = subprocess.Popen([binary("agiddi"), *arguments, "--follow"], stdout=out, stderr=err)
        cluster.devices.append(self.process)   # stopped with them

    def lines(self) -> list[str]:
        with open(self.out, encoding="utf-8") as file:
            return file.read().splitlines()

    def told(self) -> str:
        with open(self.err, encoding="utf-8") as file:
            return file.read()

    def wait_for(self, part: str, seconds: float = 40):
        wait_until(part, lambda: part in self.told(), seconds)

    def wait_for_readings(self, count: int):
        wait_until(f"{count} readings", lambda: len(self.lines()) >= count, 40)

    def end(self, signal_number: int | None = None) -> int:
        if signal_number:
            self.process.send_signal(signal_number)
        return self.process.wait(60)

    def integration(self) -> str:
        return self.told().split("integration ")[1].split(",")[0]


def follow(cluster, urn: str, protocol: str, *more: str, node: int = 3, **bought) -> Following:
    payment = cluster.pay(urn, **(bought or {"minutes": 60}))["payment"]
    return Following(cluster, "follow-" + payment[:8], "integrate", "--node", cluster.nodes[node].url, "--key", key_of(cluster), "--payment", payment,
                     "--protocol", protocol, *more)


def sequences(lines: list[str]) -> list[tuple[int, int]]:
    return [(d["epoch"], d["sequence"]) for d in map(json.loads, lines)]


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_follow_ends_with_the_integration_and_prints_each_reading(cluster, protocol):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    run = follow(cluster, urn, protocol, "--json", kilobytes=1)
    assert run.end() == 0, run.told()
    found = sequences(run.lines())
    assert found and found == [(1, n) for n in range(found[0][1], found[0][1] + len(found))]
    assert f"ended: data used up; {len(found)} readings received" in run.told()


def test_ctrl_c_ends_following_and_the_integration_goes_on(cluster):
    urn = listening_device(cluster, {"perMinute": "0.10"}, interval_ms=50)
    run = follow(cluster, urn, "sse", "--text")
    run.wait_for_readings(3)
    assert run.end(signal.SIGINT) == 0
    assert run.told().splitlines()[-1].startswith("stopped, ") and run.told().count("\n") == 2
    time, sensor, value = run.lines()[0].split("  ")
    assert time.endswith("Z") and sensor == "air" and value.endswith(" Cel")
    integration = run.integration()
    shown = tool("integration", "show", integration, "--node", cluster.nodes[3].url)
    assert shown.returncode == 0 and "active" in shown.stdout and "node-4" in shown.stdout and "bytes used" in shown.stdout

    again = Following(cluster, "again", "integration", "credentials", integration, "--node", cluster.nodes[3].url, "--key", key_of(cluster), "--json")
    again.wait_for_readings(3)
    elsewhere = tool("integration", "credentials", integration, "--node", cluster.nodes[0].url, "--key", key_of(cluster))
    assert elsewhere.returncode == 1 and "node-4" in elsewhere.stderr
    renewed = tool("integration", "credentials", integration, "--node", cluster.nodes[3].url, "--key", key_of(cluster), "--json")
    assert renewed.returncode == 0 and json.loads(renewed.stdout)["delivery"]["url"]
    assert again.end() == 1                       # pushed out by that, and it does not push back
    assert "the credentials were renewed" in again.told()

    stranger = tool("integration", "close", integration, "--node", cluster.nodes[0].url, "--key", key_of(cluster, "application-2"))
    assert stranger.returncode == 1 and "403" in stranger.stderr
    assert tool("integration", "close", integration, "--node", cluster.nodes[0].url, "--key", key_of(cluster)).returncode == 0
    wait_until("ended", lambda: json.loads(tool("integration", "show", integration, "--node", cluster.nodes[1].url, "--json").stdout)["state"] == "ended")


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_follow_comes_back_after_its_node_was_killed(own_cluster, protocol):
    urn = listening_device(own_cluster, {"perMinute": "0.10"}, interval_ms=50)
    run = follow(own_cluster, urn, protocol, "--json")
    run.wait_for_readings(3)
    own_cluster.stop_node(4, kill=True)
    run.wait_for("lost the connection")
    own_cluster.start_node(4)
    run.wait_for("reconnected")
    before = len(run.lines())
    run.wait_for_readings(before + 3)
    assert run.end(signal.SIGINT) == 0, run.told()
    found = sequences(run.lines())
    assert len(found) == len(set(found)), "a reading was printed twice"
    assert found == sorted(found)


@pytest.mark.parametrize("protocol", ["sse", "mqtt"])
def test_follow_goes_on_at_another_node(short_leases_cluster, protocol):
    cluster = short_leases_cluster
    urn = listening_device(cluster, {"perMinute": "0.10"}, interval_ms=50)
    run = follow(cluster, urn, protocol, "--json", "--fallback", cluster.nodes[0].url, "--fallback", cluster.nodes[1].url)
    run.wait_for_readings(3)
    cluster.stop_node(4, kill=True)
    run.wait_for("the integration goes on at " + cluster.nodes[0].url)
    before = len(run.lines())
    run.wait_for_readings(before + 3)
    assert run.end(signal.SIGINT) == 0, run.told()
    assert [json.loads(line)["epoch"] for line in run.lines()[before:]] == [2] * (len(run.lines()) - before)
    state = cluster.nodes[1].get("/v1/integrations/" + run.integration()).json
    assert state["node"] == "node-1" and state["epoch"] == 2


def test_follow_gives_up_a_node_that_stays_away(own_cluster):
    urn = listening_device(own_cluster, {"perMinute": "0.10"}, interval_ms=50)
    run = follow(own_cluster, urn, "sse", "--retry-seconds", "2")
    run.wait_for_readings(1)
    own_cluster.stop_node(4, kill=True)
    assert run.end() == 1
    assert "gave up on the stream" in run.told() and "agiddi integration show" in run.told()


def test_a_payment_in_use_says_where_and_by_what(cluster):
    urn = cluster.new_device()
    payment = cluster.pay(urn, minutes=10)["payment"]
    arguments = ["integrate", "--key", key_of(cluster), "--payment", payment, "--protocol", "sse"]
    made = tool(*arguments, "--node", cluster.nodes[1].url, "--json")
    assert made.returncode == 0
    again = tool(*arguments, "--node", cluster.nodes[2].url)
    assert again.returncode == 1
    assert "in use at node-2 by integration " + json.loads(made.stdout)["integration"] in again.stderr


def test_an_account(cluster):
    did = cluster.provider.did
    answer = tool("account", did, "--node", cluster.nodes[0].url)
    assert answer.returncode == 0 and "EUR available" in answer.stdout
    by_key = tool("account", "--key", key_of(cluster, "provider"), "--node", cluster.nodes[0].url, "--json")
    assert json.loads(by_key.stdout)["did"] == did


def test_a_clear_endpoint_that_no_node_could_dial_is_refused_before_it_is_sealed(cluster, tmp_path):
    file = tmp_path / "devices.json"
    document = {"name": "x", "type": "WeatherStation", "location": {"latitude": 1, "longitude": 1}, "sensors": [], "cost": {}, "payment": {"methods": ["credit"]},
                "access": {"protocol": "mqtt", "endpoint": "127.0.0.1:1883", "topic": "devices/x"}}
    file.write_text(json.dumps({"devices": [document]}))
    answer = tool("device", "register", str(file), "--node", cluster.nodes[0].url, "--key", key_of(cluster, "provider"))
    assert answer.returncode == 1
    assert answer.stderr == "agiddi: /devices/0/access/endpoint must be mqtt://host:port or mqtts://host:port\n"


def test_start_and_stop_of_what_runs_or_does_not(own_cluster):
    at = ["--dir", own_cluster.dir]
    running = tool("cluster", "start-node", "2", *at, "--json")
    assert running.returncode == 0 and json.loads(running.stdout)["changed"] is False and "running already" in running.stderr
    stopped = tool("cluster", "stop-node", "2", *at, "--json")
    assert json.loads(stopped.stdout)["state"] == "stopped" and json.loads(stopped.stdout)["changed"] is True
    again = tool("cluster", "stop-node", "2", *at, "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["changed"] is False and "stopped already" in again.stderr
    started = json.loads(tool("cluster", "start-node", "2", *at, "--json").stdout)
    assert started["changed"] is True and started["state"] == "ready"

    own_cluster.pay(own_cluster.new_device(), minutes=10)
    accounts = {a["name"]: a for a in json.loads(tool("cluster", "status", *at, "--json").stdout)["accounts"]}
    assert accounts["application-1"]["balance"] == "999999" and accounts["application-1"]["escrow"] == "1"
    assert accounts["provider"]["balance"] == accounts["provider"]["initialBalance"]
    tool("cluster", "down", *at)
    assert json.loads(tool("cluster", "status", *at, "--json").stdout)["accounts"][0]["balance"] is None


def test_cluster_up_refuses_what_is_not_its_own_and_leaves_nothing(cluster, tmp_path):
    (tmp_path / "letter").write_text("dear")
    refused = tool("cluster", "up", "--nodes", "1", "--dir", str(tmp_path))
    assert refused.returncode == 1 and "not empty" in refused.stderr
    assert os.listdir(tmp_path) == ["letter"]
    port = cluster.broker.rsplit(":", 1)[1]
    taken = tool("cluster", "up", "--nodes", "1", "--dir", str(tmp_path / "a" / "b"), "--base-port", port)
    assert taken.returncode == 1 and port in taken.stderr
    assert os.listdir(tmp_path) == ["letter"]


def test_a_device_that_the_broker_refuses_ends_with_the_reason(cluster):
    common = [binary("agiddi-device"), "--broker", cluster.broker, "--table", READINGS, "--column", "temperature", "--sensor", "air"]
    for arguments, reason in ((["--command-topic", "somewhere/else"], "refuses the command topic somewhere/else"),
                              (["--command-topic", "devices/x", "--username", "nobody", "--password", "guess"], "the broker refused the connection")):
        done = subprocess.run([*common, *arguments], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 1 and reason in done.stderr, done


def test_a_folder_is_no_configuration(tmp_path):
    done = subprocess.run([binary("agiddi-node"), "--config", str(tmp_path)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "is a directory" in done.stderr
