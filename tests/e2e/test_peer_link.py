"""The peer port, spoken to with a member's own key: what is malformed, forged, oversized or of another version is refused and counted, and harms nobody."""

import datetime
import os
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from client import Identity, unb64u, wait_until
from proofs import number, varint
from test_epochs import metric
from test_faults import commit
from test_membership import node_key

FRAMES, LINKS = "agiddi_peer_frames_refused_total", "agiddi_peer_links_refused_total"
UNTAKEN = "agiddi_peer_frames_untaken_total"
FRAME_MAX = 24 * 1024 * 1024


def data(field: int, raw: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def text(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def vote(identity: Identity, network: str, sender: int, name: str, view: int, height: int, claimed: int | None = None) -> bytes:
    """A frame with a Prepare vote for a batch that nobody has (docs/FORMATS.md, section 8); claimed: another height than the signed one."""
    digest = bytes(32)
    signed = (b"agiddi/prepare/1\0" + text(network.encode()) + bytes(8) + view.to_bytes(8, "big") + height.to_bytes(8, "big")
              + text(name.encode()) + digest)
    inner = number(1, 1) + number(2, view) + number(3, claimed or height) + data(4, digest) + number(5, sender) + data(6, identity.key.sign(signed).signature)
    return data(4, inner)


class Impostor:
    """A link that somebody dials with a key; a frame is its length and its bytes."""

    def __init__(self, address: str, identity: Identity, folder, protocols=("agiddi-peer/1",)):
        key = Ed25519PrivateKey.from_private_bytes(bytes(identity.key))
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whoever")])
        now = datetime.datetime(2020, 1, 1)
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                       .not_valid_before(now).not_valid_after(now.replace(year=2120)).sign(key, None))
        file = os.path.join(folder, "impostor.pem")
        with open(file, "wb") as out:
            out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            out.write(certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode, context.minimum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_3
        if protocols:
            context.set_alpn_protocols(list(protocols))
        context.load_cert_chain(file)
        host, port = address.rsplit(":", 1)
        self.link = context.wrap_socket(socket.create_connection((host, int(port)), timeout=10))

    def send(self, frame: bytes):
        self.link.sendall(len(frame).to_bytes(4, "big") + frame)

    def is_closed(self) -> bool:
        """The other side never sends on a link that it accepted."""
        self.link.settimeout(10)
        try:
            return self.link.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.link.close()


def test_wrong_frames_inside_a_members_own_link_are_refused_and_counted(own_cluster, tmp_path):
    cluster = own_cluster
    node = cluster.nodes[0]
    address = node.get("/v1/validators").json["validators"][0]["address"]
    log = os.path.join(cluster.dir, "nodes", "node-1", "log")
    commit(cluster, [0, 1, 2, 3], 2)
    cluster.stop_node(4)
    member, height = Identity.from_file(node_key(cluster, 4)), node.get("/v1/status").json["height"]
    assert metric(node, FRAMES) == 0 and metric(node, LINKS) == 0
    link = Impostor(address, member, tmp_path)

    def refused(frame: bytes, reason: str):
        before = metric(node, FRAMES)
        with open(log, encoding="utf-8") as file:
            seen = len(file.read())
        link.send(frame)
        wait_until(f"refused: {reason}", lambda: metric(node, FRAMES) == before + 1, 10)
        with open(log, encoding="utf-8") as file:
            line = next(line for line in file.read()[seen:].splitlines() if "peer frame refused" in line)
        assert "peer=node-4" in line and reason in line, line

    valid = vote(member, cluster.network, 3, "node-4", 0, height + 2)
    before = metric(node, "agiddi_peer_frames_in_total")
    for _ in range(500):   # what holds is no offence, however often it is repeated
        link.send(valid)
    wait_until("all were read", lambda: metric(node, "agiddi_peer_frames_in_total") >= before + 500)
    assert metric(node, FRAMES) == 0

    refused(b"\xff" * 100, "cannot be read")
    refused(valid[:-3], "cannot be read")
    refused(number(15, 1), "of no known kind")
    refused(vote(member, cluster.network, 1, "node-2", 0, height + 2), "signature")            # in another member's name
    refused(vote(member, cluster.network, 9, "node-9", 0, height + 2), "unknown member")
    refused(vote(member, "another-network", 3, "node-4", 0, height + 2), "signature")          # signed for another network
    refused(vote(member, cluster.network, 3, "node-4", 0, height + 2, height + 3), "signature")   # changed after it was signed
    document = b'{"devices":[]}'
    signature = member.sign(member.protected(cluster.network, "device.register"), b"another document")
    first, _, made = signature.partition("..")
    transaction = data(1, first.encode()) + data(2, document) + data(3, unb64u(made))
    refused(data(1, data(1, transaction)), "not authentic")
    assert metric(node, LINKS) == 0

    # An answer that nobody asked for, as a replay of a former one would be: authentic, and not taken.
    before, refusals = metric(node, UNTAKEN), metric(node, FRAMES)
    for _ in range(3):
        link.send(data(10, number(1, 1) + number(3, 1)))
    wait_until("counted", lambda: metric(node, UNTAKEN) >= before + 3, 10)
    assert metric(node, FRAMES) == refusals

    # What no frame can be ends the link; so does another version of the protocol, and a stranger's key.
    for length in (0, FRAME_MAX + 1, 0xFFFFFFFF):
        before = metric(node, LINKS)
        one = Impostor(address, member, tmp_path)
        one.link.sendall(length.to_bytes(4, "big"))
        assert one.is_closed(), length
        wait_until("counted", lambda: metric(node, LINKS) == before + 1, 10)
        one.close()
    for identity, protocols in ((member, ("agiddi-peer/2",)), (member, ()), (Identity.fresh(), ("agiddi-peer/1",))):
        before = metric(node, LINKS)
        try:
            one = Impostor(address, identity, tmp_path, protocols)
            assert one.is_closed(), (identity.did, protocols)
            one.close()
        except ssl.SSLError:
            pass   # refused within the handshake
        wait_until("counted", lambda: metric(node, LINKS) == before + 1, 10)
    link.close()

    # Nobody is harmed, and the member itself is welcome.
    commit(cluster, [0, 1, 2], 3)
    cluster.start_node(4)
    cluster.wait_ready()
    commit(cluster, [3, 0], 2)
    assert len({b["stateDigest"] for b in cluster.wait_same_height()}) == 1
