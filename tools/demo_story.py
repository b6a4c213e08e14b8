"""The story that tools/demo tells: from a registration to paid readings on four nodes, one of which is killed on the way.

Everything is real: daemons, broker, device processes, signatures, blocks. Each step is a call of the agiddi command line that the
reader can repeat. Nothing is left behind: processes and folder are removed at the end, also after Ctrl-C or a failure.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build", "release", "bin")
READINGS = os.path.join(ROOT, "tests", "data", "readings", "seattle-weather-hourly-normals.csv")
BEGIN = time.monotonic()


def say(text: str = "") -> None:
    print(text, flush=True)


def step(number: int, title: str) -> None:
    say(f"\n[{time.monotonic() - BEGIN:5.1f} s] {number}. {title}")


class Refused(Exception):
    def __init__(self, document):
        super().__init__(json.dumps(document))
        self.document = document


def agiddi(*arguments: str, show: bool = True):
    """One call of the tool; returns its JSON document."""
    started = time.monotonic()
    done = subprocess.run([os.path.join(BIN, "agiddi"), *arguments, "--json"], capture_output=True, text=True, timeout=60)
    if show:
        words = ["agiddi", *(f"'{a}'" if any(c in a for c in " <>{}") else a for a in arguments)]
        say(f"    $ {' '.join(words)}    ({(time.monotonic() - started) * 1000:.0f} ms)")
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {"detail": done.stderr.strip()}
    if done.returncode != 0:
        raise Refused(document)
    return document


class Story:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="agiddi-demo-")
        self.processes: list[subprocess.Popen] = []
        self.up = False

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def write(self, name: str, document) -> str:
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        return self.path(name)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        if self.up:
            subprocess.run([os.path.join(BIN, "agiddi"), "cluster", "down", "--dir", self.path("cluster"), "--json"], capture_output=True, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the steps

    def start_cluster(self) -> None:
        step(1, "Four nodes, one daemon each with its own keys and data folder, one genesis, and a Mosquitto broker")
        self.up = True
        self.cluster = agiddi("cluster", "up", "--nodes", "4", "--lease-seconds", "5", "--dir", self.path("cluster"))
        self.urls = [node["url"] for node in self.cluster["nodes"]]
        self.keys = {account["name"]: account for account in self.cluster["accounts"]}
        say(f"    network {self.cluster['network']}, broker {self.cluster['broker']}")
        for node in self.cluster["nodes"]:
            say(f"    {node['id']}  {node['url']}  pid {node['pid']}")

    def start_devices(self) -> None:
        step(2, "Three device processes: MQTT clients that know only their command topic and replay Seattle's weather")
        self.topics = []
        for _ in range(3):
            topic, token = "devices/" + secrets.token_hex(8), secrets.token_hex(8)
            log = self.path(f"device-{len(self.topics)}.log")
            with open(log, "w", encoding="utf-8") as file:
                process = subprocess.Popen(
                    [os.path.join(BIN, "agiddi-device"), "--broker", self.cluster["broker"], "--command-topic", topic, "--token", token,
                     "--table", READINGS, "--column", "temperature", "--sensor", "air", "--interval-ms", "100"],
                    stdout=file, stderr=subprocess.STDOUT)
            self.processes.append(process)
            self.topics.append((topic, token))
            deadline = time.monotonic() + 10
            while "listening" not in open(log, encoding="utf-8").read():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("a device did not start: " + open(log, encoding="utf-8").read())
                time.sleep(0.02)
        say(f"    pids {', '.join(str(p.pid) for p in self.processes)}; each waits on a secret topic under devices/")

    def register(self) -> None:
        step(3, "The provider registers them at node 1 in one batch; their end points are sealed, never on the ledger in clear")
        costs = [{"currency": "EUR", "perMinute": "0.60"}, {"currency": "EUR", "perKilobyte": "0.05"}, {"currency": "EUR", "perHour": "90"}]
        places = [("Pike Place", 47.6097, -122.3422), ("Alki Beach", 47.5812, -122.4048), ("Ballard Locks", 47.6655, -122.3971)]
        devices = []
        for (topic, token), cost, (place, latitude, longitude) in zip(self.topics, costs, places):
            devices.append({
                "name": f"Weather at {place}", "type": "WeatherStation",
                "location": {"latitude": latitude, "longitude": longitude, "place": "Seattle"},
                "sensors": [{"name": "air", "observedProperty": "AirTemperature", "unit": "Cel", "range": {"min": -40, "max": 125}, "accuracy": 0.5,
                             "samplingSeconds": 1}],
                "cost": cost, "payment": {"methods": ["credit"]},
                "access": {"protocol": "mqtt", "endpoint": self.cluster["broker"], "topic": topic, "token": token}})
        answer = agiddi("device", "register", "--node", self.urls[0], "--key", self.keys["provider"]["key"], self.write("devices.json", {"devices": devices}))
        say(f"    transaction {answer['transaction'][:16]}… in block {answer['height']}")
        for device in answer["devices"]:
            say(f"    {device['id'][:36]}…  version {device['version']}")

    def discover(self) -> None:
        step(4, "An application at node 2 finds devices by conditions; the node turns them into SPARQL")
        found = agiddi("query", "--node", self.urls[1], "sensor.observedProperty=Temperature", "sensor.range>212 [degF]", "location.place=Seattle")
        for line in found["sparql"].splitlines():
            say("      " + line)
        say(f"    {len(found['devices'])} devices: 125 °C is above 212 °F, and an AirTemperature is a Temperature")
        by_name = {}
        for device in found["devices"]:
            text = json.dumps(device["metadata"])
            for place in ("Pike Place", "Alki Beach", "Ballard Locks"):
                if place in text:
                    by_name[place] = device["id"]
        self.by_time, self.by_data, self.dear = by_name["Pike Place"], by_name["Alki Beach"], by_name["Ballard Locks"]

    def pay(self) -> None:
        step(5, "A quote, and two payments at node 3: one device for six seconds, one for two kilobytes")
        application = self.keys["application-1"]["key"]
        quote = agiddi("quote", "--node", self.urls[2], "--device", self.by_time, "--minutes", "0.1")
        say(f"    0.1 minutes cost {quote['total']} {quote['currency']}")
        self.time_payment = agiddi("pay", "--node", self.urls[2], "--key", application, "--device", self.by_time, "--minutes", "0.1", "--starts", "integration")
        self.data_payment = agiddi("pay", "--node", self.urls[2], "--key", application, "--device", self.by_data, "--kilobytes", "2")
        for payment in (self.time_payment, self.data_payment):
            say(f"    payment {payment['payment'][:16]}… in block {payment['height']}: {payment['items'][0]['amount']} EUR, now in escrow")
        self.show_money()

    def show_money(self) -> None:
        for name in ("provider", "application-1"):
            balances = self.get(1, "/v1/accounts/" + self.keys[name]["did"])["balances"]
            euro = next(b for b in balances if b["currency"] == "EUR")
            say(f"    {name:14} available {euro['available']:>12} EUR   escrow {euro['escrow']} EUR")

    def get(self, node: int, path: str):
        import urllib.request

        with urllib.request.urlopen(self.urls[node] + path, timeout=10) as answer:
            return json.load(answer)

    def follow(self, node: int, device: str, payment: dict, protocol: str, *more: str) -> subprocess.Popen:
        command = [os.path.join(BIN, "agiddi"), "integrate", "--node", self.urls[node], "--key", self.keys["application-1"]["key"],
                   "--payment", payment["payment"], "--device", device, "--protocol", protocol, "--follow", "--json", *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def integrate(self) -> None:
        step(6, "Integration at node 4: first without a payment for that device")
        try:
            agiddi("integrate", "--node", self.urls[3], "--key", self.keys["application-1"]["key"], "--payment", "0" * 64, "--device", self.dear)
            raise RuntimeError("an integration without a payment was not refused")
        except Refused as refused:
            if refused.document.get("status") != 402:
                raise
            say(f"    refused with {refused.document['status']}: {refused.document['detail']}")
        say("    then both paid devices: one over MQTT until the time is up, one as an event stream until the bytes are used up")
        timed = self.follow(3, self.by_time, self.time_payment, "mqtt")
        metered = self.follow(3, self.by_data, self.data_payment, "sse")
        first = self.show_reading(metered.stdout.readline())
        self.kill_in_the_middle()
        self.integration = first["integration"]
        rest, problem = metered.communicate(timeout=40)
        lines = [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
        measured = [first] + [m for m in lines if m.get("@type") == "sosa:Observation"]
        used = self.get(3, "/v1/integrations/" + first["integration"])
        say(f"    by data:  {len(measured)} measurements, {used['devices'][0]['bytesUsed']} of 2000 bytes, ended because: {used.get('endedBecause')}")
        text, _ = timed.communicate(timeout=40)
        by_time = [json.loads(line) for line in text.splitlines() if "sosa:Observation" in line]
        say(f"    by time:  {len(by_time)} measurements in 6 s of paid time")
        if not measured or not by_time or metered.returncode != 0 or timed.returncode != 0:
            raise RuntimeError(f"readings did not flow to the end: {problem}")

    def show_reading(self, line: str):
        document = json.loads(line)
        while document.get("@type") != "sosa:Observation":
            document = json.loads(line := self.processes[-1].stdout.readline())
        for row in json.dumps(document, indent=2).splitlines():
            say("      " + row)
        return document

    def kill_in_the_middle(self) -> None:
        step(7, "Node 1 is killed with -9 while the readings flow; the path goes on through the others")
        status = self.get(1, "/v1/status")
        say(f"    primary before: {status['primary']} (view {status['view']})")
        agiddi("cluster", "stop-node", "1", "--kill", "--dir", self.path("cluster"))
        began = time.monotonic()
        payment = agiddi("pay", "--node", self.urls[1], "--key", self.keys["application-2"]["key"], "--device", self.dear, "--minutes", "1")
        status = self.get(1, "/v1/status")
        say(f"    a payment through node 2 stood in block {payment['height']} after {time.monotonic() - began:.2f} s; primary now {status['primary']} (view {status['view']})")
        agiddi("cluster", "start-node", "1", "--dir", self.path("cluster"))
        self.wait("node 1 has caught up", lambda: self.get(0, "/v1/status")["height"] >= payment["height"])
        say(f"    node 1 is back and has caught up with block {payment['height']}, {time.monotonic() - began:.2f} s after its death")

    def wait(self, what: str, probe) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if probe():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("did not happen in 30 s: " + what)

    def hand_over(self) -> None:
        step(8, "The node that serves a stream is killed: another one goes on, and what nobody accounted for is refunded")
        application = self.keys["application-1"]["key"]
        payment = agiddi("pay", "--node", self.urls[1], "--key", application, "--device", self.by_data, "--kilobytes", "30")
        stream = self.follow(3, self.by_data, payment, "sse", "--fallback", self.urls[1], "--fallback", self.urls[2])

        def readings(epoch: int, count: int):
            last = None
            while count > 0:
                line = stream.stdout.readline()
                if not line:
                    raise RuntimeError("the stream ended: " + stream.stderr.read())
                last = json.loads(line)
                if last["epoch"] == epoch:
                    count -= 1
            return last

        first = readings(1, 20)
        say(f"    20 readings from node 4, epoch 1, up to sequence {first['sequence']}")
        agiddi("cluster", "stop-node", "4", "--kill", "--dir", self.path("cluster"))
        began = time.monotonic()
        second = readings(2, 1)
        say(f"    the next reading came {time.monotonic() - began:.2f} s after its death (a lease is 5 s), epoch {second['epoch']}, sequence {second['sequence']}")
        readings(2, 20)
        agiddi("integration", "close", first["integration"], "--node", self.urls[1], "--key", application)
        stream.communicate(timeout=40)
        record = lambda: self.get(1, "/v1/payments/" + payment["payment"])["items"][0]
        self.wait("the payment is settled", lambda: record().get("earned"))
        device = self.get(1, "/v1/integrations/" + first["integration"])["devices"][0]
        say(f"    {device['bytesUsed']} bytes were accounted for, {device.get('bytesLost', 0)} were reserved by the dead node and never reported")
        say(f"    of {payment['items'][0]['amount']} EUR the provider earned {record()['earned']}, refunded {record()['refunded']}")
        agiddi("cluster", "start-node", "4", "--dir", self.path("cluster"))
        self.wait("node 4 is back", lambda: self.get(3, "/v1/integrations/" + first["integration"])["node"] == "node-2")
        say("    node 4 is back, and knows that node 2 has it now")

    def settle(self) -> None:
        step(9, "Settlement: the provider has what was delivered, the payer the rest")
        did = self.keys["application-1"]["did"]
        self.wait("escrow is settled", lambda: all(b["escrow"] == "0" for b in self.get(1, "/v1/accounts/" + did)["balances"]))
        self.show_money()

    def compare(self) -> None:
        step(10, "The four ledgers")

        def heights():
            return [self.get(i, "/v1/status")["height"] for i in range(4)]

        self.wait("equal heights", lambda: len(set(heights())) == 1)
        height = min(heights())
        digests = [self.get(i, f"/v1/blocks/{height}")["stateDigest"] for i in range(4)]
        for i, digest in enumerate(digests, 1):
            say(f"    node-{i}  block {height}  state digest {digest}")
        if len(set(digests)) != 1:
            raise RuntimeError("the state digests differ")
        say(f"    all equal; {height} blocks. Done in {time.monotonic() - BEGIN:.1f} s.")
        say("\nWhere to look next: README.md (a tour by hand), docs/ARCHITECTURE.md, docs/CONSENSUS.md, and `build/release/bin/agiddi --help`.")


def main() -> int:
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: sys.exit(130))
    story = Story()
    try:
        story.start_cluster()
        story.start_devices()
        story.register()
        story.discover()
        story.pay()
        story.integrate()
        story.hand_over()
        story.settle()
        story.compare()
        return 0
    except KeyboardInterrupt:
        say("\nstopped")
        return 130
    except (Refused, RuntimeError, OSError, subprocess.SubprocessError) as problem:
        say(f"\nthe demo failed: {problem}")
        for i in range(1, 5):
            log = story.path(f"cluster/nodes/node-{i}/log")
            if os.path.exists(log):
                say(f"--- node-{i}, last lines")
                say("".join(open(log, encoding="utf-8", errors="replace").readlines()[-8:]))
        return 1
    finally:
        story.close()


if __name__ == "__main__":
    sys.exit(main())
