"""The whole of it: an application pays an authority, a provider delivers, and a charge-back reaches the ledger."""

import json
import subprocess
import urllib.request

import pytest

from client import Identity, binary, wait_until
from rails import AuthorityProcess
from test_access import integrate, listening_device
from test_handover import Reader
from test_membership import decide, node_key
from test_tool import key_of


@pytest.fixture
def card(own_cluster):
    """A network whose members accept a simulated card company."""
    nodes = [node.url for node in own_cluster.nodes]
    made = AuthorityProcess({"kind": "simulated", "currency": "EUR"}, nodes, id="card", network=own_cluster.network)
    proposal = own_cluster.tool("authority", "add", "card", "--did", made.did, "--currency", "EUR", "--key", node_key(own_cluster, 1), "--node", nodes[0], "--json")
    decide(own_cluster, proposal, [2, 3])
    wait_until("every node knows it", lambda: all(n.get("/v1/authorities").json["authorities"] for n in own_cluster.nodes))
    yield made
    made.close()


def purse(cluster, did: str, node: int = 1):
    balances = cluster.nodes[node].get("/v1/accounts/" + did).json.get("purses", [])
    return next(((b["available"], b["escrow"]) for b in balances if b["authority"] == "card"), None)


def test_paid_by_card_read_and_charged_back(own_cluster, card):
    cluster, payer = own_cluster, own_cluster.application
    urn = listening_device(cluster, {"perMinute": "0.10"}, interval_ms=20, methods=["card"])
    paying = subprocess.Popen([binary("agiddi"), "pay", "--device", urn, "--minutes", "30", "--method", "card", "--authority", card.http.url,
                               "--key", key_of(cluster), "--node", cluster.nodes[0].url, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        how = {}
        for line in paying.stderr:                  # how to pay, for people
            if line.startswith("{"):
                how = json.loads(line)
                break
        order = how["url"].split("/")[-2]
        assert card.order(order)["state"] == "waiting" and purse(cluster, payer.did) is None
        request = urllib.request.Request(how["url"], json.dumps({"amount": "3", "currency": "EUR"}).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
        out, _ = paying.communicate(timeout=30)
        assert paying.returncode == 0
    finally:
        paying.kill()
        paying.wait()
    payment = json.loads(out)
    wait_until("it lies in escrow", lambda: purse(cluster, payer.did) == ("0", "3"))
    made = integrate(cluster, payment, [urn]).json
    reader = Reader(cluster.nodes[3], made["delivery"]["url"])
    reader.wait_for(5)

    assert card.http.post(f"/v1/orders/{order}/chargeback", {"reason": "stolen card"}).status == 200
    wait_until("the ledger knows", lambda: cluster.nodes[2].get("/v1/payments/" + payment["payment"]).json.get("reversedBecause") == "stolen card")
    wait_until("all of it is settled", lambda: purse(cluster, payer.did) == ("0", "0"), 40)
    assert float(purse(cluster, cluster.provider.did)[0]) > 0       # what it delivered until then, the card company owes
    reader.join(20)
    assert not reader.is_alive()
    wait_until("the authority knows that the ledger knows", lambda: "the ledger knows of a reversal" in card.told())
