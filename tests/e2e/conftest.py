"""Real clusters for the tests: daemons, a broker and device processes, started by the project's own tool and always stopped."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile

import pytest

from client import Identity, Node, binary, device, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READINGS = os.path.join(ROOT, "tests/data/readings/seattle-weather-hourly-normals.csv")


class Cluster:
    def __init__(self, nodes: int, *options: str):
        self.dir = tempfile.mkdtemp(prefix="agiddi-test-")
        self.devices: list[subprocess.Popen] = []
        if "AGIDDI_DATA_PATH" in os.environ and "--data-path" not in options:
            options = ("--data-path", os.environ["AGIDDI_DATA_PATH"], *options)
        self.info = self.tool("cluster", "up", "--nodes", str(nodes), "--dir", self.dir, "--json", *options)
        self.network = self.info["network"]
        self.broker = self.info["broker"]
        self.nodes = [Node(n["url"], self.network) for n in self.info["nodes"]]
        accounts = {a["name"]: Identity.from_file(a["key"]) for a in self.info["accounts"]}
        self.provider, self.application, self.other = accounts["provider"], accounts["application-1"], accounts["application-2"]

    def tool(self, *arguments: str, check: bool = True):
        """Runs the command line with --json in its arguments and returns the document."""
        done = subprocess.run([binary("agiddi"), *arguments], capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"agiddi {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout) if check else done

    def stop_node(self, number: int, kill: bool = False):
        self.tool("cluster", "stop-node", str(number), "--dir", self.dir, "--json", *(["--kill"] if kill else []))

    def start_node(self, number: int):
        self.tool("cluster", "start-node", str(number), "--dir", self.dir, "--json")

    def pid(self, number: int) -> int:
        """Of the node's process now: it changes with each start."""
        nodes = self.tool("cluster", "status", "--dir", self.dir, "--json")["nodes"]
        return next(n["pid"] for n in nodes if n["id"] == f"node-{number}")

    def wait_ready(self):
        for node in self.nodes:
            wait_until("ready", lambda: node.get("/readyz").status == 200)

    def start_device(self, interval_ms: int = 50, token: str | None = None, column: str = "temperature", sensor: str = "air") -> str:
        """Starts a device process and returns its command topic."""
        topic = "devices/" + secrets.token_hex(8)
        command = [binary("agiddi-device"), "--broker", self.broker, "--command-topic", topic, "--table", READINGS, "--column", column,
                   "--sensor", sensor, "--interval-ms", str(interval_ms)]
        if token:
            command += ["--token", token]
        log = open(os.path.join(self.dir, f"device-{len(self.devices)}.log"), "w", encoding="utf-8")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        log.close()
        self.devices.append(process)
        wait_until("the device listens", lambda: self.device_listens(process, log.name))
        return topic

    @staticmethod
    def device_listens(process, log: str) -> bool:
        assert process.poll() is None, open(log, encoding="utf-8").read()
        return "listening" in open(log, encoding="utf-8").read()

    def register(self, *documents: dict, node: int = 0, identity: Identity | None = None) -> list[dict]:
        answer = self.nodes[node].signed("/v1/devices", {"devices": list(documents)}, identity or self.provider, "device.register")
        assert answer.status == 201, answer
        return answer.json["devices"]

    def new_device(self, **changes) -> str:
        """Registers one device that nobody else uses and returns its URN."""
        return self.register(device(self.nodes[0], self.provider.did, self.broker, **changes))[0]["id"]

    def pay(self, urn: str, node: int = 2, identity: Identity | None = None, **bought) -> dict:
        identity = identity or self.application
        starts = bought.pop("starts", None)
        quote = self.nodes[node].post("/v1/quotes", {"items": [{"device": urn, **bought}]})
        assert quote.status == 200, quote
        item = quote.json["items"][0]
        document = {
            "payer": identity.did,
            "items": [{"device": urn, "version": item["version"], **bought, "amount": item["amount"]}],
            "currency": quote.json["currency"], "total": quote.json["total"], "method": "credit",
        }
        if starts:
            document["starts"] = starts
        answer = self.nodes[node].signed("/v1/payments", document, identity, "payment.create")
        assert answer.status == 201, answer
        for other in self.nodes:  # so that a balance read anywhere shows it
            wait_until("the payment is known", lambda: other.get("/v1/payments/" + answer.json["payment"]).status == 200)
        return answer.json

    def balance(self, identity: Identity, node: int = 0) -> tuple[str, str]:
        entry = next(b for b in self.nodes[node].get("/v1/accounts/" + identity.did).json["balances"] if b["currency"] == "EUR")
        return entry["available"], entry["escrow"]

    def wait_same_height(self, nodes=None):
        """Until the nodes have applied the same block, and returns it as each of them shows it."""
        nodes = nodes or self.nodes

        def same():
            heights = {n.get("/v1/status").json["height"] for n in nodes}
            if len(heights) != 1:
                return None
            height = heights.pop()
            return [n.get(f"/v1/blocks/{height}").json for n in nodes]

        return wait_until("all nodes have the same height", same)

    def close(self):
        for process in self.devices:
            process.kill()
            process.wait()
        subprocess.run([binary("agiddi"), "cluster", "down", "--dir", self.dir, "--json"], capture_output=True, timeout=60)
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster():
    """Four nodes shared by the tests that break nothing."""
    made = Cluster(4)
    yield made
    made.close()


@pytest.fixture
def old_rules_cluster():
    """Four nodes that start with the first rules."""
    made = Cluster(4, "--rules", "1")
    yield made
    made.close()


@pytest.fixture
def short_leases_cluster():
    """Four nodes for one test that breaks them; a node that falls silent is replaced soon."""
    made = Cluster(4, "--lease-seconds", "5")
    yield made
    made.close()


@pytest.fixture
def own_cluster():
    """Four nodes for one test that breaks them."""
    made = Cluster(4)
    yield made
    made.close()
