"""WebSocket over HTTP/2, open streams: RFC 8441 §5 and the flow control of RFC 9113 §5.2."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.net.stream import Stream
from conformance.target.http2 import Link, linked
from conformance.target.target import Target
from conformance.wire.events import Pong
from conformance.wire.frames import PING, TEXT, Frame

SMALL_WINDOW = 20
BEYOND_WINDOW = 70_000  # octets; the initial window of a stream and of a connection is 65 535


def stream_of(peer: Client) -> Stream:
    """Return the stream that a client talks on."""
    assert isinstance(peer.connection, Stream)
    return peer.connection


async def roomy(link: Link, streams: int) -> None:
    """Leave the test to servers that let a client have so many streams."""
    allowed = link.connection.h2.remote_settings.max_concurrent_streams
    if allowed < streams:
        raise NotApplicable(f"the server allows {allowed} streams on a connection")


@contextlib.asynccontextmanager
async def neighbours(target: Target) -> AsyncIterator[tuple[Client, Link]]:
    """Open a WebSocket beside one that stays, so that its stream must end, and not the connection."""
    async with linked(target) as link:
        await roomy(link, 2)
        async with link.connect(), link.connect() as peer:
            yield peer, link


@pytest.mark.requirement("http2.data-frames")
async def test_frames_are_read_by_single_octets(target: Target) -> None:
    ping = Frame(PING, b"one by one").encode()
    async with linked(target) as link, link.connect() as peer:
        text = Frame(TEXT, target.harmless("octets")).encode() if peer.speaks else b""
        await peer.send_slowly(bytes([octet]) for octet in text + ping)
        await expect_both(peer, b"one by one")


@pytest.mark.requirement("http2.data-frames")
async def test_many_frames_are_read_from_one_data_frame(target: Target) -> None:
    async with linked(target) as link, link.connect() as peer:
        frames = [Frame(TEXT, target.harmless("together"))] if peer.speaks else []
        peer.send(*frames, Frame(PING, b"first"), Frame(PING, b"last"))
        await expect_both(peer, b"last")


@pytest.mark.requirement("http2.data-frames")
async def test_padding_and_empty_data_frames_mean_nothing(target: Target) -> None:
    ping = Frame(PING, b"padded").encode()
    async with linked(target) as link, link.connect() as peer:
        text = Frame(TEXT, target.harmless("padded")).encode() if peer.speaks else b""
        whole = text + ping
        stream = stream_of(peer)
        for part, padding in ((whole[:5], 200), (b"", 0), (whole[5:9], 1), (b"", 255), (whole[9:], 0)):
            link.connection.padded(stream, part, padding)
        await expect_both(peer, b"padded")


async def expect_both(peer: Client, payload: bytes) -> None:
    """Expect a Pong, and the reply to a heartbeat where the server speaks."""
    if peer.speaks:
        reply = peer.decode(await peer.expect_answer())
        if reply.get("type") != "heartbeat_ack":
            raise Nonconformance(
                "a heartbeat was not answered", expected=["heartbeat_ack"], actual=json.dumps(reply)[:200]
            )
    await peer.expect_pong(payload)


@pytest.mark.requirement("http2.masking")
async def test_unmasked_frame_fails_the_websocket(target: Target) -> None:
    async with neighbours(target) as (peer, _):
        await peer.twin(Frame(TEXT, target.harmless()))
        peer.send(Frame(TEXT, target.harmless(), mask=None))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("http2.flow-control")
async def test_server_keeps_to_a_small_window(target: Target) -> None:
    try:
        await stop_and_go(target)
    except Inconclusive:
        broken = target.recorder.broken("http2.flow-control")  # it may be seen before anything is asked
        target.expect(not broken, broken, expected=["no more than the window holds"], actual=broken)
        raise


async def stop_and_go(target: Target) -> None:
    """Hold the window before a Pong, then open it in steps."""
    async with linked(target, window=SMALL_WINDOW) as link, link.connect() as peer:
        stream, payload = stream_of(peer), b"w" * 125
        stream.holding = True
        before = stream.received
        peer.send(Frame(PING, payload))
        await link.connection.ping(target.limits.reply)
        early = await peer.take(lambda event: isinstance(event, Pong), target.limits.prompt / 10)
        got = stream.received - before
        target.expect(
            early is None and got <= SMALL_WINDOW,
            "the server sent more than the window held",
            expected=[f"at most {SMALL_WINDOW} octets until the window is opened"],
            actual=f"{got} octets",
        )
        for _ in range(16):
            link.connection.release(stream, 16)
            await asyncio.sleep(0)  # not a wait: one turn of the loop, so that DATA is read in between
        await peer.expect_pong(payload)


@pytest.mark.requirement("http2.flow-control")
async def test_more_than_a_window_comes_through(target: Target) -> None:
    async with linked(target) as link, link.connect() as peer:
        if not peer.speaks:
            count = BEYOND_WINDOW // 125
            for number in range(count + 1):
                peer.send(Frame(PING, b"%0125d" % number))
            await peer.expect_pong(b"%0125d" % count)
            return
        data = {"text": "x" * BEYOND_WINDOW}
        async with target.connect(label="the same by HTTP/1.1") as control:
            try:
                await control.heartbeat(data)
            except Nonconformance as error:
                raise NotApplicable(f"over HTTP/1.1 this size is answered by {error.actual}") from error
        await peer.heartbeat(data)
        await peer.heartbeat(data)


@pytest.mark.requirement("http2.close")
@pytest.mark.parametrize("code", [1000, 4000, pytest.param(None, id="empty")])
async def test_close_is_answered_and_the_stream_ends(target: Target, code: int | None) -> None:
    async with neighbours(target) as (peer, _):
        peer.send_close(code)
        await peer.expect_close_reply()
        end = peer.connection.end
        assert end is not None
        target.recorder.charge(
            "http2.end-stream",
            kept=end.kind == "END_STREAM",
            message=f"after the closing handshake came {end.kind}",
        )


@pytest.mark.requirement("http2.half-close")
async def test_client_that_ends_its_side_is_let_go(target: Target) -> None:
    async with neighbours(target) as (peer, _):
        peer.connection.half_close()
        ending = await peer.ending()
        target.expect(
            ending.end is not None,
            "the stream stays open after the client's END_STREAM",
            expected=["END_STREAM", "RST_STREAM"],
            actual=ending,
        )


@pytest.mark.requirement("http2.isolation")
async def test_streams_do_not_mix(target: Target) -> None:
    async with linked(target) as link, contextlib.AsyncExitStack() as stack:
        await roomy(link, 4)
        peers = [await stack.enter_async_context(link.connect()) for _ in range(3)]
        frames = [Frame(PING, b"stream %d" % number).encode() for number in range(3)]
        for half in (slice(0, 7), slice(7, None)):
            for peer, frame in zip(peers, frames, strict=True):
                peer.send_bytes(frame[half])
        for number, peer in enumerate(peers):
            await peer.expect_pong(b"stream %d" % number)
            if peer.speaks:
                await peer.heartbeat({"stream": number})


@pytest.mark.requirement("http2.isolation")
@pytest.mark.parametrize("how", ["reset", "end", "fault", "refusal"])
async def test_end_of_one_stream_leaves_the_others(target: Target, how: str) -> None:
    async with linked(target) as link, contextlib.AsyncExitStack() as stack:
        await roomy(link, 4)
        first, second = [await stack.enter_async_context(link.connect()) for _ in range(2)]
        if how == "reset":
            first.connection.reset()
        elif how == "end":
            first.connection.half_close()
            await first.ending(target.limits.prompt)
        elif how == "fault":
            first.send(Frame(TEXT, target.harmless(), mask=None))
            first.send(Frame(PING, b"on its way already"))  # as a client's next frames are
            await first.ending(target.limits.prompt)
        else:
            refused = await link.attempt(target.opening().setting("Sec-WebSocket-Version", "14"), label=how)
            refused.shut()
        await expect_alive(second, f"after the {how} of another stream")
        try:
            async with link.connect() as fresh:
                await fresh.ping()
        except Inconclusive as error:
            raise Nonconformance(
                f"no new WebSocket opens on the connection after the {how} of a stream",
                expected=["a 2xx response, and a Pong"],
                actual=str(error),
            ) from error


async def expect_alive(peer: Client, when: str) -> None:
    """Expect that a WebSocket still answers."""
    try:
        await peer.ping()
        if peer.speaks:
            await peer.heartbeat()
    except Nonconformance as error:
        raise Nonconformance(
            f"a WebSocket does not answer {when}", expected=["a Pong"], actual=error.came
        ) from error
