"""A local cluster whose chain is made and not lived through, and what is read off its nodes while they are measured."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class MeasuredCluster:
    """Four daemons in a folder of their own. Use it in a with statement: afterwards nothing is left."""

    def __init__(self, build: str):
        self.bin = os.path.join(build or os.path.join(ROOT, "build/release"), "bin")
        self.dir = tempfile.mkdtemp(prefix="agiddi-transfer-")
        self.load: subprocess.Popen | None = None

    def __enter__(self):
        try:
            info = self.tool("cluster", "up", "--nodes", "4", "--dir", self.dir, "--json")
        except BaseException:
            self.__exit__()
            raise
        self.urls = [node["url"] for node in info["nodes"]]
        return self

    def __exit__(self, *_):
        if self.load:
            self.load.kill()
            self.load.wait()
        subprocess.run([os.path.join(self.bin, "agiddi"), "cluster", "down", "--dir", self.dir, "--json"], capture_output=True, timeout=60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def tool(self, *arguments: str) -> dict:
        done = subprocess.run([os.path.join(self.bin, "agiddi"), *arguments], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f"agiddi {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self, *numbers: int):
        for number in numbers:
            self.tool("cluster", "start-node", str(number), "--dir", self.dir, "--json")

    def stop(self, *numbers: int):
        for number in numbers:
            self.tool("cluster", "stop-node", str(number), "--dir", self.dir, "--json")

    def data(self, number: int) -> str:
        return os.path.join(self.dir, "nodes", f"node-{number}", "data")

    def give_data(self, number: int, of: int):
        """Node `number` has what node `of` has; both are stopped."""
        shutil.rmtree(self.data(number), ignore_errors=True)
        shutil.copytree(self.data(of), self.data(number))

    def make_chain(self, blocks: int, transactions: int = 1):
        """Node 1, which is stopped, gets the chain up to this height."""
        subprocess.run([os.path.join(self.bin, "make_chain"), self.dir, str(blocks), str(transactions)], check=True)

    def configure(self, number: int, ledger: str):
        """The [ledger] section of a stopped node; "" for none."""
        path = os.path.join(self.dir, "nodes", f"node-{number}", "node.toml")
        with open(path, encoding="utf-8") as file:
            text = file.read().split("\n[ledger]")[0]
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + (f"\n[ledger]\n{ledger}\n" if ledger else ""))

    def metric(self, number: int, name: str) -> int:
        """0 when the node does not answer just now."""
        try:
            text = urllib.request.urlopen(self.urls[number - 1] + "/metrics", timeout=5).read().decode()
        except OSError:
            return 0
        return next((int(float(line.split()[1])) for line in text.splitlines() if line.startswith(name + " ")), 0)

    def data_bytes(self, number: int, ending: str = "") -> int:
        """Of all files in the data folder, or of those with this ending."""
        total = 0
        for base, _, names in os.walk(self.data(number)):
            for name in names:
                if not name.endswith(ending):
                    continue
                try:
                    total += os.path.getsize(os.path.join(base, name))
                except FileNotFoundError:
                    pass  # compacted away just now
        return total

    def begin_load(self, *arguments: str):
        """Signed payments beside what is measured."""
        self.load = subprocess.Popen([os.path.join(self.bin, "agiddi-bench"), "load", "--dir", self.dir, "--seconds", "36000", *arguments, "--json"],
                                     stdout=subprocess.PIPE, text=True)
        self.load_began = time.monotonic()

    def end_load(self) -> dict:
        load, self.load = self.load, None
        load.terminate()
        out, _ = load.communicate(timeout=60)
        if load.returncode != 0:
            raise SystemExit(f"the load failed: {out}")
        return json.loads(out)


def wait(what: str, probe, seconds: float = 3600, pause: float = 0.1):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(pause)
    raise SystemExit("not in time: " + what)
