"""Compressed messages, whole and in fragments, the client's and the server's: RFC 7692 §6, §7.2."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from conformance.client.peer import fragments
from conformance.core.errors import Nonconformance
from conformance.suite.protocol.compression import OFFERS, PLAIN, compressed, in_parts, packed
from conformance.suite.protocol.packed import in_segments, in_shares, named
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.frames import CONTINUATION, PING, TEXT, Frame

WORDS = "fragments of a compressed message " * 4
LENGTHS = (130, 1000, 4096, 16_384, 65_535, 65_536)


def of_offer(offer: str) -> str:
    """Return an offer as a test's id."""
    return offer.removeprefix(PLAIN).lstrip("; ").replace("; ", "+") or "plain"


@pytest.mark.requirement("deflate.compressed-message")
@pytest.mark.parametrize("offer", OFFERS[:1] + OFFERS[2:], ids=of_offer)
async def test_compressed_messages_are_delivered(target: Target, offer: str) -> None:
    async with compressed(target, offer) as (peer, agreement):
        deflater = deflate.Deflater(agreement)
        words = peer.cut("the same words again and again " * 20, compressed=True)
        contents = [peer.carrying(words, f"d{n}") for n in range(4)]
        longest = 16_384 if agreement.server_max_window_bits < 15 else LENGTHS[-1]  # inflating takes longer
        longest = target.sizes.room(longest, compressed=True)
        contents += [peer.sized(length, f"l{length}") for length in LENGTHS if length <= longest]
        for number, content in enumerate(contents):
            peer.send(packed(deflater.deflate(content)))
            try:
                await peer.expect_back(content)
            except Nonconformance as error:
                raise named(f"compressed message {number + 1}, {len(content)} bytes", error) from error


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_messages_in_one_write_are_delivered(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        deflater, numbers = deflate.Deflater(agreement), random.Random(7692)  # noqa: S311
        texts = [peer.cut(WORDS[number:] * numbers.randrange(1, 30), compressed=True) for number in range(60)]
        contents = [peer.carrying(text, f"m{number}") for number, text in enumerate(texts)]
        # Every third one is sent as it is: compressing is a choice for each message.
        frames = [
            Frame(TEXT, content) if number % 3 == 2 else packed(deflater.deflate(content))
            for number, content in enumerate(contents)
        ]
        peer.send(*frames)
        for number, content in enumerate(contents):
            try:
                await peer.expect_back(content)
            except Nonconformance as error:
                raise named(f"message {number + 1} of {len(contents)}", error) from error


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_message_cut_anywhere_in_two_is_delivered(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        words = peer.cut(WORDS, compressed=True)
        longest = len(deflate.Deflater(agreement).deflate(peer.carrying(words, "cut-000")))

    async def delivered(cuts: Sequence[int]) -> None:
        async with compressed(target) as (peer, agreement):
            deflater = deflate.Deflater(agreement)
            for cut in cuts:
                content = peer.carrying(words, f"cut-{cut:03}")
                payload = deflater.deflate(content)
                first, last = in_parts([payload[:cut], payload[cut:]])
                peer.send(first, Frame(PING, b"between"), last)
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"compressed payload cut behind byte {cut}", error) from error

    await in_shares(target, range(longest + 1), delivered)


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_message_cut_anywhere_by_segments_is_delivered(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        words = peer.cut(WORDS, compressed=True)
        whole = packed(deflate.Deflater(agreement).deflate(peer.carrying(words, "cut-000")))

    async def delivered(cuts: Sequence[int]) -> None:
        async with target.connect(label="between") as between, compressed(target) as (peer, agreement):
            deflater = deflate.Deflater(agreement)
            for cut in cuts:
                content = peer.carrying(words, f"cut-{cut:03}")
                data = packed(deflater.deflate(content)).encode()
                await in_segments(target, peer, [data[:cut], data[cut:]], between=between)
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"compressed frame cut behind byte {cut}", error) from error

    await in_shares(target, range(1, len(whole.encode())), delivered)


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_fragments_and_plain_messages_are_delivered(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        content, plain = peer.carrying(peer.cut(WORDS, compressed=True), "c"), peer.carrying("plain", "p")
        payload = deflate.Deflater(agreement).deflate(content)
        peer.send(packed(payload[:7], fin=False), Frame(PING, b"between"))
        peer.send(Frame(CONTINUATION, payload[7:11], fin=False), Frame(CONTINUATION, payload[11:]))
        await peer.expect_back(content)
        peer.send_text(plain)
        await peer.expect_back(plain)
        peer.send(*fragments([plain[:5], plain[5:]]))
        await peer.expect_back(plain)


@pytest.mark.requirement("deflate.compressed-message")
@pytest.mark.parametrize("empty", [False, True], ids=["of-one-byte", "with-empty-ones"])
async def test_compressed_fragments_are_delivered(target: Target, *, empty: bool) -> None:
    async with compressed(target) as (peer, agreement):
        content = peer.carrying(peer.cut(WORDS, compressed=True))
        payload = deflate.Deflater(agreement).deflate(content)
        parts = [part for one in payload for part in (bytes([one]), b"")[: 1 + empty]]
        peer.send(*in_parts([b"", *parts, b""] if empty else parts))
        await peer.expect_back(content)


@pytest.mark.requirement("deflate.server-stream")
@pytest.mark.parametrize("offer", OFFERS, ids=of_offer)
async def test_server_compresses_within_what_was_agreed(target: Target, offer: str) -> None:
    async with compressed(target, offer) as (peer, _):
        # Longer than the smallest window, and much of it twice, so that references reach back far.
        words = " ".join(f"word{number * 7919 % 3000}" for number in range(1500))
        for _ in range(2):
            await peer.exchange(peer.cut(f"{words} {words}"))
        frames = [frame for frame in peer.connection.received_frames if frame.opcode == TEXT]
        target.recorder.observe(
            f"{sum(frame.rsv[0] for frame in frames)} of {len(frames)} messages compressed"
        )
    broken = target.recorder.broken("deflate.server-stream")
    target.expect(not broken, broken, expected=["every message inflates as agreed"], actual=broken)
