"""Step 3 of the contract: quotes, payments, accounts."""

import pytest

from client import Identity, device, wait_until


def quote(cluster, *items) -> "Answer":
    return cluster.nodes[1].post("/v1/quotes", {"items": list(items)})


@pytest.mark.parametrize("cost, bought, amount", [
    ({"perMinute": "0.10"}, {"minutes": 5}, "0.5"),
    ({"perHour": "0.10"}, {"minutes": 300}, "0.5"),                    # 50 cents buy five hours at 10 cents an hour
    ({"perMegabyte": "0.02"}, {"kilobytes": 25000}, "0.5"),            # 50 cents buy 25 MB at 2 cents a megabyte
    ({"perDay": "1"}, {"minutes": 1}, "0.000695"),                     # 1/1440, rounded up to a micro-unit
    ({"perHour": "0.01"}, {"minutes": 0.001}, "0.000001"),
    ({"perMinute": "0.10", "perKilobyte": "0.003"}, {"minutes": 2, "kilobytes": 10.5}, "0.2315"),
])
def test_a_quote_is_exact(cluster, cost, bought, amount):
    urn = cluster.new_device(cost={"currency": "EUR", **cost})
    answer = quote(cluster, {"device": urn, **bought})
    assert answer.status == 200, answer
    assert answer.json["items"][0]["amount"] == amount and answer.json["total"] == amount and answer.json["currency"] == "EUR"
    assert answer.json["items"][0]["version"] == 1 and answer.json["items"][0]["provider"] == cluster.provider.did


@pytest.mark.parametrize("bought", [{}, {"minutes": 0}, {"minutes": -1}, {"minutes": 0.0001}, {"kilobytes": 5}, {"minutes": "5"}, {"hours": 1}, {"minutes": 1e15}])
def test_a_quote_for_nonsense_is_422(cluster, bought):
    assert quote(cluster, {"device": cluster.new_device(), **bought}).status == 422


def test_a_quote_for_an_unknown_device_is_404(cluster):
    assert quote(cluster, {"device": "urn:agiddi:device:" + "0" * 64, "minutes": 1}).status == 404


def test_a_payment_moves_money_into_escrow(cluster):
    payer = cluster.application
    urn = cluster.new_device()
    available, escrow = map(float, cluster.balance(payer))
    paid = cluster.pay(urn, minutes=30)
    assert paid["payment"] and paid["transaction"] and paid["height"] > 0 and paid["timestamp"].endswith("Z")
    after = tuple(map(float, cluster.balance(payer, node=2)))
    assert after == pytest.approx((available - 3, escrow + 3))
    record = cluster.nodes[2].get("/v1/payments/" + paid["payment"])
    assert record.status == 200 and record.json["payer"] == payer.did


def document(cluster, urn, payer, **changes):
    made = {"payer": payer.did, "items": [{"device": urn, "version": 1, "minutes": 10, "amount": "1"}], "currency": "EUR", "total": "1", "method": "credit"}
    made.update(changes)
    return made


def pay(cluster, made, payer, **changes):
    return cluster.nodes[3].signed("/v1/payments", made, payer, "payment.create", **changes)


def test_refused_payments(cluster):
    urn, payer = cluster.new_device(), cluster.application
    item = {"device": urn, "version": 1, "minutes": 10, "amount": "1"}
    cases = [
        (document(cluster, urn, payer, total="0.9"), 422),
        (document(cluster, urn, payer, items=[{**item, "amount": "0.9"}], total="0.9"), 422),
        (document(cluster, urn, payer, items=[{**item, "amount": "1.1"}], total="1.1"), 422),
        (document(cluster, urn, payer, currency="USD"), 422),
        (document(cluster, urn, payer, method="cowries"), 422),
        (document(cluster, urn, payer, tip="1"), 422),
        (document(cluster, urn, payer, items=[]), 422),
        (document(cluster, urn, payer, items=[{**item, "version": 7}]), 409),
        (document(cluster, urn, cluster.other), 403),
        (b"{", 400),
        (b'{"payer":1,"payer":2}', 422),
    ]
    for made, status in cases:
        answer = pay(cluster, made, payer)
        assert answer.status == status, (made, answer)


