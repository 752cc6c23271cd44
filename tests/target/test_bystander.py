"""The bystander: a server that gives it up for want of a Pong has said nothing about an abuse."""

from __future__ import annotations

import pytest
from target_harness import request_of, target_of

from conformance.wire.connection import Close
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
        head = await reader.readexactly(6)
        payload = await reader.readexactly(head[1] & 0x7F)
        mask = head[2:]
        plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        writer.write(bytes([0x8A, len(plain)]) + plain + b"".join(behind))
        await reader.read()

    return script


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
