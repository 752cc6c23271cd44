"""The bystander: a server that gives it up for want of a Pong has said nothing about an abuse."""

from __future__ import annotations

import pytest
from target_harness import request_of, target_of

from conformance.suite.robustness.latency_watch import bystanding
from conformance.wire.events import Close
from conformance.wire.handshake import accept_for

pytestmark = pytest.mark.asyncio
PING, CLOSE = b"\x89\x00", b"\x88\x02\x0f\xa1"


def answering(*behind):
    """Return the script of a server that answers the bystander's first Ping, then sends frames unasked."""

    async def script(reader, writer):
        _, headers = await request_of(reader)
        accept = accept_for(headers["sec-websocket-key"])
        lines = ["HTTP/1.1 101 S", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        writer.write(pong_to(*await frame_of(reader)) + b"".join(behind))
        await reader.read()

    return script


async def frame_of(reader):
    head = await reader.readexactly(6)
    return head, await reader.readexactly(head[1] & 0x7F)


def pong_to(head, payload):
    plain = bytes(byte ^ head[2 + at % 4] for at, byte in enumerate(payload))
    return bytes([0x8A, len(plain)]) + plain


async def ended(target):
    bystander = await target.bystander()
    assert isinstance(await bystander.connection.event(5.0), Close)
    return bystander


async def test_bystander_given_up_behind_a_ping_is_no_harm() -> None:
    async with target_of(answering(PING, CLOSE)) as target:
        bystander = await ended(target)
        await target.aftermath()
        assert not target.recorder.broken("robustness.others-unharmed")
        assert any("own Ping" in note for note in target.recorder.record.notes)
        assert bystander.connection._transport.is_closing()


async def test_bystander_closed_without_a_ping_before_is_harm() -> None:
    async with target_of(answering(CLOSE)) as target:
        await ended(target)
        await target.aftermath()
        assert "does not answer" in target.recorder.broken("robustness.others-unharmed")


async def test_bystander_that_was_closed_is_shut_and_replaced() -> None:
    async with target_of(answering(CLOSE)) as target:
        first = await ended(target)
        second = await target.bystander()
        assert second is not first
        assert first.connection._transport.is_closing()
        second.connection.shut()


async def test_bystander_given_up_before_an_abuse_is_replaced() -> None:
    seen = []

    async def script(reader, writer):
        _, headers = await request_of(reader)
        accept = accept_for(headers["sec-websocket-key"])
        lines = ["HTTP/1.1 101 S", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        seen.append(writer)
        for count in range(1000):
            head, payload = await frame_of(reader)
            if head[0] == CLOSE[0] or (writer is seen[0] and count == 1):
                # The first is given up where a Ping came too late, between two tests.
                writer.write(CLOSE if head[0] == CLOSE[0] else PING + CLOSE)
                break
            writer.write(pong_to(head, payload) if head[0] == PING[0] else b"")
        writer.close()

    async with target_of(script) as target:
        first = await target.bystander()
        async with bystanding(target, "nothing at all") as watch:
            await watch.more(2)
        assert await target.bystander() is not first
        assert not target.recorder.broken("robustness.others-unharmed")
        await target.leave()
