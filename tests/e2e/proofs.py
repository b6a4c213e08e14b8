"""Checks a proof from the genesis file alone, with hashlib and PyNaCl: none of the project's code."""

import datetime
import hashlib
import json

from client import base58, b64u, blake2b, transaction_id, unb64u
from nacl.signing import VerifyKey

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field: int, n: int) -> bytes:
    return varint(field << 3) + varint(n) if n else b""


def data(field: int, raw: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(raw)) + raw if raw else b""


def fields(raw: bytes) -> dict:
    """The fields of a protobuf record of varints and bytes."""
    out, at = {}, 0

    def read() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = raw[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(raw):
        tag = read()
        if tag & 7 == 0:
            out[tag >> 3] = read()
        else:
            length = read()
            out[tag >> 3], at = raw[at:at + length], at + length
    return out


def header_hash(header: dict) -> bytes:
    time_ms = (datetime.datetime.fromisoformat(header["timestamp"].replace("Z", "+00:00")) - EPOCH) // datetime.timedelta(milliseconds=1)
    record = number(1, header["formatVersion"]) + data(2, header["network"].encode()) + number(3, header["height"])
    for field, name in enumerate(["previousHash", "batchDigest", "transactionRoot", "receiptRoot", "stateDigest", "membersDigest"], start=4):
        record += data(field, bytes.fromhex(header[name]))
    record += number(10, time_ms) + number(11, header["view"])
    return bytes.fromhex(blake2b(b"agiddi/header/1\0", record))


def text(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def did_key(did: str) -> bytes:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    value = 0
    for digit in did.removeprefix("did:key:z"):
        value = value * 58 + alphabet.index(digit)
    raw = value.to_bytes(34, "big")
    assert raw[:2] == b"\xed\x01" and did == "did:key:z" + base58(raw)
    return raw[2:]


def members_digest(epoch: int, members: list[dict]) -> str:
    encoded = epoch.to_bytes(8, "big") + len(members).to_bytes(4, "big")
    for m in members:
        encoded += text(m["id"].encode()) + did_key(m["did"]) + unb64u(m["sealingKey"]) + text(m["address"].encode())
    return blake2b(b"agiddi/members/1\0", encoded)


def fold(leaf: bytes, path: list[dict]) -> str:
    at = hashlib.blake2b(b"\0" + leaf, digest_size=32).digest()
    for step in path:
        (side, sibling), = step.items()
        pair = bytes.fromhex(sibling) + at if side == "left" else at + bytes.fromhex(sibling)
        at = hashlib.blake2b(b"\1" + pair, digest_size=32).digest()
    return at.hex()


def check_part(part: dict, network: str, epoch: int, members: list[dict]) -> dict:
    """One transaction and its receipt in a block that these members certified; gives the receipt's result."""
    header = part["header"]
    certified = digest = None
    for one in [header, *part.get("headersAbove", [])]:
        assert certified is None or (one["previousHash"] == digest.hex() and one["height"] == certified["height"] + 1)
        certified, digest = one, header_hash(one)
        assert one["hash"] == digest.hex() and one["network"] == network
        assert one["membersDigest"] == members_digest(epoch, members)
    keys = {m["id"]: VerifyKey(did_key(m["did"])) for m in members}
    signatures = part["certificate"]["signatures"]
    n = len(members)
    assert len({s["validator"] for s in signatures}) == len(signatures) >= (n + (n - 1) // 3 + 2) // 2
    for s in signatures:
        signed = (b"agiddi/header-vote/1\0" + text(network.encode()) + certified["view"].to_bytes(8, "big") + certified["height"].to_bytes(8, "big")
                  + text(s["validator"].encode()) + digest)
        keys[s["validator"]].verify(signed, unb64u(s["signature"]))
    body, signature = unb64u(part["transaction"]["document"]), part["transaction"]["signature"]
    transaction = transaction_id(signature, body)
    assert fold(bytes.fromhex(transaction), part["transaction"]["path"]) == header["transactionRoot"]
    protected, made = signature.split("..")
    kid = json.loads(unb64u(protected))["kid"]
    VerifyKey(did_key(kid)).verify(f"{protected}.{b64u(body)}".encode(), unb64u(made))
    receipt = unb64u(part["receipt"]["value"])
    assert fold(receipt, part["receipt"]["path"]) == header["receiptRoot"]
    record = fields(receipt)
    assert record[1].hex() == transaction
    return {"status": record[2], "result": json.loads(record[3])}


def check_proof(genesis_file: str, proof: dict) -> dict:
    with open(genesis_file, "rb") as file:
        raw = file.read()
    genesis = json.loads(raw)
    network = genesis["name"] + "-" + hashlib.blake2b(raw, digest_size=32).hexdigest()[:16]
    epoch, members, from_height = 0, genesis["members"], 0
    for change in proof["memberChanges"]:
        outcome = check_part(change, network, epoch, members)
        decided = outcome["result"]["decided"]
        assert outcome["status"] in (200, 201) and decided["epoch"] == epoch + 1
        assert change["header"]["height"] >= from_height and decided["fromHeight"] > change["header"]["height"] + 16
        epoch, members, from_height = decided["epoch"], decided["members"], decided["fromHeight"]
    assert proof["header"]["height"] >= from_height
    return {**check_part(proof, network, epoch, members), "epoch": epoch}
