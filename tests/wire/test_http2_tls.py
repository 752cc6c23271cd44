"""The HTTP/2 connection over TLS: what ALPN chose, which name is verified, and how it is left."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
import trustme

from conformance.net.endpoint import Endpoint
from conformance.net.http2 import Http2Connection
from tests.servers.http2 import Gateway

pytestmark = pytest.mark.asyncio
BOUND = 5.0
SOON = 0.1


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def sides(authority, name, *protocols):
    """Return the server's TLS with a certificate for a name, which speaks these, and the client's."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    client.set_alpn_protocols(["h2", "http/1.1"])
    if protocols:
        server.set_alpn_protocols(protocols)
    return server, client


@contextlib.asynccontextmanager
async def serving(script, tls=None):
    """Serve each connection by ``script(reader, writer)``; yield the port."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def gateway(reader, writer):
    await Gateway(writer, ("127.0.0.1", 1)).run(reader, await reader.read(65536))


async def opened(endpoint, timeout=BOUND):
    return await Http2Connection.open(endpoint, label="x", report=lambda breach: None, timeout=timeout)


@pytest.mark.parametrize(
    ("certified", "server_name"), [("localhost", None), ("other.example", "other.example")]
)
async def test_connection_over_tls_begins_where_h2_was_chosen(authority, certified, server_name):
    server, client = sides(authority, certified, "h2")
    async with serving(gateway, server) as port:
        link = await opened(Endpoint("localhost", port, client, server_name))
        assert await link.until(lambda: link.ready, BOUND)
        assert (link.alpn, link.end) == ("h2", None)
        link.close()
        assert not await link.until(lambda: False, BOUND)
        assert link.end == "TCP ended (FIN)"


async def test_certificate_of_another_name_is_refused(authority):
    server, client = sides(authority, "other.example", "h2")
    async with serving(gateway, server) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await opened(Endpoint("localhost", port, client))


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
async def test_nothing_is_said_where_h2_was_not_chosen(authority, protocols):
    async def script(reader, writer):
        heard.append(await reader.read())

    heard = []
    server, client = sides(authority, "localhost", *protocols)
    async with serving(script, server) as port:
        link = await opened(Endpoint("localhost", port, client))
        assert link.alpn == (protocols[0] if protocols else None)
        assert not await link.until(lambda: link.ready, SOON)
        link._transport.abort()
        await link.until(lambda: False, BOUND)
    assert b"".join(heard) == b""


async def test_server_that_never_speaks_tls_is_given_up_in_time(authority):
    async def silent(reader, writer):
        await reader.read()
        await reader.read()

    _, client = sides(authority, "localhost")
    async with serving(silent) as port:
        with pytest.raises(TimeoutError):
            await opened(Endpoint("localhost", port, client), SOON)


async def test_leaving_waits_for_no_close_notify(authority):
    async def deaf(reader, writer):
        await reader.read(1)
        writer.transport.pause_reading()
        await left.wait()
        writer.transport.abort()

    left = asyncio.Event()
    server, client = sides(authority, "localhost", "h2")
    async with serving(deaf, server) as port:
        link = await opened(Endpoint("localhost", port, client))
        link.close()
        async with asyncio.timeout(1):
            assert not await link.until(lambda: False, BOUND)
        assert link.end == "TCP ended (FIN)"
        left.set()
