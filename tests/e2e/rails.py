"""What a payment authority stands between: the authority's own process, a node that takes reversals, and real chains on this machine."""

import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse

from nacl.signing import VerifyKey

from client import BASE58, Identity, Node, b64u, binary, unb64u, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANVIL = os.path.join(ROOT, "build/rails/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
NETWORK = "harbour-0123456789abcdef"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ReversalNode:
    """Records the documents that are posted to it, and answers with `statuses` in turn, the last one for ever."""

    def __init__(self, *statuses: int):
        self.posts: list[tuple[str, dict, str, bytes]] = []
        self.statuses = list(statuses) or [201]
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):   # noqa: N802 (the base class asks for this name)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.append((self.path, json.loads(body), self.headers["Agiddi-Signature"], body))
                status = outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0]
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class AuthorityProcess:
    """One agiddi-authority with a folder of its own."""

    def __init__(self, rail: dict, nodes: list[str], **changes):
        self.dir = tempfile.mkdtemp(prefix="agiddi-authority-")
        self.process = None
        self.key = os.path.join(self.dir, "authority.jwk")
        subprocess.run([binary("agiddi"), "keygen", self.key], check=True, capture_output=True, timeout=30)
        self.did = Identity.from_file(self.key).did
        port = free_port()
        top = {"id": "acme-pay", "key_file": "authority.jwk", "network": NETWORK, "listen": f"127.0.0.1:{port}", "nodes": nodes, "data_folder": "data", **changes}
        self.http = Node(f"http://127.0.0.1:{port}", NETWORK)
        lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()] + ["[rail]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in {"poll_ms": 100, **rail}.items()]
        self.config = os.path.join(self.dir, "authority.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.log = os.path.join(self.dir, "log")
        self.currency = rail["currency"]
        self.start()

    def launch(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([binary("agiddi-authority"), "--config", self.config], stdout=log, stderr=log)

    def start(self):
        self.launch()
        wait_until("the authority listens", self.listens)

    def listens(self) -> bool:
        assert self.process.poll() is None, self.told()
        try:
            return self.http.get("/v1/authority").status == 200
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def told(self) -> str:
        with open(self.log, encoding="utf-8") as file:
            return file.read()

    def document(self, amount: str, payer: Identity, **changes) -> dict:
        item = {"device": "urn:agiddi:device:" + "ab" * 32, "version": 1, "minutes": 60, "amount": amount}
        return {"payer": payer.did, "items": [item], "currency": self.currency, "total": amount, **changes}

    def open(self, amount: str, payer: Identity | None = None) -> dict:
        answer = self.http.post("/v1/orders", self.document(amount, payer or Identity.fresh()))
        assert answer.status == 201, answer
        return answer.json

    def order(self, order: str) -> dict:
        answer = self.http.get("/v1/orders/" + order)
        assert answer.status == 200, answer
        return answer.json

    def wait_state(self, order: str, state: str, seconds: float = 30, **members) -> dict:
        def reached():
            now = self.order(order)
            return now if now["state"] == state and all(now.get(name) == value for name, value in members.items()) else None

        return wait_until(f"{state} {members}", reached, seconds)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def read_receipt(text: str, did: str) -> dict:
    """Checks the signature with its own arithmetic and returns the payload."""
    header, payload, signature = text.split(".")
    protected = json.loads(unb64u(header))
    assert protected == {"alg": "EdDSA", "kid": did, "typ": "agiddi-receipt"}
    VerifyKey(did_key(did)).verify(f"{header}.{payload}".encode(), unb64u(signature))
    return json.loads(unb64u(payload))


def read_document(signature: str, body: bytes, did: str) -> dict:
    """The protected header of a document that the holder of did has signed."""
    protected, _, own = signature.partition("..")
    VerifyKey(did_key(did)).verify(f"{protected}.{b64u(body)}".encode(), unb64u(own))
    return json.loads(unb64u(protected))


def did_key(did: str) -> bytes:
    number = 0
    for character in did.removeprefix("did:key:z"):
        number = number * 58 + BASE58.index(character)
    return number.to_bytes(34, "big")[2:]


class JsonRpc:
    def __init__(self, url: str):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def rpc(self, method: str, *params, path: str = "/", user: str | None = None):
        headers = {"Content-Type": "application/json"}
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}), headers)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert not answer.get("error"), (method, answer["error"])
        return answer["result"]


class Litecoin(JsonRpc):
    """litecoind on a chain of its own, with the wallets `payer`, which has money, and `authority`."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="agiddi-litecoin-")
        super().__init__(f"http://127.0.0.1:{free_port()}")
        self.url = f"http://127.0.0.1:{self.port}/wallet/authority"
        self.cookie = os.path.join(self.dir, "regtest/.cookie")
        self.start()
        try:
            wait_until("litecoind answers", self.answers, 60)
            for wallet in ("payer", "authority"):
                self.call("createwallet", wallet, False, False, "", False, False, True)   # loaded at each start
            self.mine(120)
        except BaseException:
            self.close()
            raise

    def start(self):
        with open(os.path.join(self.dir, "output"), "a", encoding="utf-8") as output:
            self.process = subprocess.Popen(["litecoind", "-regtest", f"-datadir={self.dir}", "-server", f"-rpcport={self.port}", "-listen=0", "-fallbackfee=0.0001"],
                                            stdout=output, stderr=subprocess.STDOUT)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, method: str, *params, wallet: str | None = None):
        with open(self.cookie, encoding="utf-8") as file:
            return self.rpc(method, *params, path=f"/wallet/{wallet}" if wallet else "/", user=file.read())

    def answers(self) -> bool:
        assert self.process.poll() is None, open(os.path.join(self.dir, "output"), encoding="utf-8").read()
        try:
            self.call("getblockchaininfo")
            return True
        except (OSError, AssertionError, ValueError):
            return False

    def mine(self, blocks: int = 1) -> list[str]:
        return self.call("generatetoaddress", blocks, self.fresh_address())

    def fresh_address(self) -> str:
        """A block to it differs from one that was invalidated, though both be mined in one second."""
        return self.call("getnewaddress", wallet="payer")

    def mine_empty(self, blocks: int):
        """Blocks that leave out what waits in the pool."""
        for _ in range(blocks):
            self.call("generateblock", self.fresh_address(), [])

    def pay(self, address: str, amount: str) -> str:
        return self.call("sendtoaddress", address, amount, wallet="payer")

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Anvil(JsonRpc):
    """anvil, whose blocks are mined when the test says so."""

    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(self.url)
        self.process = subprocess.Popen([ANVIL, "--port", str(port), "--no-mining", "--silent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until("anvil answers", self.answers, 60)
            self.accounts = self.rpc("eth_accounts")
        except BaseException:
            self.close()
            raise

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.rpc("eth_chainId") == "0x7a69"
        except (OSError, ValueError):
            return False

    def mine(self, blocks: int = 1):
        self.rpc("anvil_mine", hex(blocks))

    def send(self, to: str, wei: int, data: str, **changes) -> str:
        return self.rpc("eth_sendTransaction", {"from": self.accounts[0], "to": to, "value": hex(wei), "data": data, "gas": hex(100_000), **changes})

    def close(self):
        self.process.kill()
        self.process.wait()
