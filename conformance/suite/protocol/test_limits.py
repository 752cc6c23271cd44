"""The declared size limit: RFC 6455 §10.4, and what the profile says about this target."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from conformance.errors import Inconclusive, Nonconformance
from conformance.session.client import Client
from conformance.suite.protocol.compression import PLAIN, compressed
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.connection import Close, Message
from conformance.wire.frames import TEXT, Frame
from conformance.wire.peer import describe, fragments

pytestmark = pytest.mark.intrusive  # megabytes, where that is what the server says that it takes

REFUSALS = ("error too_large", "Close 1009", "the end of the connection")
PIECES = [pytest.param(1, id="one-frame"), pytest.param(16, id="16-frames")]


def heartbeat_of(target: Target, length: int) -> bytes:
    """Return a heartbeat of exactly ``length`` bytes."""
    bare = target.spoken(b'{"type":"heartbeat","id":"limit","data":{"p":""}}')
    return bare.replace(b'"p":"', b'"p":"' + b"p" * (length - len(bare)))


def cut(content: bytes, pieces: int) -> Sequence[Frame]:
    """Return a text message in as many frames."""
    size = -(-len(content) // pieces)
    return fragments([content[at : at + size] for at in range(0, len(content), size)])


def limit_of(target: Target) -> int:
    """Return the size limit that the profile declares, in bytes."""
    assert target.profile.max_message_bytes is not None, "the requirement needs the capability `limits`"
    return target.profile.max_message_bytes


@pytest.mark.requirement("limits.message-accepted")
@pytest.mark.parametrize("pieces", PIECES)
async def test_message_of_the_declared_size_is_delivered(target: Target, pieces: int) -> None:
    async with target.connect() as peer:
        peer.send(*cut(heartbeat_of(target, limit_of(target)), pieces))
        await expect_delivered(peer)


@pytest.mark.requirement("limits.message-refused")
@pytest.mark.parametrize("pieces", PIECES)
async def test_message_over_the_declared_size_is_refused(target: Target, pieces: int) -> None:
    async with target.abused() as peer:
        peer.send(*cut(heartbeat_of(target, limit_of(target)), pieces))
        await twin(peer)
        peer.send(*cut(heartbeat_of(target, limit_of(target) + 1), pieces))
        await expect_too_large(target, peer)


@pytest.mark.requirement("limits.inflated-message")
async def test_compressed_message_of_the_declared_size_is_delivered(target: Target) -> None:
    async with compressed(target, PLAIN) as (peer, agreement):
        content = heartbeat_of(target, limit_of(target))
        peer.send(Frame(TEXT, deflate.Deflater(agreement).deflate(content), rsv1=True))
        await expect_delivered(peer)


@pytest.mark.requirement("limits.inflated-message")
@pytest.mark.parametrize("times", [pytest.param(1, id="a-byte-more"), pytest.param(4, id="4-times")])
async def test_message_that_inflates_over_the_declared_size_is_refused(target: Target, times: int) -> None:
    await target.bystander()
    async with compressed(target, PLAIN) as (peer, agreement):
        deflater = deflate.Deflater(agreement)
        peer.send(Frame(TEXT, deflater.deflate(heartbeat_of(target, limit_of(target))), rsv1=True))
        await twin(peer)
        content = heartbeat_of(target, times * limit_of(target) + 1)
        peer.send(Frame(TEXT, deflater.deflate(content), rsv1=True))
        await expect_too_large(target, peer)
    await target.aftermath()


async def expect_delivered(peer: Client) -> None:
    """Expect the answer to the heartbeat."""
    reply = await peer.reply_to("limit")
    if reply.get("type") != "heartbeat_ack":
        raise Nonconformance(
            "a message of the declared size was not delivered",
            expected=["heartbeat_ack"],
            actual=json.dumps(reply)[:200],
        )


async def twin(peer: Client) -> None:
    """Prove that a message of the declared size works, so that a refusal is about the byte above it."""
    try:
        await expect_delivered(peer)
    except Nonconformance as error:
        raise Inconclusive(
            f"the control failed: {error.actual[:120]} to a message of the declared size"
        ) from error
    peer.inbox.clear()


async def expect_too_large(target: Target, peer: Client) -> None:
    """Expect that a message is refused for its size, by an error, a Close or the end of TCP."""
    event = await peer.take(lambda one: isinstance(one, Message | Close), target.limits.reply)
    reply = peer.decode(event)
    if event is None or (isinstance(event, Message) and reply.get("type") != "error"):
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
