"""How a connection is opened: which address, which name under TLS, in whose turn, and within which time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys

import pytest
import trustme
from wire_harness import BOUND, serving

from conformance.core.errors import Inconclusive
from conformance.net import pace
from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint
from conformance.net.pace import Pace
from conformance.wire.handshake import opening

pytestmark = pytest.mark.asyncio
SOON = 0.1
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address")


@contextlib.asynccontextmanager
async def opened(endpoint, *, address=None):
    connection = await Connection.open(
        endpoint, label="test", report=lambda breach: None, timeout=BOUND, address=address
    )
    try:
        yield connection
    finally:
        connection.shut()
        await connection.event(BOUND)


async def stay(served):
    await served.gone()


# Addresses.


@only_linux
async def test_address_where_nobody_is_is_passed_over_for_the_next():
    async with serving(stay) as port:
        endpoint = Endpoint("nobody.invalid", port, addresses=("127.0.0.2", "127.0.0.1"))
        async with opened(endpoint) as connection:
            assert connection.transcript.label == "test"
            assert connection.transcript.entries[0].note == f"TCP connection to 127.0.0.1 port {port} made"
            assert connection.local_port not in {None, port}


@only_linux
async def test_address_that_is_asked_for_is_the_only_one():
    async with serving(stay) as port:
        endpoint = Endpoint("nobody.invalid", port, addresses=("127.0.0.2", "127.0.0.1"))
        async with opened(endpoint, address="127.0.0.1"):
            pass
        with pytest.raises(ConnectionRefusedError):
            async with opened(endpoint, address="127.0.0.2"):
                pass


async def test_address_whose_server_speaks_no_tls_is_not_passed_over():
    served = []

    async def script(one):
        served.append(one)
        one.writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await one.gone()

    async with serving(script) as port:
        endpoint = Endpoint("h", port, ssl.create_default_context(), addresses=("127.0.0.1", "127.0.0.1"))
        with pytest.raises(ssl.SSLError):
            async with opened(endpoint):
                pass
    assert len(served) == 1


# TLS.


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def sides(authority, name):
    """Return the server's TLS with a certificate for a name, and the client's, which trusts it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client


@contextlib.asynccontextmanager
async def secured(authority, script):
    """Yield a connection over TLS, upgraded, to a server that follows ``script`` from there on."""

    async def whole(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(ACCEPTED)
        await script(served)

    server, client = sides(authority, "127.0.0.1")
    async with serving(whole, tls=server) as port, opened(Endpoint("127.0.0.1", port, client)) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND)
        yield connection


@pytest.mark.parametrize(
    ("certified", "host", "server_name"),
    [("localhost", "localhost", None), ("other.example", "localhost", "other.example")],
)
async def test_certificate_is_that_of_the_host_or_of_the_name_that_is_asked_for(
    authority, certified, host, server_name
):
    server, client = sides(authority, certified)
    async with serving(stay, tls=server) as port:
        endpoint = Endpoint(host, port, client, server_name, addresses=("127.0.0.1",))
        async with opened(endpoint):
            pass
        with pytest.raises(ssl.SSLCertVerificationError):
            async with opened(Endpoint("another.example", port, client, addresses=("127.0.0.1",))):
                pass


async def test_server_that_never_speaks_tls_is_given_up_in_time():
    async with serving(stay) as port:
        with pytest.raises(TimeoutError):
            await Connection.open(
                Endpoint("127.0.0.1", port, ssl.create_default_context()),
                label="test", report=lambda breach: None, timeout=SOON,
            )  # fmt: skip


async def test_end_of_tls_is_the_servers(authority, caplog):
    async with secured(authority, lambda served: asyncio.sleep(0)) as connection:
        assert (await connection.event(BOUND)).kind == "fin"
        assert connection.transcript.ended is True
    assert caplog.messages == []  # asyncio's, of what has no effect under TLS


async def test_half_close_under_tls_is_one_of_tcp(authority):
    async def script(served):
        assert await served.reader.read() == b""
        told.set()

    told = asyncio.Event()
    async with secured(authority, script) as connection:
        connection.half_close()
        await asyncio.wait_for(told.wait(), BOUND)


async def test_half_close_under_tls_behind_a_reset_is_harmless(authority):
    server, client = sides(authority, "127.0.0.1")

    def accepted():
        return server.wrap_socket(listening.accept()[0], server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = asyncio.create_task(asyncio.to_thread(accepted))
        async with opened(Endpoint("127.0.0.1", listening.getsockname()[1], client)) as connection:
            with await accepting as served:
                served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.half_close()  # before the loop has heard of it
            assert (await connection.event(BOUND)).kind == "reset"


# The pace.


@pytest.fixture
def one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "OPEN", 1)
    monkeypatch.setattr(pace, "MORE", 0)
    monkeypatch.setattr(pace, "TURN_BOUND", SOON)
    kept = Pace(tmp_path)
    yield kept
    kept.close()


async def test_connection_holds_its_turn_until_it_is_gone(one_at_a_time):
    async with serving(stay) as port:
        endpoint = Endpoint("127.0.0.1", port, pace=one_at_a_time)
        async with opened(endpoint):
            with pytest.raises(Inconclusive, match="stayed in use"):
                async with opened(endpoint):
                    pass
        async with opened(endpoint):
            pass


async def test_connection_that_is_not_made_gives_its_turn_back(one_at_a_time):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", taken.getsockname()[1], pace=one_at_a_time)
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                async with opened(endpoint):
                    pass


@pytest.mark.parametrize("coded", [True, False])
async def test_chunk_of_http_is_no_frame_where_a_coding_was_announced(coded):
    async def script(served):
        await served.accept("46 0d 0a 8a 0b 69 6e 20 74 68 65 20 62 6f 64 79 88 00 0d 0a 30 0d 0a 0d 0a")
        await served.gone()

    breaches = []
    async with serving(script) as port:
        endpoint = Endpoint("127.0.0.1", port)
        connection = await Connection.open(endpoint, label="test", report=breaches.append, timeout=BOUND)
        request = opening("/", "h")
        connection.send_request(request.adding(("Transfer-Encoding", "chunked")) if coded else request)
        await connection.read_response(BOUND)
        event = await connection.event(BOUND if coded else SOON)
        connection.shut()
    if coded:
        assert (event.ours, event.kind) == (True, "a chunk of HTTP behind the 101 (its size: F)")
    assert ("framing.server-opcodes" in {one.requirement for one in breaches}) is not coded
