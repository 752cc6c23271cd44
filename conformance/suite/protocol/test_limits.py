"""The declared size limit: RFC 6455 §10.4, and what the profile says about this target."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence

import pytest

from conformance.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.session.client import Client
from conformance.suite.protocol.compression import PLAIN, compressed, in_parts, packed
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.connection import Close, Message
from conformance.wire.frames import TEXT, Frame
from conformance.wire.peer import describe, fragments

pytestmark = pytest.mark.intrusive  # megabytes, where that is what the server says that it takes

REFUSALS = ("error too_large", "Close 1009", "the end of the connection")
PIECES = [pytest.param(1, id="one-frame"), pytest.param(16, id="16-frames")]
MIB = 1024 * 1024
LARGEST = 16 * MIB


def cut(content: bytes, pieces: int) -> Sequence[bytes]:
    """Return content in as many parts."""
    size = -(-len(content) // pieces)
    return [content[at : at + size] for at in range(0, len(content), size)]


def limit_of(target: Target) -> int:
    """Return the size limit that the profile declares, in bytes."""
    assert target.profile.max_message_bytes is not None, "the requirement needs the capability `limits`"
    return target.profile.max_message_bytes


@pytest.mark.requirement("limits.message-accepted")
@pytest.mark.parametrize("pieces", PIECES)
async def test_message_of_the_declared_size_is_delivered(target: Target, pieces: int) -> None:
    async with target.echoing() as peer:
        content = peer.sized(limit_of(target))
        peer.send(*fragments(cut(content, pieces)))
        await peer.expect_back(content)


@pytest.mark.requirement("limits.message-refused")
@pytest.mark.parametrize("pieces", PIECES)
async def test_message_over_the_declared_size_is_refused(target: Target, pieces: int) -> None:
    async with target.echoing(abused=True) as peer:
        content = peer.sized(limit_of(target))
        peer.send(*fragments(cut(content, pieces)))
        await twin(peer, content)
        content = peer.sized(limit_of(target) + 1)
        peer.send(*fragments(cut(content, pieces)))
        await expect_too_large(target, peer, content)


@pytest.mark.requirement("limits.inflated-message")
async def test_compressed_message_of_the_declared_size_is_delivered(target: Target) -> None:
    async with compressed(target, PLAIN) as (peer, agreement):
        content = peer.sized(limit_of(target))
        peer.send(packed(deflate.Deflater(agreement, zlib.Z_BEST_SPEED).deflate(content)))
        await peer.expect_back(content)


@pytest.mark.requirement("limits.inflated-message")
@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("times", [pytest.param(1, id="a-byte-more"), pytest.param(4, id="4-times")])
async def test_message_that_inflates_over_the_declared_size_is_refused(
    target: Target, times: int, pieces: int
) -> None:
    await target.bystander()
    async with compressed(target, PLAIN) as (peer, agreement):
        deflater = deflate.Deflater(agreement, zlib.Z_BEST_SPEED)
        content = peer.sized(limit_of(target))
        peer.send(packed(deflater.deflate(content)))
        await twin(peer, content)
        content = peer.sized(times * limit_of(target) + 1)
        peer.send(*in_parts(cut(deflater.deflate(content), pieces)))
        await expect_too_large(target, peer, content)
    await target.aftermath()


@pytest.mark.requirement("limits.inflated-message")
@pytest.mark.parametrize("fragmented", [False, True], ids=["one-frame", "fragments-below-the-limit"])
async def test_bomb_is_refused(target: Target, *, fragmented: bool) -> None:
    await target.bystander()
    async with compressed(target, PLAIN) as (peer, agreement):
        await twin(peer, peer.carrying("before"), send=True)
        content = peer.carrying("bomb", "bomb")
        parts = list(bomb(agreement, content, 32 * limit_of(target), limit_of(target) // 2))
        peer.send(*in_parts(parts if fragmented else [b"".join(parts)]))
        await expect_too_large(target, peer, b"")
    await target.aftermath()


def bomb(agreement: deflate.Agreement, content: bytes, size: int, step: int) -> Iterator[bytes]:
    """Return content behind ``size`` blanks, which JSON may have, in pieces of ``step`` each, compressed."""
    stream = zlib.compressobj(wbits=-max(9, agreement.client_max_window_bits))
    blanks = b" " * max(step, 2 * 32768)
    yield stream.compress(blanks) + stream.flush(zlib.Z_SYNC_FLUSH)
    again = stream.compress(blanks) + stream.flush(zlib.Z_SYNC_FLUSH)  # its window holds blanks only
    yield from itertools.repeat(again, size // len(blanks))
    yield (stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(deflate.TAIL)


@pytest.mark.requirement("limits.largest-message")
async def test_largest_message_is_observed(target: Target) -> None:
    if not target.has("local"):
        raise NotApplicable("large messages are sent to this machine only")
    limit = min(target.profile.max_message_bytes or LARGEST, LARGEST)
    seen = "less than 1 MiB"
    await target.bystander()
    for size in sorted({min(size, limit) for size in (MIB, 4 * MIB, LARGEST)}):
        async with target.echoing() as peer:
            content = peer.carrying("0123456789abcdef" * ((size - 100) // 16))
            # In 64 frames: a single one would have to be held whole to be parsed.
            peer.send(*fragments(cut(content, 64)))
            event = await peer.take(peer.answers, target.limits.event + target.limits.back(size))
            if not isinstance(event, Message):
                seen += f"; {size // MIB} MiB: {describe(event)}"
                break
            if peer.decode(event).get("type") == "error" if not peer.echoes else event.content != content:
                seen += f"; {size // MIB} MiB: {describe(event)}"
                break
            seen = f"{size // MIB} MiB"
    target.recorder.observe(seen)
    await target.aftermath()


async def twin(peer: Client, content: bytes, *, send: bool = False) -> None:
    """Prove that a message of the declared size works, so that a refusal is about the byte above it."""
    if send:
        peer.send(Frame(TEXT, content))
    try:
        await peer.expect_back(content)
    except Nonconformance as error:
        raise Inconclusive(
            f"the control failed: {error.actual[:120]} to a message of the declared size or less"
        ) from error
    peer.recorder.control("a message of the declared size or less was taken")
    peer.inbox.clear()


async def expect_too_large(target: Target, peer: Client, content: bytes) -> None:
    """Expect that a message is refused for its size, by an error, a Close or the end of TCP."""
    event = await peer.take(peer.answers, target.limits.back(len(content)))
    reply = {} if peer.echoes else peer.decode(event)
    delivered = isinstance(event, Message) and (
        event.content == content or len(event.content) >= limit_of(target)
        if peer.echoes
        else reply.get("type") != "error"
    )
    if event is None or delivered:
        raise Nonconformance(
            "a message over the declared size was not refused", expected=REFUSALS, actual=describe(event)
        )
    if isinstance(event, Message):
        await peer.ping()
    if isinstance(event, Close):
        target.recorder.charge(
            "closing.failure-code", kept=event.code == 1009, message=f"{describe(event)}, expected Close 1009"
        )
    target.recorder.observe(str((reply.get("data") or {}).get("code")) if reply else describe(event))
