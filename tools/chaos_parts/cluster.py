"""The nodes under test. `agiddi cluster up` makes keys, genesis and configurations; then this program runs the daemons itself, so that it
sees every end, and leads their links through the proxy."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from http.client import HTTPException

from chaos_parts.process import NodeProcess
from chaos_parts.proxy import Proxy
from client import Answer, Identity, Node, binary


class ChaosNode(Node):
    """A node: its HTTP interface and its process."""

    def __init__(self, number: int, info: dict, network: str, fake_clock: bool):
        super().__init__(info["url"], network)
        self.number, self.name = number, info["id"]
        self.process = NodeProcess(info["dir"], fake_clock)

    def status(self, timeout: float = 2) -> dict | None:
        """What /v1/status says, None when the node does not answer."""
        answer = self.look("/v1/status", timeout)
        return answer.json if answer and answer.status == 200 else None

    def look(self, path: str, timeout: float = 2) -> Answer | None:
        """The answer to a GET, None when there is none."""
        try:
            return self.get(path, timeout=timeout)
        except (OSError, HTTPException):
            return None

    def height(self) -> int:
        status = self.status()
        return status["height"] if status else -1

    def first_block(self) -> int:
        """The lowest height whose block it has: above 1 when it joined by a snapshot. 0 when it does not answer."""
        answer = self.look("/v1/blocks/1")
        if answer is None or answer.status not in (200, 404):
            return 0
        return 1 if answer.status == 200 else int(re.search(r"from height (\d+) on", answer.json["detail"]).group(1))


def tool(*arguments: str) -> dict:
    done = subprocess.run([binary("agiddi"), *arguments, "--json"], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"agiddi {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


class Cluster:
    def __init__(self, count: int, fake_clock: bool):
        self.folder = tempfile.mkdtemp(prefix="agiddi-chaos-")
        self.nodes: list[ChaosNode] = []
        self.proxy: Proxy | None = None
        self.mounts: list[str] = []
        try:
            self.info = tool("cluster", "up", "--nodes", str(count), "--dir", self.folder)
            tool("cluster", "down", "--dir", self.folder)
            self.network = self.info["network"]
            self.nodes = [ChaosNode(i, info, self.network, fake_clock) for i, info in enumerate(self.info["nodes"], 1)]
            self.accounts = {a["name"]: Identity.from_file(a["key"]) for a in self.info["accounts"]}
            self.proxy = Proxy()
            self.lead_links_through_the_proxy()
            for node in self.nodes:
                node.process.start()
        except BaseException:
            self.close(keep=False)
            raise

    def lead_links_through_the_proxy(self) -> None:
        with open(self.info["genesis"], encoding="utf-8") as file:
            ports = {m["id"]: int(m["address"].rsplit(":", 1)[1]) for m in json.load(file)["members"]}
        for node in self.nodes:
            with open(node.process.config, encoding="utf-8") as config:
                text = re.sub(r"(?ms)^\[broker\].*?(?=^\[|\Z)", "", config.read())   # no device sends anything in these runs
            text += "\n[ledger]\nsnapshot_blocks = 2000\n"   # so that a wiped node joins by one after a minute or two
            text += "\n[peer.addresses]\n"
            for other in self.nodes:
                if other is not node:
                    text += f'{other.name} = "127.0.0.1:{self.proxy.link(node.name, other.name, ports[other.name])}"\n'
            with open(node.process.config, "w", encoding="utf-8") as config:
                config.write(text)

    def quorum(self) -> int:
        n = len(self.nodes)
        return (n + (n - 1) // 3 + 2) // 2

    def primary(self) -> ChaosNode:
        """The primary of the highest view that a node tells."""
        seen = [s for s in (n.status() for n in self.nodes if n.process.running()) if s]
        name = max(seen, key=lambda s: s["view"])["primary"]
        return next(n for n in self.nodes if n.name == name)

    def heal_links(self) -> None:
        for a in self.nodes:
            for b in self.nodes:
                if a is not b:
                    self.proxy.set(a.name, b.name)

    def wait(self, what: str, probe, seconds: float):
        """Polls until probe() gives something true, and returns it; also ends when a node ends that should run."""
        end = time.monotonic() + seconds
        while True:
            found = probe()
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds:g} s: {what}")
            time.sleep(0.03)

    def wait_ready(self, nodes=None, seconds: float = 60) -> None:
        for node in nodes or self.nodes:
            self.wait(f"{node.name} is ready", lambda: self.is_ready(node), seconds)

    @staticmethod
    def is_ready(node: ChaosNode) -> bool:
        answer = node.look("/readyz")
        return answer is not None and answer.status == 200

    def unexpected_ends(self) -> list[ChaosNode]:
        return [n for n in self.nodes if n.process.expected and not n.process.running()]

    def close(self, keep: bool) -> None:
        for node in self.nodes:
            if node.process.running():
                node.process.process.kill()
                node.process.process.wait()
        if self.proxy:
            self.proxy.close()
        if os.path.exists(os.path.join(self.folder, "cluster.json")):
            subprocess.run([binary("agiddi"), "cluster", "down", "--dir", self.folder, "--json"], capture_output=True, timeout=60)
        for folder in self.mounts:
            subprocess.run(["umount", folder], capture_output=True, timeout=60)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
