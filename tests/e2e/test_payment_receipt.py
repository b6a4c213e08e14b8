"""Payments by an authority's receipt: signed here by hand, checked by every node, used once, taken back."""

import json
import secrets
import time

import pytest

from client import Identity, b64u, blake2b, wait_until
from conftest import Cluster
from test_access import listening_device
from test_handover import Reader
from test_tool import key_of, tool

BANK = Identity.fresh()


@pytest.fixture(scope="module")
def market():
    made = Cluster(4, "--authority", f"bank={BANK.did}=EUR,USD")
    yield made
    made.close()


def micro(amount: str) -> int:
    whole, _, rest = amount.partition(".")
    return int(whole) * 1_000_000 + int((rest + "000000")[:6])


def items_digest(items: list[dict]) -> str:
    text = b""
    for item in items:
        text += bytes.fromhex(item["device"].rsplit(":", 1)[1]) + item["version"].to_bytes(4, "big")
        text += round(item.get("minutes", 0) * 1000).to_bytes(8, "big") + round(item.get("kilobytes", 0) * 1000).to_bytes(8, "big")
        text += micro(item["amount"]).to_bytes(8, "big")
    return blake2b(b"agiddi/items/1\0", text)


def receipt(network: str, document: dict, key: Identity = BANK, name: str | None = None, authority: str = "bank", **changes) -> str:
    header = {"alg": "EdDSA", "kid": key.did, "typ": "agiddi-receipt"}
    payload = {"network": network, "authority": authority, "receipt": name or secrets.token_hex(8), "payer": document["payer"], "items": items_digest(document["items"]),
               "currency": document["currency"], "total": document["total"], "expires": int(time.time()) + 600}
    payload.update(changes)
    text = ".".join(b64u(json.dumps(part).encode()) for part in (header, payload))
    return text + "." + b64u(key.key.sign(text.encode()).signature)


def purchase(cluster, urn: str, identity: Identity, **bought) -> dict:
    quote = cluster.nodes[0].post("/v1/quotes", {"items": [{"device": urn, **bought}]}).json
    item = quote["items"][0]
    return {"payer": identity.did, "items": [{"device": urn, "version": item["version"], **bought, "amount": item["amount"]}],
            "currency": quote["currency"], "total": quote["total"], "method": "bank"}


def purse(cluster, did: str, node: int = 3):
    balances = cluster.nodes[node].get("/v1/accounts/" + did).json.get("purses", [])
    return next(((b["available"], b["escrow"]) for b in balances if b["authority"] == "bank"), None)


def bank_device(cluster, cost: dict) -> str:
    return listening_device(cluster, cost, interval_ms=20, methods=["bank"])


def test_a_receipt_buys_readings_and_the_authority_redeems_what_was_earned(market):
    urn, buyer, node = bank_device(market, {"perKilobyte": "0.10"}), Identity.fresh(), market.nodes[1]
    document = purchase(market, urn, buyer, kilobytes=1)
    assert node.signed("/v1/payments", document, buyer, "payment.create").status == 402
    document["authorization"] = receipt(market.network, document, name="order-1")
    paid = node.signed("/v1/payments", document, buyer, "payment.create")
    assert paid.status == 201, paid
    wait_until("it lies in escrow", lambda: purse(market, buyer.did) == ("0", "0.1"))
    shown = market.nodes[2].get("/v1/authorities/bank/receipts/order-1").json
    assert shown["state"] == "used" and shown["payment"] == paid.json["payment"]

    made = node.signed("/v1/integrations", {"application": buyer.did, "payment": paid.json["payment"], "devices": [urn], "delivery": {"protocol": "sse"}}, buyer, "integration.create")
    assert made.status == 201, made
    Reader(node, made.json["delivery"]["url"]).wait_for(3)
    wait_until("all was earned or given back", lambda: (p := purse(market, buyer.did)) and p[1] == "0", 40)
    earned = wait_until("the provider was paid", lambda: purse(market, market.provider.did))[0]
    assert micro(earned) + micro(purse(market, buyer.did)[0]) == 100_000 and micro(earned) > 0
    moved = {"to": BANK.did, "currency": "EUR", "amount": earned, "authority": "bank"}
    assert node.signed("/v1/credit/transfer", moved, market.provider, "credit.transfer").status == 201
    out = {"currency": "EUR", "amount": earned, "authority": "bank"}
    assert node.signed("/v1/credit/redeem", out, market.provider, "credit.redeem").status == 403
    assert node.signed("/v1/credit/redeem", out, BANK, "credit.redeem").status == 201


