"""Floods on one connection whose client reads nothing: RFC 6455 §10.4."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from conformance.suite.robustness.latency_watch import bystanding
from conformance.target.target import Target
from conformance.wire.frames import BINARY, CONTINUATION, PING, TEXT, Frame

BYTES = 1_500_000
ROUNDS = 12
ENVELOPE = 100  # bytes of a heartbeat around its text, whatever a dialect calls its members


def _repeated(frame: Frame) -> bytes:
    encoded = frame.encode()
    return encoded * (BYTES // len(encoded))


def _fragments(_target: Target) -> bytes:
    empty = Frame(CONTINUATION, b"", fin=False).encode()
    return Frame(TEXT, b"", fin=False).encode() + empty * (BYTES // 4 // len(empty))


def _heartbeat(target: Target, size: int) -> Frame:
    """Return a heartbeat of about this size, and not more."""
    message = {"type": "heartbeat", "data": {"fill": "f" * (size - ENVELOPE)}}
    content = target.spoken(json.dumps(message).encode())
    target.sizes.need(len(content))
    return Frame(TEXT, content)


FLOODS: list[object] = [
    pytest.param(lambda target: _repeated(_heartbeat(target, target.sizes.room(400))), id="heartbeats"),
    pytest.param(lambda _target: _repeated(Frame(TEXT, b"no JSON at all")), id="errors"),
    pytest.param(lambda _target: _repeated(Frame(PING, b"p" * 125)), id="pings"),
    pytest.param(lambda target: _repeated(Frame(BINARY, b"b" * target.sizes.room(200, BINARY))), id="binary"),
    pytest.param(_fragments, id="empty-fragments"),
]


@pytest.mark.intrusive
@pytest.mark.requirement("robustness.flood")
@pytest.mark.parametrize("flood", FLOODS)
async def test_flood_on_one_connection_starves_no_other(
    target: Target, flood: Callable[[Target], bytes]
) -> None:
    data = memoryview(flood(target))
    async with bystanding(target, "a flood") as watch, target.connect(label="flood") as client:
        connection = client.connection
        connection.pause_reading()
        try:
            # In pieces, so that our own loop turns to the bystander between them.
            for begin in range(0, len(data), 65536):
                connection.write(bytes(data[begin : begin + 65536]))
                await connection.drain(target.limits.prompt / 8)
                if connection.end is not None:
                    break
            await watch.more(ROUNDS)
        finally:
            connection.reset()


@pytest.mark.intrusive
@pytest.mark.requirement("robustness.flood")
async def test_large_messages_on_many_connections_starve_no_other(target: Target) -> None:
    size = min(target.profile.max_message_bytes or 2**18, 2**20) * 3 // 4
    message = _heartbeat(target, target.sizes.room(size)).encode()
    async with bystanding(target, "large messages"):
        for _ in range(6):
            async with target.connect(label="large message") as client:
                client.connection.write(message)
                await client.connection.drain(target.limits.prompt)
