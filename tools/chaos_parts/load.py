"""Signed load, as real clients make it: registrations and payments through all nodes, the same document again at another node when the answer
does not come. Every document that was ever sent is remembered with every answer, so that the checks know what each of them may have become."""

import dataclasses
import http.client
import json
import random
import secrets
import threading
import time

from chaos_parts.cluster import ChaosNode, Cluster
from chaos_parts.story import Story
from client import Identity, device, transaction_id

PRICE_MICRO = 10_000          # of a kilobyte
WAIT_S = 4                    # how long a node may hold an answer back
PATIENCE_S = 60               # how long a client tries with one document
REFUSALS_MAX = 3              # so many nodes may refuse a document before its client gives up: one of them may lag or have a wrong clock
AT_THE_DOOR = {400, 401, 413, 422, 429}   # the contract: consumes nothing
NO_ANSWER = 0


def money(micro: int) -> str:
    return f"{micro // 1_000_000}.{micro % 1_000_000:06d}"


@dataclasses.dataclass
class Attempt:
    """One signed document and what became of it."""
    id: str
    kind: str                                    # "device" or "payment"
    payer: str                                   # account name; "" for a device
    micro: int                                   # what it pays
    path: str
    body: bytes
    signature: str
    answers: list[tuple[float, str, int]] = dataclasses.field(default_factory=list)   # time, node, HTTP status or NO_ANSWER
    height: int | None = None                    # of the first acknowledgement
    acknowledged_by: str = ""

    def statuses(self) -> set[int]:
        return {status for _, _, status in self.answers}

    def refused_everywhere(self) -> bool:
        return bool(self.answers) and self.statuses() <= AT_THE_DOOR


