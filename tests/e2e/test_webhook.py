"""Readings over a webhook, and the latest reading: real nodes, a broker and devices; receivers of the tests' own that fail in every way."""

import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from client import wait_until
from conftest import ROOT, Cluster
from test_access import check_measurement, integrate, listening_device, measurements, path_of

PROGRAM = os.path.join(ROOT, "tools/webhook_receiver")
LOADER = SourceFileLoader("webhook_receiver", PROGRAM)
example = module_from_spec(spec_from_loader("webhook_receiver", LOADER))
LOADER.exec_module(example)


class Receiver:
    """An HTTP server that answers as it is told and keeps what it was sent."""

    def __init__(self, answers=None, context=None, host="127.0.0.1"):
        self.answers, self.posts, self.lock = list(answers or []), [], threading.Lock()
        self.released = threading.Event()
        self.released.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.released.wait(30)
                with receiver.lock:
                    status = receiver.answers.pop(0) if receiver.answers else 204
                    receiver.posts.append({"headers": self.headers, "body": body, "target": self.path, "status": status, "at": time.monotonic()})
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}/readings?secret=1"

    def taken(self):
        """Measurements that were acknowledged, each as often as it was."""
        with self.lock:
            return [m for post in self.posts if post["status"] < 300 for m in json.loads(post["body"])]

    def sequences(self):
        return [m["sequence"] for m in self.taken()]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receivers():
    made = []

    def make(*arguments, **options):
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def integrated(cluster, cost=None, at=3, interval_ms=20, identity=None, **bought):
    urn = listening_device(cluster, cost or {"perKilobyte": "0.10"}, interval_ms=interval_ms)
    payment = cluster.pay(urn, identity=identity, **(bought or {"kilobytes": 2}))
    answer = integrate(cluster, payment, [urn], at=at, identity=identity)
    assert answer.status == 201, answer
    return urn, answer.json


def webhook_path(made):
    return f"/v1/integrations/{made['integration']}/webhook"


def register(cluster, made, url, at=3, identity=None, **more):
    return cluster.nodes[at].signed(webhook_path(made), {"integration": made["integration"], "url": url, **more}, identity or cluster.application, "integration.webhook")


def token_of(made):
    return made["delivery"]["url"].split("token=")[1]


def state_of(cluster, made, at=3):
    answer = cluster.nodes[at].get(webhook_path(made) + "?token=" + token_of(made))
    assert answer.status == 200, answer
    return answer.json


def end_webhook(cluster, made, at=3, identity=None):
    return cluster.nodes[at].signed(webhook_path(made), {"integration": made["integration"]}, identity or cluster.application, "integration.webhook", method="DELETE")


def gapless(sequence):
    return sequence == list(range(1, len(sequence) + 1))


