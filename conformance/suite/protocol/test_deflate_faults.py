"""Compressed messages that are wrong: RFC 7692 §6.1, §6.2 and §7.2.2."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from conformance.client.nonce import nonce
from conformance.client.peer import describe
from conformance.suite.protocol.compression import HEADER, PLAIN, agreed, compressed, packed, settle
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload


def reaching_back(content: bytes) -> bytes:
    """Return content compressed with references to what the server was never sent."""
    stream = zlib.compressobj(wbits=-15, zdict=content)
    return (stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(deflate.TAIL)


@pytest.mark.requirement("deflate.reserved-bit-control")
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([Frame(PING, b"ping", rsv1=True)], id="ping"),
        pytest.param([Frame(PONG, b"pong", rsv1=True)], id="pong"),
        pytest.param([Frame(TEXT, b"{", fin=False), Frame(CONTINUATION, b"}", rsv1=True)], id="continuation"),
        pytest.param(
            [packed(b"\x00", fin=False), Frame(CONTINUATION, b"", rsv1=True)], id="compressed-continuation"
        ),
    ],
)
async def test_rsv1_elsewhere_fails_the_connection(target: Target, frames: list[Frame]) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        await peer.twin_apart(*(replace(frame, rsv1=frame.rsv1 and frame.opcode == TEXT) for frame in frames))
        peer.send(*frames)
        await peer.expect_failed(code=1002)
    await target.aftermath()


@pytest.mark.requirement("deflate.reserved-bit-control")
async def test_close_with_rsv1_is_not_answered_as_a_close(target: Target) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        peer.send(Frame(CLOSE, close_payload(4000), rsv1=True))
        await peer.expect_close_refused(sent=4000, code=1002)
    await target.aftermath()


@pytest.mark.requirement("framing.reserved-bits")
@pytest.mark.parametrize("bit", ["rsv2", "rsv3"])
async def test_other_reserved_bits_of_a_compressed_message_fail_the_connection(
    target: Target, bit: str
) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        agreement = agreed(peer)
        await settle(target, peer)
        said = target.harmless()
        await peer.twin_apart(packed(deflate.Deflater(agreement).deflate(target.harmless())))
        content = deflate.Deflater(agreement).deflate(said)
        peer.send(Frame(TEXT, content, rsv1=True, rsv2=bit == "rsv2", rsv3=bit == "rsv3"))
        await peer.expect_failed(code=1002, said=said)
    await target.aftermath()


@pytest.mark.requirement("deflate.corrupt-stream")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x07\xff\xff\xff", id="reserved-block-type"),
        pytest.param(b"\x00\x05\x00\x00\x00hello", id="stored-length-mismatch"),
        pytest.param(reaching_back(b'{"type":"heartbeat"}'), id="reference-before-the-beginning"),
        pytest.param(b"\x04\xff\xff\xff\xff\xff", id="too-many-codes"),
        pytest.param(b'{"type":"heartbeat"}', id="not-compressed-at-all"),
    ],
)
async def test_corrupt_stream_fails_the_connection(target: Target, payload: bytes) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        await peer.twin_apart(packed(deflate.Deflater(agreed(peer)).deflate(target.harmless())))
        peer.send(packed(payload))
        await peer.expect_failed(code={1002, 1007})
    await target.aftermath()


@pytest.mark.requirement("deflate.corrupt-stream")
async def test_stream_that_breaks_in_a_later_message_fails_the_connection(target: Target) -> None:
    await target.bystander()
    async with compressed(target) as (peer, agreement):
        deflater = deflate.Deflater(agreement)
        await peer.taken(packed(deflater.deflate(target.harmless("a good one before"))))
        said = target.harmless("a bad one behind")
        peer.send(packed(b"\x07" + deflater.deflate(said)))
        await peer.expect_failed(code={1002, 1007}, said=said)
    await target.aftermath()


@pytest.mark.requirement("deflate.truncated-stream")
@pytest.mark.parametrize("kept", [pytest.param(0, id="nothing"), pytest.param(0.5, id="half")])
async def test_truncated_message_is_observed(target: Target, kept: float) -> None:
    await target.bystander()
    async with compressed(target) as (peer, agreement):
        content = peer.carrying("cut in the middle of its only block " * 3)
        payload = deflate.Deflater(agreement).deflate(content)
        peer.send(packed(payload[: int(kept * len(payload))]), Frame(PING, b"behind"))
        event = await peer.take(peer.answers, target.limits.prompt)
        target.recorder.observe(describe(event))
    await target.aftermath()


@pytest.mark.requirement("deflate.corrupt-stream")
@pytest.mark.parametrize("sequence", ["ed a0 80", "c3", "ff"], ids=["surrogate", "cut", "byte-ff"])
async def test_compressed_text_that_is_no_utf8_fails_the_connection(target: Target, sequence: str) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        good, bad = (
            b"%b text: " % nonce().encode() + end for end in ("é€".encode(), bytes.fromhex(sequence))
        )
        await peer.twin_apart(packed(deflate.Deflater(agreed(peer)).deflate(good)))
        peer.send(packed(deflate.Deflater(agreed(peer)).deflate(bad)))
        await peer.expect_failed(code=1007, said=bad)
    await target.aftermath()