class Wire:
    """A kept-alive connection to one node."""

    def __init__(self, node: ChaosNode, timeout: float = WAIT_S + 3):
        self.node, self.timeout = node, timeout
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> tuple[int, dict]:
        """Status and document; NO_ANSWER when the connection was lost or the node does not answer in time."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.node.host, self.node.port, timeout=self.timeout)
            self.connection.request(method, path, body=body, headers=headers or {})
            response = self.connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else {}
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return NO_ANSWER, {}

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


class Workshop:
    """Makes documents. The sealing keys are asked for once: the members do not change in these runs."""

    class Sealer(ChaosNode):
        def __init__(self, of: ChaosNode):
            self.network = of.network
            self.members = of.get("/v1/validators")

        def get(self, path: str, accept: str | None = None, **kw):
            assert path == "/v1/validators"
            return self.members

    def __init__(self, cluster: Cluster):
        self.network = cluster.network
        self.provider = cluster.accounts["provider"]
        self.accounts = cluster.accounts
        self.sealer = Workshop.Sealer(cluster.nodes[0])

    def sign(self, kind: str, payer: str, micro: int, path: str, action: str, who: Identity, document: dict) -> Attempt:
        body = json.dumps(document).encode()
        signature = who.sign(who.protected(self.network, action), body)
        return Attempt(transaction_id(signature, body), kind, payer, micro, path, body, signature)

    def registration(self) -> Attempt:
        cost = {"currency": "EUR", "perKilobyte": money(PRICE_MICRO)}
        document = {"devices": [device(self.sealer, self.provider.did, cost=cost, name="Chaos " + secrets.token_hex(4))]}
        return self.sign("device", "", 0, "/v1/devices", "device.register", self.provider, document)

    def payment(self, payer: str, urn: str, kilobytes: int) -> Attempt:
        micro = kilobytes * PRICE_MICRO
        document = {"payer": self.accounts[payer].did, "items": [{"device": urn, "version": 1, "kilobytes": kilobytes, "amount": money(micro)}],
                    "currency": "EUR", "total": money(micro), "method": "credit"}
        return self.sign("payment", payer, micro, "/v1/payments", "payment.create", self.accounts[payer], document)


class Client:
    """One client with a connection to each node."""

    def __init__(self, name: str, nodes: list[ChaosNode], story: Story, seed: object):
        self.name, self.nodes, self.story = name, nodes, story
        self.random = random.Random(f"{seed}/{name}")
        self.wires = {node.name: Wire(node) for node in nodes}
        self.attempts: list[Attempt] = []
        self.acknowledged: list[tuple[float, str]] = []   # when and by whom: a list that only grows, read by others

    def send(self, attempt: Attempt, node: ChaosNode, wait_s: int = WAIT_S) -> int:
        headers = {"Content-Type": "application/json", "Agiddi-Signature": attempt.signature, "Prefer": f"wait={wait_s}"}
        status, document = self.wires[node.name].call("POST", attempt.path, attempt.body, headers)
        attempt.answers.append((self.story.now(), node.name, status))
        if status in (200, 201):
            self.take_acknowledgement(attempt, node, document)
        return status

    def take_acknowledgement(self, attempt: Attempt, node: ChaosNode, document: dict) -> None:
        if document.get("transaction") != attempt.id:
            self.story.violated(f"{node.name} acknowledged {attempt.id} as {document.get('transaction')}")
        if attempt.height is None:
            attempt.height, attempt.acknowledged_by = document["height"], node.name
            self.acknowledged.append((time.monotonic(), node.name))
        elif attempt.height != document["height"]:
            self.story.violated(f"{attempt.id} was acknowledged at height {attempt.height} by {attempt.acknowledged_by} and at {document['height']} by {node.name}")

    def settle(self, attempt: Attempt, nodes: list[ChaosNode], patience_s: float = PATIENCE_S, wait_s: int = WAIT_S, stop: threading.Event | None = None) -> bool:
        """Sends the document to one node after another until it is acknowledged or refused by several."""
        self.attempts.append(attempt)
        end = time.monotonic() + patience_s
        order = self.random.sample(nodes, len(nodes))
        refusals = 0
        while time.monotonic() < end and refusals < REFUSALS_MAX and not (stop and stop.is_set()):
            node = order[len(attempt.answers) % len(order)]
            status = self.send(attempt, node, wait_s)
            if status in (200, 201):
                return True
            if status in (NO_ANSWER, 429, 503, 504):
                time.sleep(0.05)
            else:
                refusals += 1
        return False

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()


class Load:
    """Clients in threads of their own: seven of ten documents are payments."""

    PAYERS = ("application-1", "application-2")

    def __init__(self, cluster: Cluster, story: Story, seed: object, clients: int, per_second: float):
        self.story = story
        self.workshop = Workshop(cluster)
        self.clients = [Client(f"client-{i + 1}", cluster.nodes, story, seed) for i in range(clients)]
        self.pause_s = clients / per_second
        self.devices: list[str] = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(client, self.PAYERS[i % 2]), name=client.name) for i, client in enumerate(self.clients)]

    def start(self) -> None:
        """The first devices are registered before the clients begin, so that all can pay."""
        first = self.clients[0]
        for _ in range(4):
            attempt = self.workshop.registration()
            if not first.settle(attempt, first.nodes):
                raise RuntimeError(f"the first devices cannot be registered: {attempt.answers}")
            self.devices.append(self.urn(attempt))
        for thread in self.threads:
            thread.start()

    @staticmethod
    def urn(attempt: Attempt) -> str:
        from client import device_urn
        return device_urn(attempt.id, 0)

    def work(self, client: Client, payer: str) -> None:
        chance = client.random
        try:
            while not self.stopping.is_set():
                if chance.random() < 0.7:
                    attempt = self.workshop.payment(payer, chance.choice(self.devices), chance.randint(1, 50))
                else:
                    attempt = self.workshop.registration()
                done = client.settle(attempt, client.nodes, stop=self.stopping)
                if done and attempt.kind == "device":
                    self.devices.append(self.urn(attempt))
                if done and chance.random() < 0.1:   # a client that lost the answer and asks again, somewhere
                    client.send(attempt, chance.choice(client.nodes))
                self.stopping.wait(chance.uniform(0, 2 * self.pause_s))
        except Exception as problem:  # a client that dies would make the checks weaker without a word
            self.story.violated(f"{client.name} failed: {problem!r}")

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        for client in self.clients:
            client.close()

    def acknowledged_times(self) -> list[tuple[float, str]]:
        return sorted(entry for client in self.clients for entry in list(client.acknowledged))