def test_everything_paid_for_comes_signed_and_once(cluster, receivers):
    urn, made = integrated(cluster)
    receiver = receivers()
    answer = register(cluster, made, receiver.url)
    assert answer.status == 201 and answer.json["state"] == "active" and answer.json["url"] == receiver.url, answer
    node = cluster.nodes[3]
    state = wait_until("the integration ends", lambda: (s := node.get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s, 30)
    used = state["devices"][0]["bytesUsed"]
    assert 2000 - used < 80
    wait_until("all has come", lambda: len(receiver.taken()) == state["devices"][0]["sequence"])
    assert gapless(receiver.sequences())
    for document in receiver.taken():
        check_measurement(document, urn, made["integration"])
        assert document["@id"] == f"urn:agiddi:measurement:{made['integration']}:1:1-{document['sequence']}"
    members = example.members_of(node.url)
    for post in receiver.posts:
        uri = receiver.url
        assert post["headers"]["Content-Type"] == "application/ld+json"
        example.check_request("POST", uri, post["headers"], post["body"], members)
        for changed in (("POST", uri, post["headers"], post["body"] + b" ", members), ("PUT", uri, post["headers"], post["body"], members),
                        ("POST", uri + "x", post["headers"], post["body"], members), ("POST", uri, post["headers"], post["body"], set())):
            with pytest.raises(example.Refused):
                example.check_request(*changed)
    figures = state_of(cluster, made)
    assert figures["delivered"] == len(receiver.taken()) and figures["queued"] == 0 and figures["failed"] == 0 and "lastDelivery" in figures


def test_only_the_application_may_and_only_its_own_addresses(cluster, receivers):
    urn, made = integrated(cluster)
    url = receivers().url
    assert register(cluster, made, url, identity=cluster.other).status == 403
    wait_until("another node knows who serves", lambda: register(cluster, made, url, at=1).status == 409)
    for bad in ("ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1/#x", "http://127.0.0.1/a\r\nb", "http://10.0.0.1/", "https://x:0/"):
        answer = register(cluster, made, bad)
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/url", (bad, answer)
    assert register(cluster, made, url, format="csv").json["errors"][0]["pointer"] == "/format"
    assert register(cluster, made, url, unit="m").json["errors"][0]["pointer"] == "/unit"
    assert register(cluster, made, url, surprise=1).status == 422
    assert cluster.nodes[3].post(webhook_path(made), {"integration": made["integration"], "url": url}).status == 401
    assert cluster.nodes[3].get(webhook_path(made)).status == 401
    assert cluster.nodes[3].get(webhook_path(made) + "?token=x").status == 401
    assert cluster.nodes[3].get(webhook_path(made) + "?token=" + token_of(made)).status == 404
    assert end_webhook(cluster, made).status == 404
    body = json.dumps({"integration": made["integration"], "url": url}).encode()
    signature = cluster.application.sign(cluster.application.protected(cluster.network, "integration.webhook"), body)
    node = cluster.nodes[3]
    assert node.post(webhook_path(made), body, {"Agiddi-Signature": signature}).status == 201
    assert node.post(webhook_path(made), body, {"Agiddi-Signature": signature}).status == 409
    over_mqtt = integrate(cluster, cluster.pay(urn, kilobytes=1), [urn], protocol="mqtt").json
    assert register(cluster, over_mqtt, url).status == 409


def test_a_receiver_that_fails_gets_it_again_and_nothing_twice(cluster, receivers):
    _, made = integrated(cluster, kilobytes=1)
    receiver = receivers([500, 302, 429])
    assert register(cluster, made, receiver.url).status == 201
    node = cluster.nodes[3]
    state = wait_until("ended", lambda: (s := node.get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s, 30)
    wait_until("all has come", lambda: len(receiver.taken()) == state["devices"][0]["sequence"], 30)
    assert gapless(receiver.sequences())
    failed = [post for post in receiver.posts if post["status"] >= 300]
    assert [post["status"] for post in failed] == [500, 302, 429]
    assert all(post["target"] == "/readings?secret=1" for post in receiver.posts)  # no redirect was followed
    pauses = [b["at"] - a["at"] for a, b in zip(receiver.posts, receiver.posts[1:])][:3]
    assert pauses[0] >= 0.5 and pauses[1] >= 1 and pauses[2] >= 2, pauses
    figures = state_of(cluster, made)
    assert figures["failed"] == 3 and figures["lastError"]["detail"] == "the receiver answered 429" and figures["state"] == "active"


def test_gone_ends_it_and_a_stream_takes_over_what_was_queued(cluster, receivers):
    _, made = integrated(cluster, kilobytes=5)
    receiver = receivers([204, 410])
    assert register(cluster, made, receiver.url).status == 201
    wait_until("gone", lambda: state_of(cluster, made)["state"] == "gone")
    assert len(receiver.posts) == 2
    rest = measurements(cluster.nodes[3], made["delivery"])
    sequence = receiver.sequences() + [m["sequence"] for m in rest]
    assert gapless(sequence), sequence
    assert len(receiver.posts) == 2


def webhooks_at(cluster, at=3):
    return next(int(line.split()[1]) for line in cluster.nodes[at].get("/metrics").body.decode().splitlines() if line.startswith("agiddi_delivery_webhooks "))


def test_one_that_is_gone_has_no_place_and_is_told_of_after_a_restart_too(own_cluster, receivers):
    cluster = own_cluster
    _, made = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
    receiver, other = receivers([204, 410]), receivers()
    assert register(cluster, made, receiver.url).status == 201 and webhooks_at(cluster) == 1
    wait_until("gone", lambda: state_of(cluster, made)["state"] == "gone")
    assert webhooks_at(cluster) == 0
    cluster.stop_node(4, kill=True)
    cluster.start_node(4)
    state = wait_until("it is served again", lambda: (a := cluster.nodes[3].get(webhook_path(made) + "?token=" + token_of(made))).status != 404 and a).json
    assert state["state"] == "gone" and state["url"] == receiver.url and state["lastError"]["detail"] == "the receiver answered 410"
    assert webhooks_at(cluster) == 0 and len(receiver.posts) == 2
    assert register(cluster, made, other.url).json["state"] == "active" and webhooks_at(cluster) == 1
    wait_until("readings", lambda: len(other.taken()) > 5)
    assert end_webhook(cluster, made).status == 204 and webhooks_at(cluster) == 0
    assert cluster.nodes[3].get(webhook_path(made) + "?token=" + token_of(made)).status == 404 and len(receiver.posts) == 2


def test_what_was_paid_is_posted_by_a_node_that_starts_after_the_end(own_cluster, receivers):
    cluster = own_cluster
    _, made = integrated(cluster, kilobytes=1)
    receiver = receivers()
    receiver.released.clear()
    assert register(cluster, made, receiver.url).status == 201
    ended = wait_until("the end", lambda: (s := cluster.nodes[0].get("/v1/integrations/" + made["integration"]).json)["state"] == "ended" and s["phase"] == "ended" and s, 30)
    assert state_of(cluster, made)["queued"] > 10
    cluster.stop_node(4, kill=True)
    receiver.released.set()
    cluster.start_node(4)
    wait_until("all of it", lambda: len(set(receiver.sequences())) == ended["devices"][0]["readings"], 30)
    assert gapless(sorted(set(receiver.sequences())))
    wait_until("nothing waits", lambda: (a := cluster.nodes[3].get(webhook_path(made) + "?token=" + token_of(made))).status == 200 and a.json["queued"] == 0)
    posts = len(receiver.posts)
    cluster.stop_node(4, kill=True)
    cluster.start_node(4)
    wait_until("it forgets", lambda: cluster.nodes[3].get("/readyz").status == 200 and cluster.nodes[3].get(webhook_path(made) + "?token=" + token_of(made)).status == 404)
    assert len(receiver.posts) == posts


def test_a_receiver_that_hangs_slows_nobody(cluster, receivers):
    _, slow = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
    _, quick = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
    hanging, fine = receivers(), receivers()
    hanging.released.clear()
    assert register(cluster, slow, hanging.url).status == 201
    wait_until("readings wait for the slow one", lambda: state_of(cluster, slow)["queued"] > 20)
    assert register(cluster, quick, fine.url).status == 201
    began = time.monotonic()
    wait_until("readings for the quick one", lambda: len(fine.taken()) > 100, 15)
    assert time.monotonic() - began < 10
    assert gapless(fine.sequences()) and not hanging.posts
    hanging.released.set()
    wait_until("the slow one has caught up", lambda: len(hanging.taken()) > 100, 30)
    assert gapless(hanging.sequences())
    assert len(hanging.posts) < len(hanging.taken()) / 2  # larger posts, not more of them
    for made in (slow, quick):
        cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")


def test_a_full_queue_drops_uncharged(cluster, receivers):
    _, made = integrated(cluster, cost={"perMinute": "0.01"}, interval_ms=2, minutes=5)
    receiver = receivers()
    receiver.released.clear()
    assert register(cluster, made, receiver.url).status == 201
    full = wait_until("the queue is full", lambda: (s := state_of(cluster, made))["dropped"] > 50 and s, 60)
    assert full["queued"] == 2000
    receiver.released.set()
    wait_until("it has caught up", lambda: state_of(cluster, made)["delivered"] > 2000, 30)
    assert gapless(receiver.sequences())  # what was dropped has no number
    closed = cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")
    assert closed.status == 200


def test_delete_ends_it_and_another_takes_its_place(cluster, receivers):
    _, made = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
    first, second = receivers(), receivers()
    assert register(cluster, made, first.url).status == 201
    wait_until("readings", lambda: len(first.taken()) > 5)
    assert cluster.nodes[3].get(path_of(made["delivery"]["url"])).status == 409  # the stream, while a webhook has the readings
    assert register(cluster, made, second.url, format="senml", unit="[degF]").status == 201
    pack = wait_until("packs", lambda: second.taken())
    assert second.posts[0]["headers"]["Content-Type"] == "application/senml+json"
    for record in pack:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*", record["bn"] + record["n"]) and (record["bn"] + record["n"]).endswith("/sensor/air"), record
        assert abs(record["t"] - time.time()) < 60
    assert wait_until("converted", lambda: [r for r in second.taken() if r["u"] == "[degF]"])
    assert end_webhook(cluster, made, identity=cluster.other).status == 403
    assert end_webhook(cluster, made).status == 204
    before = len(second.posts)
    data = next(data for _, data in cluster.nodes[3].stream(path_of(made["delivery"]["url"])) if data.startswith("{"))
    assert json.loads(data)["hasResult"]["unit"].endswith("DEG_C") or json.loads(data)["hasResult"]["unit"].endswith("DEG_F")
    assert len(second.posts) <= before + 1
    cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")


def test_it_survives_the_node(own_cluster, receivers):
    cluster = own_cluster
    _, made = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
    receiver = receivers()
    assert register(cluster, made, receiver.url).status == 201
    wait_until("readings", lambda: len(receiver.taken()) > 20)
    receiver.released.clear()
    wait_until("some are in hand", lambda: state_of(cluster, made)["queued"] > 5)
    cluster.stop_node(4, kill=True)
    receiver.released.set()
    cluster.start_node(4)
    last = max(receiver.sequences())
    wait_until("it goes on by itself", lambda: max(receiver.sequences()) > last + 50, 60)
    assert gapless(sorted(set(receiver.sequences())))  # some may come twice, by the same id
    assert len({m["@id"] for m in receiver.taken()}) == len(set(receiver.sequences()))


def test_https_with_the_right_certificate_only(tmp_path, receivers, monkeypatch):
    for name in ("right", "wrong"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=receiver",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.crt"], check=True, capture_output=True)

    def context(name):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
        return made

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "right.crt"))  # what OpenSSL of the nodes trusts
    cluster = Cluster(4)
    try:
        wrong, right = receivers(context=context("wrong")), receivers(context=context("right"))
        _, made = integrated(cluster, cost={"perMinute": "0.01"}, minutes=5)
        assert register(cluster, made, wrong.url).status == 201
        wait_until("refused", lambda: "certificate" in state_of(cluster, made).get("lastError", {}).get("detail", ""))
        assert not wrong.posts
        assert register(cluster, made, right.url).status == 201
        wait_until("all", lambda: len(right.taken()) > 10)
        assert gapless(right.sequences())
    finally:
        cluster.close()


