"""The proxy that tools/chaos puts between nodes does what it says, seen from both ends of real connections; and a proxy that ignores what it is told
fails every one of these checks."""

import os
import select
import socket
import sys
import time

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))

from chaos_parts.proxy import Proxy  # noqa: E402

QUIET_S = 0.6      # so long nothing may arrive
PATIENCE_S = 10


class DeafProxy(Proxy):
    """Passes everything, whatever it is told."""

    def set(self, source, target, mode="pass", delay_ms=0, bytes_per_s=0):
        pass


class Ends:
    """Two nodes, `a` and `b`, each of which listens and reaches the other one through the proxy."""

    def __init__(self, proxy: Proxy):
        self.proxy, self.open = proxy, []
        self.listening, self.ports = {}, {}
        for source, target in (("a", "b"), ("b", "a")):
            listener = socket.create_server(("127.0.0.1", 0))
            listener.settimeout(PATIENCE_S)
            self.listening[target] = listener
            self.ports[source] = proxy.link(source, target, listener.getsockname()[1])

    def dial(self, source: str) -> tuple[socket.socket, socket.socket]:
        """A connection that works: the end that dialled, and the one that accepted."""
        near = socket.create_connection(("127.0.0.1", self.ports[source]), timeout=PATIENCE_S)
        far, _ = self.listening["b" if source == "a" else "a"].accept()
        far.settimeout(PATIENCE_S)
        self.open += [near, far]
        assert passes(near, far) and passes(far, near)
        return near, far

    def close(self):
        for one in [*self.open, *self.listening.values()]:
            one.close()
        self.proxy.close()


def receive(end: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        part = end.recv(65536)
        assert part, "the connection ended"
        got += part
    return got


def passes(source: socket.socket, target: socket.socket, data: bytes = b"hello") -> bool:
    source.sendall(data)
    return receive(target, len(data)) == data


def seconds_of(source: socket.socket, target: socket.socket, data: bytes) -> float:
    began = time.monotonic()
    source.sendall(data)
    assert receive(target, len(data)) == data, "bytes were changed"
    return time.monotonic() - began


def is_quiet(end: socket.socket) -> bool:
    return not select.select([end], [], [], QUIET_S)[0]


def has_ended(end: socket.socket) -> bool:
    if not select.select([end], [], [], 2)[0]:
        return False
    try:
        return end.recv(1) == b""
    except OSError:
        return True


def cut_ends_what_one_side_dialled(ends: Ends):
    near, far = ends.dial("a")
    other_near, other_far = ends.dial("b")
    ends.proxy.set("a", "b", "cut")
    assert has_ended(near) and has_ended(far)
    newcomer = socket.create_connection(("127.0.0.1", ends.ports["a"]), timeout=PATIENCE_S)
    ends.open.append(newcomer)
    assert has_ended(newcomer)
    assert passes(other_near, other_far), "one way was cut, and the other one with it"
    ends.proxy.set("a", "b")
    ends.dial("a")


def hold_is_silent_and_one_way(ends: Ends):
    near, far = ends.dial("a")
    other_near, other_far = ends.dial("b")
    ends.proxy.set("a", "b", "hold")
    near.sendall(b"first ")
    near.sendall(b"second")
    other_far.sendall(b"back")           # from a to b too, on the link that b dialled
    assert is_quiet(far) and is_quiet(other_near)
    assert passes(far, near) and passes(other_near, other_far), "the other direction was held too"
    ends.proxy.set("a", "b")
    assert receive(far, 12) == b"first second" and receive(other_near, 4) == b"back"
    assert passes(near, far)


def delay_holds_each_byte_back_for_its_time(ends: Ends):
    near, far = ends.dial("a")
    ends.proxy.set("a", "b", delay_ms=1000)
    assert 1.0 <= seconds_of(near, far, b"late") < 5
    assert seconds_of(far, near, b"at once") < 0.9
    ends.proxy.set("a", "b")
    assert seconds_of(near, far, b"at once") < 0.9


def throttle_lets_so_many_bytes_through(ends: Ends):
    near, far = ends.dial("a")
    data = os.urandom(100_000)
    ends.proxy.set("a", "b", bytes_per_s=80_000)
    assert 1.1 <= seconds_of(near, far, data) < 8
    assert seconds_of(far, near, data) < 1.0
    ends.proxy.set("a", "b")
    assert seconds_of(near, far, data) < 1.0


CHECKS = [cut_ends_what_one_side_dialled, hold_is_silent_and_one_way, delay_holds_each_byte_back_for_its_time, throttle_lets_so_many_bytes_through]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_proxy_does_what_it_says(check):
    ends = Ends(Proxy())
    try:
        check(ends)
        assert ends.proxy.bytes_passed() > 0
    finally:
        ends.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_proxy_that_passes_everything_is_found_out(check):
    ends = Ends(DeafProxy())
    try:
        with pytest.raises(AssertionError):
            check(ends)
    finally:
        ends.close()
