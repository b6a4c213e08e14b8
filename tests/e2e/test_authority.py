"""Payment authorities as real processes: the simulated rail, litecoind on a chain of its own, and anvil."""

import datetime
import hashlib
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import Identity, binary, wait_until
from rails import ANVIL, NETWORK, Anvil, AuthorityProcess, Litecoin, ReversalNode, read_document, read_receipt

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def started():
    """Starts processes that are stopped after the test, the last one first."""
    things = []

    def start(thing):
        things.append(thing)
        return thing

    yield start
    for thing in reversed(things):
        thing.close()


def items_digest(device: str, version: int, minutes_milli: int, kilobytes_milli: int, micro: int) -> str:
    raw = bytes.fromhex(device[-64:]) + version.to_bytes(4, "big") + b"".join(n.to_bytes(8, "big") for n in (minutes_milli, kilobytes_milli, micro))
    return hashlib.blake2b(b"agiddi/items/1\0" + raw, digest_size=32).hexdigest()


# --- simulated

def simulated(started, node: str = NOBODY, rail: dict | None = None, **changes) -> AuthorityProcess:
    return started(AuthorityProcess({"kind": "simulated", "currency": "EUR", **(rail or {})}, [node], **changes))


def test_simulated_order_is_paid_and_gives_a_receipt(started):
    authority = simulated(started)
    assert authority.http.get("/v1/authority").json == {"id": "acme-pay", "did": authority.did, "rail": "simulated", "currencies": ["EUR"], "confirmations": 0,
                                                        "network": NETWORK}
    payer = Identity.fresh()
    opened = authority.open("0.10", payer)
    assert opened["state"] == "waiting" and opened["total"] == "0.1" and opened["currency"] == "EUR"
    assert opened["pay"] == {"url": f"{authority.http.url}/v1/orders/{opened['order']}/pay"}
    assert authority.order(opened["order"]) == {"order": opened["order"], "state": "waiting"}

    pay = f"/v1/orders/{opened['order']}/pay"
    for wrong, status in [({"amount": "0.09", "currency": "EUR"}, 409), ({"amount": "0.10", "currency": "USD"}, 422), ({"amount": "0.10"}, 422),
                          ({"amount": 0.1, "currency": "EUR"}, 422), ({"amount": "0.10", "currency": "EUR", "tip": "1"}, 422), (b"[", 400)]:
        answer = authority.http.post(pay, wrong)
        assert answer.status == status and answer.json["detail"], answer
        assert authority.order(opened["order"])["state"] == "waiting"
    paid = authority.http.post(pay, {"amount": "0.10", "currency": "EUR"})
    assert paid.status == 200 and paid.json["state"] == "paid", paid
    receipt = read_receipt(paid.json["authorization"], authority.did)
    expires = receipt.pop("expires")
    assert receipt == {"network": NETWORK, "authority": "acme-pay", "receipt": opened["order"], "payer": payer.did, "currency": "EUR", "total": "0.1",
                       "items": items_digest("ab" * 32, 1, 60_000, 0, 100_000)}
    assert authority.http.post(pay, {"amount": "0.10", "currency": "EUR"}).status == 409   # once

    authority.kill()
    authority.start()
    assert authority.order(opened["order"])["authorization"] == paid.json["authorization"]
    assert read_receipt(paid.json["authorization"], authority.did)["expires"] == expires
    assert authority.stop() == 0
    assert "simulated" in authority.told()


def test_simulated_overpayment_is_taken_and_said(started):
    authority = simulated(started)
    order = authority.open("0.10")["order"]
    assert authority.http.post(f"/v1/orders/{order}/pay", {"amount": "0.25", "currency": "EUR"}).json["over"] == "0.15"
    assert authority.order(order)["received"] == "0.25"


