"""The declared size limit: RFC 6455 §10.4, and what the profile says about this target."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence

import pytest

from conformance.client.peer import describe, fragments
from conformance.client.session import Client
from conformance.client.sizes import Sizes
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.protocol.compression import PLAIN, compressed, in_parts, packed
from conformance.target.sizing import SMALLEST, Fate, in_pieces, narrow, way_of
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.ending import came
from conformance.wire.events import Close, Message
from conformance.wire.frames import TEXT, Frame

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
        peer.sizes = Sizes()
        content = peer.sized(limit_of(target))
        peer.send(*fragments(cut(content, pieces)))
        await peer.expect_back(content)


@pytest.mark.requirement("limits.message-refused")
@pytest.mark.parametrize("pieces", PIECES)
async def test_message_over_the_declared_size_is_refused(target: Target, pieces: int) -> None:
    async with target.echoing(abused=True) as peer:
        peer.sizes = Sizes()
        content = peer.sized(limit_of(target))
        peer.send(*fragments(cut(content, pieces)))
        await twin(peer, content)
        content = peer.sized(limit_of(target) + 1)
        peer.send(*fragments(cut(content, pieces)))
        await expect_too_large(target, peer, content)


@pytest.mark.requirement("limits.inflated-message")
async def test_compressed_message_of_the_declared_size_is_delivered(target: Target) -> None:
    async with compressed(target, PLAIN) as (peer, agreement):
        peer.sizes = Sizes()
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
        peer.sizes = Sizes()
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
        peer.sizes = Sizes()
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
    await target.bystander()
    target.recorder.observe(await largest(target))
    await target.aftermath()


async def largest(target: Target) -> str:
    """Return, for a person, which messages are taken: up to 16 MiB, or to the limit that is known."""
    known = target.sizes.fragmented
    bound = LARGEST if known is None else min(known, LARGEST)
    attempt = way_of(target, in_pieces)  # a single frame would have to be held whole to be parsed
    taken = 0
    for size in sorted({min(size, bound) for size in (MIB, 4 * MIB, LARGEST)}):
        answer = await attempt(size)
        if answer.fate is Fate.REFUSED:
            limit = await narrow(attempt, max(taken, SMALLEST), size, answer.seen)
            if limit is not None:
                return str(Sizes(fragmented=limit.size, above=limit.above))
        if answer.fate is not Fate.TAKEN:
            return (
                f"{str(Sizes(tried=taken)) if taken else 'takes short messages'}; {size} bytes: {answer.seen}"
            )
        taken = size
    return str(target.sizes if known is not None else Sizes(tried=taken))


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
            "a message over the declared size was not refused", expected=REFUSALS, actual=came(event)
        )
    if isinstance(event, Message):
        await peer.ping()
    if isinstance(event, Close):
        target.recorder.charge(
            "closing.failure-code", kept=event.code == 1009, message=f"{describe(event)}, expected Close 1009"
        )
    target.recorder.observe(str((reply.get("data") or {}).get("code")) if reply else describe(event))