def test_the_example_receiver_and_the_tool(cluster):
    urn = listening_device(cluster, {"perKilobyte": "0.10"}, interval_ms=20)
    payment = cluster.pay(urn, kilobytes=1)
    process = subprocess.Popen([sys.executable, PROGRAM, "--node", cluster.nodes[0].url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = re.fullmatch(r"listening at (\S+)\n", process.stderr.readline())[1]
        made = cluster.tool("integrate", "--node", cluster.nodes[3].url, "--key", os.path.join(cluster.dir, "accounts/application-1.jwk"), "--payment", payment["payment"],
                            "--webhook", url, "--json")
        assert made["webhook"]["state"] in ("active", "retrying") and made["webhook"]["url"] == url
        first = json.loads(process.stdout.readline())
        check_measurement(first, urn, made["integration"])
        ended = cluster.tool("integration", "webhook", made["integration"], "--end", "--node", cluster.nodes[3].url,
                             "--key", os.path.join(cluster.dir, "accounts/application-1.jwk"), "--json")
        assert ended["state"] == "ended"
    finally:
        process.kill()
        process.communicate()


def latest(cluster, made, accept=None):
    return cluster.nodes[3].get(f"/v1/integrations/{made['integration']}/latest?token={token_of(made)}", accept)


def used(cluster, made):
    return cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["devices"][0]["bytesUsed"]


def test_latest_counts_a_reading_once(cluster):
    urn, made = integrated(cluster, interval_ms=400, kilobytes=5)
    assert cluster.nodes[3].get(f"/v1/integrations/{made['integration']}/latest").status == 401
    assert cluster.nodes[3].get(f"/v1/integrations/{made['integration']}/latest?token=x").status == 401
    assert latest(cluster, made, "text/csv").status == 406
    answer = wait_until("a reading", lambda: (a := latest(cluster, made)).status == 200 and a)
    document = answer.json[0]
    check_measurement(document, urn, made["integration"])
    assert document["sequence"] == 1 and answer.headers["Content-Type"].startswith("application/ld+json")
    # As often as it is asked, each reading is charged once, and those in between are nobody's.
    for _ in range(20):
        latest(cluster, made)
    again = latest(cluster, made).json[0]
    figures = cluster.nodes[3].get("/v1/integrations/" + made["integration"]).json["devices"][0]
    assert figures["readings"] <= again["sequence"] + 1 and again["sequence"] <= 12
    record = latest(cluster, made, "application/senml+json").json[0]
    assert (record["bn"] + record["n"]).endswith("/sensor/air") and record["u"] == "Cel" and record["agiddi:id"].startswith("urn:agiddi:measurement:")
    # With a receiver, what it was sent is what `latest` shows, for nothing.
    stream = cluster.nodes[3].stream(path_of(made["delivery"]["url"]))
    shown = next(json.loads(data) for _, data in stream if data.startswith("{"))
    charged = used(cluster, made)
    seen = latest(cluster, made).json[0]
    assert seen["sequence"] >= shown["sequence"]
    if seen["sequence"] == shown["sequence"]:
        assert used(cluster, made) - charged <= 40  # at most the next reading of the stream
    cluster.nodes[3].signed(f"/v1/integrations/{made['integration']}/close", {"integration": made["integration"]}, cluster.application, "integration.close")


def test_latest_is_empty_before_anything_came(cluster):
    urn = cluster.new_device()  # nobody runs it
    made = integrate(cluster, cluster.pay(urn, minutes=1), [urn]).json
    answer = latest(cluster, made)
    assert answer.status == 204 and not answer.body