def test_charge_back_reaches_the_ledger_through_any_node(started):
    node = started(ReversalNode(503, 202, 404, 201))
    authority = started(AuthorityProcess({"kind": "simulated", "currency": "EUR"}, [NOBODY, node.url]))
    order = authority.open("0.10")["order"]
    chargeback = f"/v1/orders/{order}/chargeback"
    assert authority.http.post(chargeback, {"reason": "stolen card"}).status == 409   # not paid yet
    assert authority.http.post(f"/v1/orders/{order}/pay", {"amount": "0.10", "currency": "EUR"}).status == 200
    assert authority.http.post(chargeback, {}).status == 422
    assert authority.http.post(chargeback, {"reason": "stolen card"}).json == {"order": order, "state": "reversed", "received": "0.1", "reason": "stolen card"}
    wait_until("told until it was taken", lambda: len(node.posts) >= 4, 60)
    for path, document, signature, body in node.posts:
        assert path == "/v1/receipts/reverse"
        assert document == {"authority": "acme-pay", "receipt": order, "reason": "stolen card"}
        protected = read_document(signature, body, authority.did)
        assert protected["act"] == "receipt.reverse" and protected["net"] == NETWORK and protected["kid"] == authority.did
    assert len({signature for _, _, signature, _ in node.posts}) == len(node.posts)
    wait_until("it knows that the ledger knows", lambda: "the ledger knows of a reversal" in authority.told())
    assert authority.http.post(chargeback, {"reason": "again"}).status == 409


def test_a_reversal_survives_a_restart(started):
    node = started(ReversalNode(409))
    authority = simulated(started, NOBODY)
    order = authority.open("0.10")["order"]
    authority.http.post(f"/v1/orders/{order}/pay", {"amount": "0.10", "currency": "EUR"})
    authority.http.post(f"/v1/orders/{order}/chargeback", {"reason": "stolen card"})
    authority.kill()
    with open(authority.config, encoding="utf-8") as file:
        text = file.read()
    with open(authority.config, "w", encoding="utf-8") as file:
        file.write(text.replace(NOBODY, node.url))
    authority.start()
    wait_until("told", lambda: node.posts)
    assert node.posts[0][1]["receipt"] == order


def test_orders_are_read_strictly_and_are_bounded(started):
    authority = simulated(started, open_orders_max=2)
    payer = Identity.fresh()
    good = authority.document("0.10", payer)
    item = good["items"][0]
    wrong = [
        {**good, "payer": "did:key:z6Mk"}, {**good, "note": "x"}, {**good, "total": "0.11"}, {**good, "total": 0.1}, {**good, "currency": "USD"}, {**good, "items": []},
        {**good, "items": [item, item], "total": "0.20"}, {**good, "items": [{**item, "minutes": 0}]}, {**good, "items": [{**item, "minutes": 1.0005}]},
        {**good, "items": [{**item, "version": 0}]}, {**good, "items": [{**item, "amount": "0.1000001"}]}, {**good, "items": [{**item, "color": "red"}]},
        {**good, "items": [{name: value for name, value in item.items() if name != "minutes"}]}, {**good, "items": [{**item, "amount": "0"}], "total": "0"},
        {**good, "items": [{**item, "device": f"urn:agiddi:device:{i:064x}"} for i in range(1, 102)], "total": "10.1"},
    ]
    for document in wrong:
        answer = authority.http.post("/v1/orders", document)
        assert answer.status == 422 and answer.json["errors"], (document, answer)
    assert authority.http.post("/v1/orders", b"{").status == 400
    assert authority.http.request("POST", "/v1/orders", json.dumps(good).encode()).status == 415
    assert authority.http.post("/v1/orders", b" " * 70_000).status == 413
    assert authority.http.get("/v1/orders/unknown").status == 404
    assert authority.http.get("/v1/orders").status == 405
    authority.open("0.10")
    authority.open("0.10")
    full = authority.http.post("/v1/orders", good)
    assert full.status == 429 and full.headers["Retry-After"]