def test_a_receipt_is_for_one_payment_and_one_time(market):
    urn, buyer = bank_device(market, {"perMinute": "0.10"}), Identity.fresh()
    document = purchase(market, urn, buyer, minutes=2)
    good = receipt(market.network, document)

    def pay(authorization, node=0, **changes):
        return market.nodes[node].signed("/v1/payments", {**document, **changes, "authorization": authorization}, buyer, "payment.create")

    other = {**document, "items": [{**document["items"][0], "minutes": 3}]}
    for wrong in (receipt("demo-0000000000000000", document), receipt(market.network, document, total="0.1"), receipt(market.network, document, currency="USD"),
                  receipt(market.network, document, payer=market.provider.did), receipt(market.network, other), receipt(market.network, document, expires=1),
                  receipt(market.network, document, Identity.fresh()), receipt(market.network, document, authority="card"), receipt(market.network, document, extra=1), good[:-8] + "AAAAAAAA", "a.b.c"):
        answer = pay(wrong)
        assert answer.status == 402 and answer.json["detail"], answer
    assert pay(good, method="nobody").status == 422 and pay(good, method="credit").status == 422
    assert purse(market, buyer.did) is None
    answers = [pay(good, node) for node in range(4)]       # at four nodes, each a document of its own
    assert sorted(a.status for a in answers) == [201, 402, 402, 402], answers
    wait_until("one was paid", lambda: purse(market, buyer.did) == ("0", "0.2"))


def test_a_receipt_that_is_taken_back_ends_what_it_paid_for(market):
    urn, buyer = bank_device(market, {"perMinute": "0.10"}), Identity.fresh()
    document = purchase(market, urn, buyer, minutes=5)
    document["authorization"] = receipt(market.network, document, name="order-9")
    paid = market.nodes[0].signed("/v1/payments", document, buyer, "payment.create").json
    made = market.nodes[0].signed("/v1/integrations", {"application": buyer.did, "payment": paid["payment"], "devices": [urn], "delivery": {"protocol": "sse"}}, buyer, "integration.create").json
    reader = Reader(market.nodes[0], made["delivery"]["url"])
    reader.wait_for(3)
    back = {"authority": "bank", "receipt": "order-9", "reason": "the card was stolen"}
    assert market.nodes[2].signed("/v1/receipts/reverse", back, buyer, "receipt.reverse").status == 403
    assert market.nodes[2].signed("/v1/receipts/reverse", back, BANK, "receipt.reverse").status == 200
    assert market.nodes[2].signed("/v1/receipts/reverse", back, BANK, "receipt.reverse").status == 409
    wait_until("nothing is left", lambda: purse(market, buyer.did) == ("0", "0"), 40)
    state = wait_until("it has ended", lambda: (s := market.nodes[1].get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s)
    assert state["endedBecause"] == "its payment was reversed"
    assert market.nodes[1].get("/v1/payments/" + paid["payment"]).json["reversedBecause"] == "the card was stolen"
    reader.join(20)
    assert not reader.is_alive()


def test_members_accept_and_remove_an_authority_by_the_tool(cluster):
    key = Identity.fresh()
    node_keys = [cluster.info["nodes"][i]["dir"] + "/node.jwk" for i in range(3)]

    def decide(*arguments):
        proposal = cluster.tool("authority", *arguments, "--key", node_keys[0], "--node", cluster.nodes[0].url, "--json")["proposal"]
        for i in (1, 2):
            outcome = cluster.tool("member", "vote", proposal, "--key", node_keys[i], "--node", cluster.nodes[i].url, "--json")
        assert outcome["state"] == "decided", outcome

    url = cluster.nodes[3].url
    decide("add", "card", "--did", key.did, "--currency", "EUR")
    wait_until("it is listed", lambda: key.did in tool("authority", "list", "--node", url).stdout)
    urn = listening_device(cluster, {"perMinute": "0.10"}, methods=["credit", "card"])
    document = {**purchase(cluster, urn, cluster.application, minutes=1), "method": "card"}
    authorization = receipt(cluster.network, document, key, authority="card")
    paid = tool("pay", "--device", urn, "--minutes", "1", "--method", "card", "--authorization", authorization, "--key", key_of(cluster), "--node", url)
    assert paid.returncode == 0, paid.stderr
    assert "EUR by card available, 0.1 in escrow" in tool("account", cluster.application.did, "--node", url).stdout
    assert tool("pay", "--device", urn, "--minutes", "1", "--authorization", authorization, "--key", key_of(cluster), "--node", url).returncode == 2
    decide("remove", "card")
    again = tool("pay", "--device", urn, "--minutes", "1", "--method", "card", "--authorization", authorization, "--key", key_of(cluster), "--node", url)
    assert again.returncode == 1 and "is no method of this network" in again.stderr
