"""The HTTP/2 connection over real TCP: how it begins, what a PING proves, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time

import h2.events
import pytest

from conformance.net.endpoint import Endpoint
from conformance.net.http2 import Http2Connection
from conformance.wire.handshake import opening
from tests.servers.http2 import Gateway

pytestmark = pytest.mark.asyncio


class Silent(Gateway):
    """It reads, and answers nothing behind its SETTINGS."""

    async def flush(self):
        if not self.streams and self.writer is not None:
            await super().flush()
            self.writer = None


class Seen(Gateway):
    """It keeps what the client says."""

    said: list[h2.events.Event] = []  # noqa: RUF012 - emptied by each test

    def handle(self, event):
        self.said.append(event)
        super().handle(event)


@contextlib.asynccontextmanager
async def connected(gateway, breaches):
    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            await gateway(writer, ("127.0.0.1", 1)).run(reader, await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    link = await Http2Connection.open(endpoint, label="here", report=breaches.append, timeout=5, window=1234)
    try:
        yield link
    finally:
        link.close()
        server.close()
        await server.wait_closed()


async def test_connection_begins_by_settings_and_ends_by_goaway():
    breaches, Seen.said = [], []
    async with connected(Seen, breaches) as link:
        assert await link.until(lambda: link.ready, 5)
        assert (link.connect_protocol, link.alpn, link.garbage, link.end) == ([1], None, None, None)
        link.close()
        assert not await link.until(lambda: False, 5)
        assert link.end == "TCP ended (FIN)"
    assert [type(one) for one in Seen.said][-1] == h2.events.ConnectionTerminated
    assert breaches == []


async def test_connection_is_what_it_was_asked_to_be():
    breaches = []
    async with connected(Gateway, breaches) as link:
        assert link.h2.local_settings.initial_window_size == 1234
        link.data_received(b"\0\0\0\4\0\0\0\0\0" + bytes(9))  # SETTINGS, then DATA on no stream
        assert [one.requirement for one in breaches] == ["http2.frames"]
        assert link.request([], opening("/", "h"), "x").transcript.label == "here · x"


async def test_every_ping_is_proven_by_its_own_answer():
    async with connected(Gateway, []) as link:
        assert [await link.ping(5) for _ in range(3)] == [True] * 3
        assert await asyncio.gather(link.ping(5), link.ping(5)) == [True, True]
        link.close()
        assert not await link.ping(5)


async def test_ping_without_an_answer_takes_its_time_and_no_more():
    async with connected(Silent, []) as link:
        assert await link.until(lambda: link.ready, 5)
        began = time.monotonic()
        assert not await link.ping(0.05)
        assert time.monotonic() - began >= 0.05
        assert link.end is None


async def test_what_holds_already_needs_no_waiting():
    async with connected(Gateway, []) as link:
        assert await link.until(lambda: True, 0)
        assert not await link.until(lambda: False, 0.01)
        assert link.end is None


async def test_nobody_listening_is_an_error_of_the_system():
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(OSError, match=str(port)):
        await Http2Connection.open(
            Endpoint("127.0.0.1", port), label="x", report=lambda _breach: None, timeout=5
        )
