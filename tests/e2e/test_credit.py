"""Money that comes in, moves and goes out, and what a device has earned."""

import json

import pytest

from client import Identity, wait_until
from test_access import integrate, listening_device
from test_handover import Reader
from test_tool import key_of, tool


def amounts(cluster, did, currency):
    balances = cluster.nodes[0].get("/v1/accounts/" + did).json["balances"]
    return next(((b["available"], b["escrow"]) for b in balances if b["currency"] == currency), None)


def test_an_issuer_mints_holders_transfer_and_the_issuer_redeems(cluster):
    issuer = Identity.from_file(cluster.info["issuer"]["key"])
    fresh, node = Identity.fresh(), cluster.nodes[1]
    minted = node.signed("/v1/credit/mint", {"to": fresh.did, "currency": "TKN", "amount": "10.5"}, issuer, "credit.mint")
    assert minted.status == 201, minted
    wait_until("it is known", lambda: amounts(cluster, fresh.did, "TKN") == ("10.5", "0"))
    assert node.signed("/v1/credit/mint", {"to": fresh.did, "currency": "TKN", "amount": "1"}, fresh, "credit.mint").status == 403
    assert node.signed("/v1/credit/transfer", {"to": issuer.did, "currency": "TKN", "amount": "10.6"}, fresh, "credit.transfer").status == 402
    assert node.signed("/v1/credit/transfer", {"to": issuer.did, "currency": "TKN", "amount": "-1"}, fresh, "credit.transfer").status == 422
    assert node.signed("/v1/credit/transfer", {"to": issuer.did, "currency": "TKN", "amount": "4"}, fresh, "credit.transfer").status == 201
    assert node.signed("/v1/credit/redeem", {"currency": "TKN", "amount": "1"}, fresh, "credit.redeem").status == 403
    assert node.signed("/v1/credit/redeem", {"currency": "TKN", "amount": "3"}, issuer, "credit.redeem").status == 201
    wait_until("all have moved", lambda: amounts(cluster, fresh.did, "TKN") == ("6.5", "0") and amounts(cluster, issuer.did, "TKN") == ("1", "0"))


def test_credit_by_the_tool(cluster, tmp_path):
    url, key = cluster.nodes[0].url, str(tmp_path / "new.jwk")
    did = tool("keygen", key).stdout.split()[-1]
    given = tool("credit", "transfer", "--to", did, "--amount", "2.5", "--key", key_of(cluster), "--node", url)
    assert given.returncode == 0 and "2.5 EUR" in given.stdout, given.stderr
    made = tool("credit", "mint", "--to", did, "--amount", "7", "--currency", "TKN", "--key", cluster.info["issuer"]["key"], "--node", url, "--json")
    assert made.returncode == 0 and json.loads(made.stdout)["amount"] == "7"
    assert tool("credit", "mint", "--to", did, "--amount", "7", "--key", key, "--node", url).returncode == 1
    assert tool("credit", "redeem", "--amount", "zero", "--key", key, "--node", url).returncode == 2
    account = tool("account", did, "--node", url)
    assert "2.5 EUR" in account.stdout and "7 TKN" in account.stdout


def test_what_a_device_earned(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    path = f"/v1/devices/{urn}/usage"
    assert cluster.nodes[0].get(path).json == {"device": urn, "usage": []}
    made = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn]).json
    Reader(cluster.nodes[3], made["delivery"]["url"]).wait_for(5)
    entry = wait_until("settled", lambda: (u := cluster.nodes[1].get(path).json["usage"]) and u[0], 40)
    used = cluster.nodes[1].get("/v1/integrations/" + made["integration"]).json["devices"][0]["bytesUsed"]
    assert entry["items"] == 1 and entry["bytes"] == used and entry["currency"] == "EUR"
    assert float(entry["earned"]) == pytest.approx(used * 0.0001) and float(entry["earned"]) + float(entry["refunded"]) == pytest.approx(0.1)
    shown = tool("device", "show", urn, "--what", "usage", "--node", cluster.nodes[2].url, "--json")
    assert json.loads(shown.stdout)["usage"] == [entry]
    assert cluster.nodes[0].get("/v1/devices/urn:agiddi:device:" + "0" * 64 + "/usage").status == 404