@pytest.mark.parametrize("old, new, words", [
    ('"simulated"', '"paypal"', "rail.kind"), ('"EUR"', '"euro"', "rail.currency"), ("poll_ms = 100", "pol_ms = 100", "rail.pol_ms"),
    ('"authority.jwk"', '"nowhere.jwk"', "nowhere.jwk"), ('"127.0.0.1:', '"0.0.0.0:', "loopback"), ('["http://127.0.0.1:1"]', "[]", "nodes"),
    ('["http://127.0.0.1:1"]', '["http://192.0.2.1"]', "https"), ("[rail]", "[rail", "authority.toml:"), ('"acme-pay"', '"other"', "belongs to another authority"),
])
def test_a_bad_configuration_is_one_clear_sentence(started, old, new, words):
    authority = simulated(started)
    authority.stop()
    with open(authority.config, encoding="utf-8") as file:
        text = file.read()
    assert old in text
    with open(authority.config, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    done = subprocess.run([binary("agiddi-authority"), "--config", authority.config], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_usage():
    shown = subprocess.run([binary("agiddi-authority"), "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert shown.returncode == 0 and "--config FILE" in shown.stdout
    wrong = subprocess.run([binary("agiddi-authority"), "--verbose"], capture_output=True, text=True, timeout=30, check=False)
    assert wrong.returncode == 2 and "--verbose" in wrong.stderr


def test_it_speaks_https_with_a_certificate(started):
    authority = simulated(started)
    authority.stop()
    certificate, key = (os.path.join(authority.dir, name) for name in ("server.crt", "server.key"))
    write_certificate(certificate, key)
    with open(authority.config, encoding="utf-8") as file:
        text = file.read()
    with open(authority.config, "w", encoding="utf-8") as file:
        file.write('certificate = "server.crt"\nprivate_key = "server.key"\n' + text)
    trusted = ssl.create_default_context(cafile=certificate)

    def ask(method: str, path: str, document=None):
        request = urllib.request.Request(f"https://127.0.0.1:{authority.http.port}{path}", json.dumps(document).encode() if document else None,
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30, context=trusted) as answer:
            return json.load(answer)

    def listens() -> bool:
        try:
            return ask("GET", "/v1/authority")["id"] == "acme-pay"
        except OSError:
            return False

    authority.launch()
    wait_until("it listens", listens)
    opened = ask("POST", "/v1/orders", authority.document("0.10", Identity.fresh()))
    assert opened["pay"]["url"].startswith("https://127.0.0.1:")


def write_certificate(certificate: str, key: str):
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(secret.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False).sign(secret, hashes.SHA256()))
    with open(certificate, "wb") as file:
        file.write(made.public_bytes(serialization.Encoding.PEM))
    with open(key, "wb") as file:
        file.write(secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def test_two_authorities_do_not_share_a_folder(started):
    authority = simulated(started)
    done = subprocess.run([binary("agiddi-authority"), "--config", authority.config], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "in use" in done.stderr


# --- bitcoin, on litecoind

@pytest.fixture(scope="module")
def litecoin():
    made = Litecoin()
    yield made
    made.close()


def watching(started, daemon: Litecoin, node: str = NOBODY, **rail) -> AuthorityProcess:
    return started(AuthorityProcess({"kind": "bitcoin", "currency": "LTC", "confirmations": 2, "further_confirmations": 3, "url": daemon.url, "chain": "regtest",
                                     "credentials_file": daemon.cookie, **rail}, [node]))


def test_litecoin_order_is_seen_then_paid(started, litecoin):
    authority = watching(started, litecoin)
    one, two = authority.open("0.25"), authority.open("0.25")
    assert one["pay"]["address"] != two["pay"]["address"] and one["pay"]["amount"] == "0.25"
    litecoin.pay(one["pay"]["address"], "0.25")
    authority.wait_state(one["order"], "seen", confirmations=0)
    litecoin.mine()
    authority.wait_state(one["order"], "seen", confirmations=1)
    assert "authorization" not in authority.order(one["order"])
    litecoin.mine()
    paid = authority.wait_state(one["order"], "paid", confirmations=2)
    assert read_receipt(paid["authorization"], authority.did)["receipt"] == one["order"]
    assert authority.order(two["order"]) == {"order": two["order"], "state": "waiting"}
    assert paid["received"] == "0.25" and "over" not in paid


def test_litecoin_underpaid_by_the_smallest_unit_then_made_good_and_over(started, litecoin):
    authority = watching(started, litecoin)
    opened = authority.open("0.25")
    litecoin.pay(opened["pay"]["address"], "0.24999999")
    litecoin.mine(3)
    short = authority.wait_state(opened["order"], "waiting", received="0.24999999")
    assert "0.00000001" in short["reason"]
    litecoin.pay(opened["pay"]["address"], "0.01")
    authority.wait_state(opened["order"], "seen", confirmations=0)
    litecoin.mine(2)
    assert authority.wait_state(opened["order"], "paid")["over"] == "0.00999999"


def test_litecoin_authority_killed_between_payment_and_receipt(started, litecoin):
    authority = watching(started, litecoin)
    seen, down = authority.open("0.1"), authority.open("0.2")
    litecoin.pay(seen["pay"]["address"], "0.1")
    authority.wait_state(seen["order"], "seen")
    authority.kill()
    litecoin.pay(down["pay"]["address"], "0.2")
    litecoin.mine(2)
    authority.start()
    first = authority.wait_state(seen["order"], "paid")["authorization"]
    authority.wait_state(down["order"], "paid")
    authority.kill()
    authority.start()
    assert authority.wait_state(seen["order"], "paid")["authorization"] == first


def test_litecoin_authority_killed_again_and_again_signs_each_order_once(started, litecoin):
    authority = watching(started, litecoin, further_confirmations=100)
    orders = [authority.open("0.01") for _ in range(10)]
    signed: dict[str, str] = {}
    for number, opened in enumerate(orders):
        litecoin.pay(opened["pay"]["address"], "0.01")
        litecoin.mine()
        # Killed as soon as it has noticed, which is while others are being signed.
        wait_until("it is noticed", lambda order=opened["order"]: authority.order(order)["state"] != "waiting")
        if number % 2:
            authority.kill()
            authority.start()
        for order in (o["order"] for o in orders):
            now = authority.order(order)
            if now["state"] == "paid":
                assert signed.setdefault(order, now["authorization"]) == now["authorization"]
    litecoin.mine(2)
    for order in (o["order"] for o in orders):
        last = authority.wait_state(order, "paid")
        assert signed.setdefault(order, last["authorization"]) == last["authorization"]


def test_litecoin_daemon_that_is_restarted_is_watched_again(started, litecoin):
    authority = watching(started, litecoin)
    opened = authority.open("0.1")
    litecoin.pay(opened["pay"]["address"], "0.1")
    litecoin.mine()
    authority.wait_state(opened["order"], "seen", confirmations=1)
    litecoin.stop()
    try:
        wait_until("it is noticed", lambda: "the rail cannot be watched" in authority.told())
        assert authority.order(opened["order"])["state"] == "seen"
        assert authority.http.post("/v1/orders", authority.document("0.1", Identity.fresh())).status == 503
    finally:
        litecoin.start()                                                # with another cookie
        wait_until("litecoind answers", litecoin.answers, 60)
    litecoin.mine()
    authority.wait_state(opened["order"], "paid")
    assert "the rail answers again" in authority.told()


def test_litecoin_reorganisation_reverses_a_signed_order(started, litecoin):
    node = started(ReversalNode(201))
    authority = watching(started, litecoin, node.url)
    opened = authority.open("0.1")
    litecoin.pay(opened["pay"]["address"], "0.1")
    block = litecoin.mine(2)[0]
    authority.wait_state(opened["order"], "paid")
    litecoin.call("invalidateblock", block)
    litecoin.mine_empty(3)
    gone = authority.wait_state(opened["order"], "reversed")
    assert "no longer in the chain" in gone["reason"] and "authorization" not in gone
    wait_until("the ledger is told", lambda: node.posts)
    assert node.posts[0][1]["receipt"] == opened["order"]
    litecoin.mine(3)   # the payment comes back, and the order does not
    authority.kill()
    authority.start()
    assert authority.order(opened["order"])["state"] == "reversed"


def test_litecoin_shallow_reorganisation_and_the_end_of_watching(started, litecoin):
    authority = watching(started, litecoin)
    opened = authority.open("0.1")
    litecoin.pay(opened["pay"]["address"], "0.1")
    litecoin.mine()
    authority.wait_state(opened["order"], "seen", confirmations=1)
    litecoin.call("invalidateblock", litecoin.call("getbestblockhash"))
    authority.wait_state(opened["order"], "seen", confirmations=0)      # back in the pool: neither lost nor signed
    litecoin.mine(2)
    authority.wait_state(opened["order"], "paid", confirmations=2)
    litecoin.mine(3)
    authority.wait_state(opened["order"], "paid", confirmations=5)      # final
    litecoin.call("invalidateblock", litecoin.call("getblockhash", litecoin.call("getblockcount") - 4))
    litecoin.mine_empty(6)
    other = authority.open("0.1")
    litecoin.pay(other["pay"]["address"], "0.1")
    litecoin.mine(2)
    authority.wait_state(other["order"], "paid")                        # so several looks went by
    assert authority.order(opened["order"])["state"] == "paid"


def test_a_rail_that_never_answers_delays_neither_reads_nor_the_end(started, tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        silent.settimeout(20)
        credentials = tmp_path / "auth"
        credentials.write_text("user:password\n", encoding="utf-8")
        authority = started(AuthorityProcess({"kind": "bitcoin", "currency": "LTC", "chain": "main", "url": f"http://127.0.0.1:{silent.getsockname()[1]}/",
                                              "credentials_file": str(credentials)}, [NOBODY]))
        waiting = threading.Thread(target=lambda: statuses.append(authority.http.post("/v1/orders", authority.document("0.1", Identity.fresh())).status))
        statuses: list[int] = []
        waiting.start()
        connection, _ = silent.accept()
        began = time.monotonic()
        assert authority.http.get("/v1/orders/unknown").status == 404
        assert authority.stop() == 0
        assert time.monotonic() - began < 5
        waiting.join()
        connection.close()
        assert statuses == [503]


def test_litecoin_that_is_away_or_another_chain(started, litecoin):
    authority = watching(started, litecoin, chain="main")
    answer = authority.http.post("/v1/orders", authority.document("0.1", Identity.fresh()))
    assert answer.status == 503 and answer.json["detail"] and "regtest" in authority.told()
    other = watching(started, litecoin, url="http://127.0.0.1:1/wallet/authority")
    assert other.http.post("/v1/orders", other.document("0.1", Identity.fresh())).status == 503
    with open(litecoin.cookie, encoding="utf-8") as file:
        secret = file.read().split(":")[1]
    assert secret not in authority.told() + other.told()


# --- evm, on anvil

@pytest.fixture
def anvil(started):
    if not os.access(ANVIL, os.X_OK):
        pytest.skip("there is no anvil: tools/bootstrap installs it where there is npm")
    return started(Anvil())


def counting(started, chain: Anvil, node: str = NOBODY, **rail) -> AuthorityProcess:
    return started(AuthorityProcess({"kind": "evm", "currency": "ETH", "confirmations": 2, "further_confirmations": 3, "url": chain.url, "chain_id": 31337,
                                     "address": chain.accounts[9], **rail}, [node]))


def test_evm_order_is_paid_by_its_own_calldata(started, anvil):
    authority = counting(started, anvil)
    opened = authority.open("0.000001")
    pay = opened["pay"]
    assert pay == {"to": anvil.accounts[9], "valueWei": "1000000000000", "data": "0x" + opened["order"].encode().ljust(32, b"\0").hex(), "chainId": 31337}
    other = authority.open("0.000001")
    anvil.send(pay["to"], 10**12, "0x")
    anvil.send(pay["to"], 10**12, pay["data"] + "00")
    anvil.send(anvil.accounts[8], 10**12, pay["data"])
    anvil.send(pay["to"], 10**12 - 1, pay["data"])
    anvil.mine(3)
    short = authority.wait_state(opened["order"], "waiting", received="0.000000999999999999")
    assert "0.000000000000000001" in short["reason"]
    anvil.send(pay["to"], 2, pay["data"])
    anvil.mine()
    authority.wait_state(opened["order"], "seen", confirmations=1)
    anvil.mine()
    paid = authority.wait_state(opened["order"], "paid")
    assert paid["over"] == "0.000000000000000001"
    assert read_receipt(paid["authorization"], authority.did)["total"] == "0.000001"
    assert authority.order(other["order"]) == {"order": other["order"], "state": "waiting"}


def test_evm_failed_transaction_does_not_count(started, anvil):
    reverting = "0x" + "42" * 20
    anvil.rpc("anvil_setCode", reverting, "0x60006000fd")
    authority = counting(started, anvil, address=reverting)
    opened = authority.open("0.5")
    transaction = anvil.send(reverting, 5 * 10**17, opened["pay"]["data"])
    anvil.mine(3)
    assert anvil.rpc("eth_getTransactionReceipt", transaction)["status"] == "0x0"
    anvil.rpc("anvil_setCode", reverting, "0x")
    good = authority.open("0.5")
    anvil.send(reverting, 5 * 10**17, good["pay"]["data"])
    anvil.mine(2)
    authority.wait_state(good["order"], "paid")          # so the blocks before were read
    assert authority.order(opened["order"]) == {"order": opened["order"], "state": "waiting"}


def test_evm_authority_killed_between_payment_and_receipt(started, anvil):
    authority = counting(started, anvil)
    opened = authority.open("0.5")
    anvil.send(opened["pay"]["to"], 5 * 10**17, opened["pay"]["data"])
    anvil.mine()
    authority.wait_state(opened["order"], "seen")
    authority.kill()
    anvil.mine(700)                                      # more than one look reads
    authority.start()
    first = authority.wait_state(opened["order"], "paid")["authorization"]
    authority.kill()
    authority.start()
    assert authority.order(opened["order"])["authorization"] == first


def test_evm_reorganisation_before_and_after_signing(started, anvil):
    node = started(ReversalNode(201))
    authority = counting(started, anvil, node.url)
    anvil.mine(5)
    opened = authority.open("0.5")
    before = anvil.rpc("evm_snapshot")
    anvil.send(opened["pay"]["to"], 5 * 10**17, opened["pay"]["data"])
    anvil.mine()
    authority.wait_state(opened["order"], "seen", confirmations=1)
    anvil.rpc("evm_revert", before)
    authority.wait_state(opened["order"], "waiting")
    anvil.rpc("anvil_dropAllTransactions")

    before = anvil.rpc("evm_snapshot")
    anvil.send(opened["pay"]["to"], 5 * 10**17, opened["pay"]["data"])
    anvil.mine(2)
    authority.wait_state(opened["order"], "paid")
    anvil.rpc("evm_revert", before)
    anvil.rpc("anvil_dropAllTransactions")
    anvil.mine(4)                                        # another chain, and a longer one
    authority.wait_state(opened["order"], "reversed")
    wait_until("the ledger is told", lambda: node.posts)
    assert node.posts[0][1]["receipt"] == opened["order"]


def test_evm_reorganisation_of_anvil_itself(started, anvil):
    node = started(ReversalNode(201))
    authority = counting(started, anvil, node.url)
    anvil.mine(10)
    opened = authority.open("0.5")
    anvil.send(opened["pay"]["to"], 5 * 10**17, opened["pay"]["data"])
    anvil.mine(2)
    authority.wait_state(opened["order"], "paid")
    anvil.rpc("anvil_reorg", 1, [])                      # the newest block: the payment stays
    anvil.mine()
    authority.wait_state(opened["order"], "paid", confirmations=3)
    anvil.rpc("anvil_reorg", 3, [])                      # as long as before, without it
    authority.wait_state(opened["order"], "reversed")
    wait_until("the ledger is told", lambda: node.posts)


def test_evm_on_another_chain_opens_no_order(started, anvil):
    authority = counting(started, anvil, chain_id=1)
    assert authority.http.post("/v1/orders", authority.document("0.5", Identity.fresh())).status == 503
    wait_until("it says so", lambda: "31337" in authority.told())
