"""An independent client of the HTTP contract: its own signing, sealing and id arithmetic (PyNaCl, hashlib), so that the tests
check the contract and not the project's own code against itself."""

import base64
import hashlib
import http.client
import json
import os
import secrets
import time
import urllib.parse

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.public import PublicKey, SealedBox
from nacl.signing import SigningKey

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base58(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def blake2b(*parts: bytes) -> str:
    return hashlib.blake2b(b"".join(parts), digest_size=32).hexdigest()


def device_urn(transaction: str, k: int) -> str:
    return "urn:agiddi:device:" + blake2b(b"agiddi/device/1\0", bytes.fromhex(transaction), k.to_bytes(4, "big"))


class Identity:
    """An Ed25519 key with its did:key."""

    def __init__(self, seed: bytes):
        self.key = SigningKey(seed)
        self.did = "did:key:z" + base58(b"\xed\x01" + bytes(self.key.verify_key))

    @staticmethod
    def from_file(path: str) -> "Identity":
        with open(path, encoding="utf-8") as file:
            jwk = json.load(file)
        return Identity(unb64u(jwk["d"]))

    @staticmethod
    def fresh() -> "Identity":
        return Identity(secrets.token_bytes(32))

    def protected(self, network: str, action: str, **changes) -> dict:
        header = {"alg": "EdDSA", "kid": self.did, "net": network, "act": action, "iat": int(time.time()), "jti": secrets.token_hex(12)}
        header.update(changes)
        return {name: value for name, value in header.items() if value is not None}

    def sign(self, protected: dict, body: bytes) -> str:
        first = b64u(json.dumps(protected).encode())
        signature = self.key.sign(f"{first}.{b64u(body)}".encode()).signature
        return f"{first}..{b64u(signature)}"


def transaction_id(signature: str, body: bytes) -> str:
    return blake2b(b"agiddi/tx/1\0", signature.split(".")[0].encode(), b".", b64u(body).encode())


class Answer:
    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:600]!r}"


class Node:
    """One node's HTTP interface."""

    def __init__(self, url: str, network: str):
        self.url, self.network = url, network
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None, timeout: float = 30) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, accept: str | None = None, **kw) -> Answer:
        return self.request("GET", path, headers={"Accept": accept} if accept else None, **kw)

    def post(self, path: str, document, headers: dict | None = None, method: str = "POST") -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})

    def signed(self, path: str, document, identity: Identity, action: str, method: str = "POST", headers: dict | None = None, **changes) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        protected = identity.protected(changes.pop("net", self.network), action, **changes)
        return self.post(path, body, {"Agiddi-Signature": identity.sign(protected, body), **(headers or {})}, method)

    def stream(self, path: str, headers: dict | None = None, timeout: float = 30):
        """Yields the data of server-sent events until the stream ends."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Accept": "text/event-stream", **(headers or {})})
            response = connection.getresponse()
            if response.status != 200:
                raise AssertionError(Answer(response.status, response.headers, response.read()))
            event, data = "message", []
            while True:
                line = response.readline()
                if not line:
                    return
                text = line.decode().rstrip("\r\n")
                if text.startswith("data:"):
                    data.append(text[5:].lstrip())
                elif text.startswith("event:"):
                    event = text[6:].strip()
                elif not text and data:
                    yield event, "\n".join(data)
                    event, data = "message", []
        finally:
            connection.close()

    def seal(self, access: dict, provider: str) -> dict:
        members = self.get("/v1/validators").json["validators"]
        clear = json.dumps({**access, "provider": provider, "network": self.network}).encode()
        key, nonce = secrets.token_bytes(32), secrets.token_bytes(24)
        return {
            "ciphertext": b64u(crypto_aead_xchacha20poly1305_ietf_encrypt(clear, None, nonce, key)),
            "nonce": b64u(nonce),
            "recipients": [{"member": m["id"], "key": b64u(SealedBox(PublicKey(unb64u(m["sealingKey"]))).encrypt(key))} for m in members],
        }


def device(node: Node, provider: str, endpoint: str = "mqtt://127.0.0.1:1883", **changes) -> dict:
    """A valid device document; changes replace its members."""
    document = {
        "name": "Harbour weather",
        "type": "WeatherStation",
        "location": {"latitude": 47.6062, "longitude": -122.3321, "place": "Seattle"},
        "sensors": [{"name": "air", "observedProperty": "Temperature", "unit": "Cel", "range": {"min": -40, "max": 120}, "accuracy": 0.1}],
        "cost": {"currency": "EUR", "perMinute": "0.10"},
        "payment": {"methods": ["credit"]},
        "access": {"protocol": "mqtt", "sealed": node.seal({"endpoint": endpoint, "topic": "devices/" + secrets.token_hex(8)}, provider)},
    }
    document.update(changes)
    return document


def wait_until(what: str, probe, seconds: float = 20, pause: float = 0.05):
    """Polls until probe() gives something true and returns it."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        last = probe()
        if last:
            return last
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what} (last: {last!r})")


def binary(name: str) -> str:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.path.join(root, "build", os.environ.get("AGIDDI_PRESET", "release"), "bin", name)
