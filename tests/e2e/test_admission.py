"""Admission: the members decide who may put documents on the ledger, and how many a day."""

from client import wait_until
from test_membership import decide, node_key
from test_tool import tool


def test_listed_accounts_and_their_quota(own_cluster):
    cluster, node = own_cluster, own_cluster.nodes[0]
    gift = {"to": cluster.provider.did, "currency": "EUR", "amount": "1"}

    def give(identity, at=0):
        return cluster.nodes[at].signed("/v1/credit/transfer", gift, identity, "credit.transfer")

    assert give(cluster.application).status == 201
    proposal = cluster.tool("admission", "propose", "--mode", "listed", "--documents-per-day", "2", "--key", node_key(cluster, 1), "--node", node.url, "--json")
    assert decide(cluster, proposal, [2, 3])["mode"] == "listed"
    wait_until("it is known", lambda: all(n.get("/v1/admission").json == {"mode": "listed", "documentsPerDay": 2} for n in cluster.nodes))
    assert "at most 2 documents a day" in tool("admission", "show", "--node", node.url).stdout
    refused = give(cluster.application)
    assert refused.status == 403 and "listed accounts only" in refused.json["detail"], refused
    assert node.get("/v1/accounts/" + cluster.application.did).json["admitted"] is False
    assert tool("admission", "admit", cluster.application.did, "--key", node_key(cluster, 4), "--node", cluster.nodes[3].url).returncode == 0
    wait_until("every node knows", lambda: all(n.get("/v1/accounts/" + cluster.application.did).json["admitted"] for n in cluster.nodes))
    assert [give(cluster.application, at).status for at in range(2)] == [201, 201]
    wait_until("the count is known", lambda: (a := give(cluster.application, 2)).status == 429 and "next day begins" in a.json["detail"] and a.headers["Retry-After"])
    assert give(cluster.other).status == 403
    # Nodes' own documents and votes go on.
    assert cluster.tool("admission", "dismiss", cluster.application.did, "--key", node_key(cluster, 1), "--node", node.url, "--json")["admitted"] is False
    opened = cluster.tool("admission", "propose", "--mode", "open", "--key", node_key(cluster, 2), "--node", cluster.nodes[1].url, "--json")
    assert decide(cluster, opened, [3, 4])["mode"] == "open"
    wait_until("all are open", lambda: all(n.get("/v1/admission").json == {"mode": "open"} for n in cluster.nodes))
    assert give(cluster.other).status == 201 and give(cluster.application, 3).status == 201
    cluster.wait_same_height()
