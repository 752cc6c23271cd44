"""What a server's inflater has to take: RFC 7692 §6.1, §7.2.1 to §7.2.3."""

from __future__ import annotations

import random
import string
import zlib
from collections.abc import Callable

import pytest

from conformance.client.peer import describe
from conformance.core.errors import Inconclusive, NotApplicable
from conformance.suite.protocol.compression import compressed, in_parts, packed
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.events import Close, Message
from conformance.wire.frames import BINARY, TEXT, Frame, name_of


def noise(length: int, seed: int = 7692) -> str:
    """Return letters that repeat nothing, so that only a reference to an equal text makes them short."""
    return "".join(random.Random(seed).choices(string.ascii_letters, k=length))  # noqa: S311


@pytest.mark.requirement("deflate.context-kept")
async def test_reference_into_the_message_before_is_followed(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        if agreement.client_no_context_takeover:
            raise NotApplicable("this server asked us to give up our window")
        deflater = deflate.Deflater(agreement)
        text = peer.cut(noise(406), compressed=True)[:-6]
        before, behind = (peer.carrying(text + one, one) for one in ("before", "behind"))
        first, second = map(deflater.deflate, (before, behind))
        assert len(second) < 60 < len(first), "the second message refers to the first"
        peer.send(packed(first))
        await peer.expect_back(before)
        peer.send(packed(second))
        await peer.expect_back(behind)


@pytest.mark.requirement("deflate.context-kept")
@pytest.mark.parametrize("between", ["uncompressed", "control", "fragments"])
async def test_window_is_kept_over_what_stands_between(target: Target, between: str) -> None:
    async with compressed(target) as (peer, agreement):
        if agreement.client_no_context_takeover:
            raise NotApplicable("this server asked us to give up our window")
        deflater = deflate.Deflater(agreement)
        text = peer.cut(noise(401), compressed=True)[:-1]
        before, middle, behind = (peer.carrying(text + one, one) for one in "abc")
        peer.send(packed(deflater.deflate(before)))
        await peer.expect_back(before)
        if between == "uncompressed":  # nothing of it enters the window
            peer.send(Frame(TEXT, middle))
            await peer.expect_back(middle)
        elif between == "control":
            await peer.ping(b"\xff" * 125)
        else:
            payload = deflater.deflate(middle)
            peer.send(*in_parts([payload[:9], b"", payload[9:]]))
            await peer.expect_back(middle)
        payload = deflater.deflate(behind)
        assert len(payload) < 60, "the message refers to the first"
        peer.send(packed(payload))
        await peer.expect_back(behind)


@pytest.mark.requirement("deflate.full-window")
async def test_reference_over_32_kib_is_followed(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        if agreement.client_no_context_takeover:
            raise NotApplicable("this server asked us to give up our window")
        target.sizes.need(33_000, compressed=True)
        deflater = deflate.Deflater(agreement)
        far, near = peer.carrying(noise(32_000), "far"), peer.carrying(noise(32_000)[:300], "near")
        first, second = map(deflater.deflate, (far, near))
        assert needs_more_than_half(first, second), "the second message refers back over 16 KiB"
        peer.send(packed(first))
        await peer.expect_back(far)
        peer.send(packed(second))
        await peer.expect_back(near)


def needs_more_than_half(first: bytes, second: bytes) -> bool:
    """Whether a window of 16 KiB is too small to inflate the second payload."""
    small = zlib.decompressobj(-14)
    small.decompress(first + deflate.TAIL)
    try:
        small.decompress(second + deflate.TAIL)
    except zlib.error:
        return True
    return False


def stored(content: bytes) -> bytes:
    """Compress into stored blocks, which hold the content as it is."""
    return _flushed(zlib.compressobj(level=0, wbits=-15), content)


def fixed(content: bytes) -> bytes:
    """Compress into a block with the fixed Huffman codes."""
    return _flushed(zlib.compressobj(wbits=-15, strategy=zlib.Z_FIXED), content)


def several(content: bytes) -> bytes:
    """Compress into a stored, a fixed and a dynamic block, with empty ones between."""
    thirds = [content[:10], content[10:20], content[20:]]
    blocks = [
        zlib.compressobj(level=0, wbits=-15),
        zlib.compressobj(wbits=-15, strategy=zlib.Z_FIXED),
        zlib.compressobj(level=9, wbits=-15),
    ]
    parts = [
        one.compress(part) + one.flush(zlib.Z_SYNC_FLUSH) for one, part in zip(blocks, thirds, strict=True)
    ]
    return b"".join(parts).removesuffix(deflate.TAIL)


def final(content: bytes) -> bytes:
    """Compress into a block with BFINAL set, and an empty stored block behind it (RFC 7692 §7.2.3.4)."""
    return zlib.compress(content, wbits=-15) + b"\x00"


def _flushed(stream: zlib._Compress, content: bytes) -> bytes:
    return (stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(deflate.TAIL)


@pytest.mark.requirement("deflate.block-types")
@pytest.mark.parametrize("compress", [stored, fixed, several, final], ids=lambda function: function.__name__)
async def test_blocks_of_any_type_are_inflated(target: Target, compress: Callable[[bytes], bytes]) -> None:
    async with compressed(target) as (peer, _):
        content = peer.carrying("any block will do " * 4)
        peer.send(packed(compress(content)))
        await peer.expect_back(content)


@pytest.mark.requirement("deflate.after-final-block")
async def test_message_behind_a_final_block_is_observed(target: Target) -> None:
    async with compressed(target) as (peer, _):
        content = peer.carrying("a final block", "final")
        peer.send(packed(final(content)))
        await peer.expect_back(content)
        peer.send(packed(fixed(peer.carrying("behind a final block", "behind"))))
        event = await peer.take(peer.answers, target.limits.prompt)
        target.recorder.observe(describe(event))


@pytest.mark.requirement("deflate.empty-message")
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([packed(b"\x00")], id="as-the-rfc-writes-it"),
        pytest.param([packed(b"\x02\x00")], id="fixed-block"),
        pytest.param(in_parts([b"", b"\x00"]), id="empty-fragment-first"),
        pytest.param(in_parts([b"\x00", b""]), id="empty-fragment-last"),
    ],
)
async def test_empty_compressed_message_keeps_the_connection(target: Target, frames: list[Frame]) -> None:
    async with compressed(target) as (peer, agreement):
        peer.send(*frames)
        await peer.ping()
        if peer.echoes:
            await peer.expect_back(b"")
        content = peer.carrying("behind an empty message")
        peer.send(packed(deflate.Deflater(agreement).deflate(content)))
        await peer.expect_back(content)


@pytest.mark.requirement("deflate.opcode-kept")
async def test_compressed_binary_is_answered_as_binary(target: Target) -> None:
    content = target.spoken(b'{"type":"heartbeat","id":"binary"}')
    plain = await answer_to_binary(target, content, compress=False)
    if plain in {"heartbeat_ack", f"a Text message with {content!r}"}:
        raise Inconclusive("the control failed: a binary message was taken for text without compression")
    found = await answer_to_binary(target, content, compress=True)
    target.expect(
        found == plain,
        "a compressed binary message was answered unlike an uncompressed one",
        expected=[plain],
        actual=found,
    )


async def answer_to_binary(target: Target, content: bytes, *, compress: bool) -> str:
    """Return how a binary message is answered: by a message, by a Close or by the end of TCP."""
    async with compressed(target) as (peer, agreement):
        payload = deflate.Deflater(agreement).deflate(content) if compress else content
        peer.send(Frame(BINARY, payload, rsv1=compress))
        event = await peer.take(peer.answers, target.limits.reply)
        if isinstance(event, Message):
            if peer.echoes:
                return f"a {name_of(event.opcode)} message with {event.content!r}"
            return str(peer.decode(event).get("type"))
        return f"Close {event.code}" if isinstance(event, Close) else "no answer"
