"""What must hold when all is healed: nothing acknowledged is lost, nothing is doubled, all nodes are the same, every store is sound."""

import collections
import subprocess
import threading

from chaos_parts.cluster import ChaosNode, Cluster
from chaos_parts.load import Attempt, Wire
from chaos_parts.story import Story

AGREE_S = 120
INITIAL_MICRO = 1_000_000 * 1_000_000
SHOWN_MAX = 5
NOT_KEPT = ("in a block that is not kept here", None)    # a node that joined by a snapshot has the state, and no older blocks


class Checks:
    def __init__(self, cluster: Cluster, story: Story, attempts: list[Attempt]):
        self.cluster, self.story, self.attempts = cluster, story, attempts
        self.figures: dict[str, int | str] = {}
        self.first: dict[str, int] = {}                                 # node -> its lowest block
        self.seen: dict[str, dict[str, tuple[str, int | None]]] = {}    # node -> transaction -> state, height

    def run(self) -> None:
        self.all_agree()
        self.each_node_tells_all()
        self.acknowledged_stands()
        self.nothing_twice()
        self.money()
        self.stores()

    def findings(self, what: str, found: list[str]) -> None:
        for finding in found[:SHOWN_MAX]:
            self.story.violated(f"{what}: {finding}")
        if len(found) > SHOWN_MAX:
            self.story.violated(f"{what}: {len(found) - SHOWN_MAX} more")

    def all_agree(self) -> None:
        """All ready, nothing waiting, and at one height the same block and state."""
        self.cluster.wait_ready(seconds=AGREE_S)

        def settled() -> bool:
            return all(waiting(n) == 0 for n in self.cluster.nodes) and len({n.height() for n in self.cluster.nodes}) == 1

        self.cluster.wait("all nodes have the same height and nothing waits", settled, AGREE_S)
        self.height = min(n.height() for n in self.cluster.nodes)
        blocks = {n.name: n.get(f"/v1/blocks/{self.height}").json for n in self.cluster.nodes}
        self.figures["height"] = self.height
        for field in ("hash", "stateDigest"):
            if len({b[field] for b in blocks.values()}) != 1:
                self.findings(f"{field} at height {self.height}", [f"{name}: {b[field]}" for name, b in blocks.items()])
        self.figures["stateDigest"] = next(iter(blocks.values()))["stateDigest"]
        self.story.say(f"all nodes agree at height {self.height}")

    def each_node_tells_all(self) -> None:
        """GET /v1/transactions/{id} for every document that was ever sent, at every node."""
        each_in_a_thread(self.cluster.nodes, self.ask_all)

    def ask_all(self, node: ChaosNode) -> None:
        wire = Wire(node, timeout=30)
        told: dict[str, tuple[str, int | None]] = {}
        first = node.first_block()
        self.first[node.name] = first
        for attempt in self.attempts:
            if attempt.height is not None and attempt.height < first:
                told[attempt.id] = NOT_KEPT
                continue
            status, document = wire.call("GET", "/v1/transactions/" + attempt.id)
            if status == 0:
                status, document = wire.call("GET", "/v1/transactions/" + attempt.id)
            if status == 404 and first > 1 and attempt.height is None:
                told[attempt.id] = NOT_KEPT
            else:
                told[attempt.id] = (document.get("state", "?"), document.get("height")) if status == 200 else (f"unknown ({status})", None)
        wire.close()
        self.seen[node.name] = told

    def acknowledged_stands(self) -> None:
        lost, differing, revived = [], [], []
        acknowledged = [a for a in self.attempts if a.height is not None]
        for attempt in self.attempts:
            told = {name: self.seen[name][attempt.id] for name in self.seen if self.seen[name][attempt.id] != NOT_KEPT}
            if not told:
                lost.append(f"{attempt.id} ({attempt.kind}): no node has the block of height {attempt.height}")
                continue
            if attempt.height is not None and any(t != ("committed", attempt.height) for t in told.values()):
                lost.append(f"{attempt.id} ({attempt.kind}), acknowledged at height {attempt.height} by {attempt.acknowledged_by}, is {told}")
            if len(set(told.values())) != 1:
                differing.append(f"{attempt.id}: {told}; its answers were {attempt.answers}")
            if attempt.refused_everywhere() and any(state == "committed" for state, _ in told.values()):
                revived.append(f"{attempt.id}: refused at the door {attempt.answers}, yet {told}")
        self.findings("acknowledged, but not committed everywhere at its height", lost)
        self.findings("nodes tell different outcomes", differing)
        self.findings("refused at the door, but committed", revived)
        self.figures["attempted"], self.figures["acknowledged"] = len(self.attempts), len(acknowledged)

    def nothing_twice(self) -> None:
        """Every block of one node that has them all: each transaction in one block, and none that nobody sent."""
        whole = min(self.cluster.nodes, key=lambda n: self.first[n.name])
        if self.first[whole.name] != 1:
            self.story.violated(f"no node has the whole chain: {self.first}")
            return
        self.figures["joinedBySnapshot"] = sum(1 for first in self.first.values() if first > 1)
        wire = Wire(whole, timeout=30)
        places: dict[str, list[int]] = collections.defaultdict(list)
        previous = None
        broken = []
        for height in range(1, self.height + 1):
            status, block = wire.call("GET", f"/v1/blocks/{height}")
            if status != 200:
                broken.append(f"block {height} is answered with {status}")
                previous = None
                continue
            if previous and block["previousHash"] != previous:
                broken.append(f"block {height} does not continue block {height - 1}")
            previous = block["hash"]
            for transaction in block["transactions"]:
                places[transaction].append(height)
        wire.close()
        self.findings("chain", broken)
        self.findings("in several blocks", [f"{id} at {heights}" for id, heights in places.items() if len(heights) > 1])
        sent = {a.id for a in self.attempts}
        self.findings("in a block, but sent by nobody", [f"{id} at {heights}" for id, heights in places.items() if id not in sent])
        told = self.seen[whole.name]
        self.findings("in a block at another height than told", [f"{id}: {told[id]}, but in {h}" for id, h in places.items() if id in told and told[id][1] != h[0]])
        self.figures["inBlocks"] = len(places)

    def money(self) -> None:
        """The payers spent exactly what was committed; nothing was made or lost."""
        told = self.seen[min(self.first, key=self.first.get)]
        spent: dict[str, int] = collections.Counter()
        for attempt in self.attempts:
            if attempt.kind == "payment" and told[attempt.id][0] == "committed":
                spent[attempt.payer] += attempt.micro
        self.figures["spentMicro"] = sum(spent.values())
        wrong = []
        for node in self.cluster.nodes:
            total = 0
            for name, identity in self.cluster.accounts.items():
                balance = next(b for b in node.get("/v1/accounts/" + identity.did).json["balances"] if b["currency"] == "EUR")
                available, escrow = micro(balance["available"]), micro(balance["escrow"])
                total += available + escrow
                if available != INITIAL_MICRO - spent[name] or escrow != spent[name]:
                    wrong.append(f"{node.name}, {name}: available {available}, escrow {escrow}, committed payments {spent[name]} (micro-units)")
            if total != len(self.cluster.accounts) * INITIAL_MICRO:
                wrong.append(f"{node.name}: the accounts hold {total} micro-units together")
        self.findings("money", wrong)

    def stores(self) -> None:
        """Stops the nodes and has each check its store."""
        each_in_a_thread(self.cluster.nodes, self.stop_and_check)

    def stop_and_check(self, node: ChaosNode) -> None:
        try:
            status = node.process.stop()
            if status != 0:
                self.story.violated(f"{node.name} ended with status {status} when it was stopped:\n{node.process.last_log()}")
            done = node.process.check_store()
            self.story.say(f"{node.name}: {done.stdout.strip()}")
            if done.returncode != 0:
                self.story.violated(f"{node.name}: --check-store ends with {done.returncode}: {done.stderr[-600:]}")
        except (AssertionError, subprocess.TimeoutExpired) as problem:
            self.story.violated(str(problem))


def each_in_a_thread(nodes: list[ChaosNode], task) -> None:
    threads = [threading.Thread(target=task, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def micro(text: str) -> int:
    whole, _, decimals = text.partition(".")
    return int(whole) * 1_000_000 + int((decimals + "000000")[:6])


def waiting(node: ChaosNode) -> int:
    for line in node.get("/metrics").text.splitlines():
        if line.startswith("agiddi_mempool_transactions "):
            return int(float(line.split()[1]))
    return -1