def test_without_funds_is_402_and_keeps_that_outcome(cluster):
    urn, poor = cluster.new_device(), Identity.fresh()
    answer = pay(cluster, document(cluster, urn, poor), poor)
    assert answer.status == 402, answer
    account = cluster.nodes[0].get("/v1/accounts/" + poor.did)
    assert account.status == 200 and all(b["available"] == "0" for b in account.json["balances"])


def test_a_payment_retried_ten_times_pays_once(cluster):
    import json

    urn, payer = cluster.new_device(), cluster.application
    body = json.dumps(document(cluster, urn, payer)).encode()
    signature = payer.sign(payer.protected(cluster.network, "payment.create"), body)
    before = float(cluster.balance(payer)[0])
    answers = [cluster.nodes[i % 4].post("/v1/payments", body, {"Agiddi-Signature": signature}) for i in range(10)]
    assert {a.status for a in answers} == {201} and len({a.json["payment"] for a in answers}) == 1
    assert float(cluster.balance(payer)[0]) == pytest.approx(before - 1)


def test_unknown_payment_and_bad_ids(cluster):
    assert cluster.nodes[0].get("/v1/payments/" + "0" * 64).status == 404
    assert cluster.nodes[0].get("/v1/accounts/nobody").status in (404, 422)


def test_several_devices_in_one_payment(cluster):
    made = cluster.register(*[device(cluster.nodes[0], cluster.provider.did, name=f"Bundle {i}") for i in range(3)])
    items = [{"device": d["id"], "minutes": 1} for d in made]
    answer = quote(cluster, *items).json
    assert answer["total"] == "0.3"
    payment = document(cluster, "", cluster.application, total="0.3", items=[{**i, "version": 1, "amount": "0.1"} for i in items])
    assert pay(cluster, payment, cluster.application).status == 201


def free_device(cluster) -> str:
    return cluster.register(device(cluster.nodes[0], cluster.provider.did, cost={"currency": "EUR", "perMinute": "0"}))[0]["id"]


def test_an_account_lists_what_it_paid_and_was_paid(cluster):
    buyer, urns = Identity.fresh(), [free_device(cluster) for _ in range(3)]
    paid = [cluster.pay(urn, minutes=1, identity=buyer)["payment"] for urn in urns]
    path, node = f"/v1/accounts/{buyer.did}/payments", cluster.nodes[2]
    wait_until("all are listed", lambda: [p["payment"] for p in node.get(path).json["payments"]] == paid[::-1])
    entry = node.get(path).json["payments"][0]
    assert entry["role"] == "payer" and entry["items"][0]["device"] == urns[2] and entry == {"role": "payer", **node.get("/v1/payments/" + paid[2]).json}
    pages, cursor = [], ""
    while cursor is not None:
        page = node.get(f"{path}?limit=1{cursor}").json
        pages += [p["payment"] for p in page["payments"]]
        cursor = "&cursor=" + page["next"] if "next" in page else None
    assert pages == paid[::-1]
    earned = node.get(f"/v1/accounts/{cluster.provider.did}/payments?limit=500").json["payments"]
    assert set(paid) <= {p["payment"] for p in earned if p["role"] == "payee"}
    other = "&cursor=" + node.get(f"{path}?limit=1").json["next"]
    assert node.get(f"/v1/accounts/{cluster.provider.did}/payments?limit=1{other}").status == 422
    assert node.get(path + "?limit=0").status == 422 and node.get(path + "?limt=1").status == 400 and node.get("/v1/accounts/nobody/payments").status == 404
    assert node.get(f"/v1/accounts/{Identity.fresh().did}/payments").json["payments"] == []
