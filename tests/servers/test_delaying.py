"""The delaying proxy keeps the order of bytes, FIN and reset, and is as late as it says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

Server = Callable[..., int]
BOUND = 10.0


@pytest.fixture
def behind() -> Iterator[socket.socket]:
    """Listen as the server behind the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(BOUND)
        yield listening


@contextlib.contextmanager
def through(
    server: Server, behind: socket.socket, *words: str
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect through the proxy; yield the client's end and the server's."""
    port = server("delaying", str(behind.getsockname()[1]), *words)
    waiting, _ = behind.accept()  # the fixture's own look whether somebody listens
    waiting.close()
    with socket.create_connection(("127.0.0.1", port), BOUND) as near:
        far, _ = behind.accept()
        far.settimeout(BOUND)
        with far:
            yield near, far


def reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def test_bytes_come_late_and_in_order_however_they_are_cut(server: Server, behind: socket.socket) -> None:
    content = bytes(range(256)) * 40
    with through(server, behind, "--delay", "60", "--jitter", "5", "--segment", "7") as (near, far):
        began = time.monotonic()
        near.sendall(content)
        first = far.recv(1)
        late = time.monotonic() - began
        found = first
        while len(found) < len(content):
            found += far.recv(65536)
    assert found == content
    assert late >= 0.06


def test_fin_ends_one_direction_only(server: Server, behind: socket.socket) -> None:
    with through(server, behind, "--delay", "5") as (near, far):
        near.sendall(b"all")
        near.shutdown(socket.SHUT_WR)
        assert far.recv(10) == b"all"
        assert far.recv(10) == b""
        far.sendall(b"an answer behind the FIN")
        assert near.recv(100) == b"an answer behind the FIN"
        far.close()
        assert near.recv(10) == b""


@pytest.mark.parametrize("by", ["client", "server"])
def test_reset_arrives_as_a_reset(server: Server, behind: socket.socket, by: str) -> None:
    with through(server, behind, "--delay", "5") as (near, far):
        one, other = (near, far) if by == "client" else (far, near)
        one.sendall(b"before")
        assert other.recv(10) == b"before"
        reset(one)
        with pytest.raises(ConnectionResetError):
            other.recv(10)


def test_server_that_is_gone_is_a_reset(server: Server, behind: socket.socket) -> None:
    port = server("delaying", str(behind.getsockname()[1]), "--delay", "5")
    behind.close()
    with socket.create_connection(("127.0.0.1", port), BOUND) as near, pytest.raises(ConnectionResetError):
        near.recv(10)


def test_whoever_does_not_read_is_not_written_to_without_end(server: Server, behind: socket.socket) -> None:
    with through(server, behind, "--delay", "1") as (near, far):
        far.settimeout(0)
        sent = 0
        deadline = time.monotonic() + BOUND
        while sent < 64 * 2**20 and time.monotonic() < deadline:
            try:
                sent += far.send(b"x" * 65536)
                blocked = None
            except BlockingIOError:
                blocked = blocked or time.monotonic()
                if time.monotonic() - blocked > 0.5:
                    break
                threading.Event().wait(0.01)
        assert sent < 64 * 2**20, "the proxy swallows what nobody reads"
        assert near.recv(10)
