"""Control frames: RFC 6455 §5.5."""

from __future__ import annotations

import pytest

from conformance.target.target import Target
from conformance.wire.frames import CLOSE, PING, PONG, TEXT, Frame, close_payload

PING_PAYLOADS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"x", id="1-byte"),
    pytest.param(bytes(range(125)), id="125-bytes"),
    pytest.param(b"\x00\xff\xfe\xfd" * 4, id="not-text"),
]


@pytest.mark.smoke
@pytest.mark.requirement("framing.ping-pong")
@pytest.mark.parametrize("payload", PING_PAYLOADS)
async def test_ping_is_answered_by_a_pong_with_its_payload(target: Target, payload: bytes) -> None:
    async with target.connect() as peer:
        await peer.ping(payload)


@pytest.mark.requirement("framing.unsolicited-pong")
async def test_unsolicited_pong_is_ignored(target: Target) -> None:
    async with target.connect() as peer:
        peer.send(Frame(PONG, b"nobody asked"))
        await peer.expect_silence()


@pytest.mark.requirement("framing.control-length")
@pytest.mark.parametrize("opcode", [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong")])
async def test_control_frame_over_125_bytes_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, b"p" * 125))
        peer.send(Frame(opcode, b"p" * 126))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-length")
async def test_close_frame_over_125_bytes_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(1000, "r" * 124)))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-fragmented")
@pytest.mark.parametrize("opcode", [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong")])
async def test_fragmented_control_frame_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, b"whole"))
        peer.send(Frame(opcode, b"part", fin=False))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-between-fragments")
async def test_ping_between_fragments_is_answered_before_the_message_ends(target: Target) -> None:
    async with target.connect() as peer:
        peer.send(Frame(TEXT, b'{"type":', fin=False))
        await peer.ping(b"between")
        peer.send(Frame(0, b'"heartbeat"}'))
        await peer.ping(b"after")
