"""Control frames: RFC 6455 §5.5."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.client.peer import Peer
from conformance.core.errors import NotApplicable
from conformance.suite.protocol.packed import in_shares
from conformance.target.target import Target
from conformance.wire.events import Event, Pong
from conformance.wire.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload

PING_PAYLOADS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"x", id="1-byte"),
    pytest.param(bytes(range(125)), id="125-bytes"),
    pytest.param(b"\x00\xff\xfe\xfd" * 4, id="not-text"),
]


@pytest.mark.smoke
@pytest.mark.judges_fault("frames")
@pytest.mark.requirement("framing.ping-pong")
@pytest.mark.parametrize("payload", PING_PAYLOADS)
async def test_ping_is_answered_by_a_pong_with_its_payload(target: Target, payload: bytes) -> None:
    async with target.connect() as peer:
        await peer.ping(payload)


@pytest.mark.requirement("framing.ping-pong")
async def test_ping_of_every_length_is_answered(target: Target) -> None:
    async def answered(lengths: Sequence[int]) -> None:
        async with target.connect() as peer:
            for length in lengths:
                await peer.ping(bytes((length + 11 * at) % 256 for at in range(length)))

    await in_shares(target, range(126), answered)


@pytest.mark.requirement("framing.unsolicited-pong")
async def test_unsolicited_pong_is_ignored(target: Target) -> None:
    async with target.connect() as peer:
        peer.send(Frame(PONG, b"nobody asked"))
        await peer.expect_silence()


def too_long(target: Target) -> set[int]:
    """Return the close codes for a control frame of 126 bytes, which may be over a limit as well."""
    return {1002} if target.sizes.fits(126) else {1002, 1009}


@pytest.mark.requirement("framing.control-length")
@pytest.mark.parametrize("opcode", [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong")])
async def test_control_frame_over_125_bytes_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, b"p" * 125))
        peer.send(Frame(opcode, b"p" * 126))
        await peer.expect_failed(code=too_long(target))


@pytest.mark.requirement("framing.control-length")
async def test_ping_with_a_64_bit_length_fails_the_connection(target: Target) -> None:
    target.sizes.need(65536)  # over a limit of the frame it fails for another reason
    async with target.abused() as peer:
        peer.send(Frame(PING, b"p" * 65536))
        await peer.expect_failed(code={1002, 1009})


@pytest.mark.requirement("framing.control-length")
async def test_close_frame_over_125_bytes_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(4000, "r" * 124)))
        await peer.expect_close_refused(sent=4000, code=too_long(target))


@pytest.mark.requirement("framing.control-fragmented")
@pytest.mark.parametrize("opcode", [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong")])
async def test_fragmented_control_frame_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, b"whole"))
        peer.send(Frame(opcode, b"part", fin=False))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-fragmented")
async def test_ping_in_two_frames_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(PING, b"part", fin=False), Frame(CONTINUATION, b"rest"))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-fragmented")
async def test_close_with_fin_clear_is_not_answered_as_a_close(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(4000), fin=False))
        await peer.expect_close_refused(sent=4000, code=1002)


@pytest.mark.requirement("framing.control-between-fragments")
async def test_ping_between_fragments_is_answered_before_the_message_ends(target: Target) -> None:
    async with target.connect() as peer:
        message = target.harmless()
        await peer.twin(Frame(TEXT, message))
        peer.send(Frame(TEXT, message[:8], fin=False))
        await peer.ping(b"between")
        if peer.objection is None:  # where the message is unwelcome, its end is the connection's
            peer.send(Frame(CONTINUATION, message[8:]))
            await peer.ping(b"after")


@pytest.mark.requirement("framing.ping-burst")
async def test_latest_of_many_pings_in_one_segment_is_answered(target: Target) -> None:
    async with target.connect() as peer:
        payloads = [b"burst %02d" % number for number in range(40)]
        peer.send(*(Frame(PING, payload) for payload in payloads))
        await expect_order(target, peer, payloads)


@pytest.mark.requirement("framing.ping-burst")
async def test_pings_in_segments_of_their_own_keep_their_order(target: Target) -> None:
    async with target.connect() as peer:
        payloads = [b"own %02d" % number for number in range(20)]
        await peer.send_slowly([Frame(PING, payload).encode() for payload in payloads])
        await expect_order(target, peer, payloads)


async def expect_order(target: Target, peer: Peer, payloads: list[bytes]) -> None:
    """Expect the Pong to the last Ping, and all Pongs, also those behind it, in the order of the Pings."""
    await peer.expect_pong(payloads[-1])
    earlier = sum(isinstance(event, Pong) for event in peer.inbox)
    await peer.ping(b"behind the burst")
    answered = [event.payload for event in peer.inbox if isinstance(event, Pong)]
    answered.insert(earlier, payloads[-1])
    target.expect(
        answered == [one for one in payloads if one in answered],
        "Pongs came in another order than their Pings",
        expected=["Pongs in the order of the Pings"],
        actual=", ".join(repr(one) for one in answered[:8]),
    )
    target.recorder.observe(f"{len(answered)} of {len(payloads)} Pings answered")


@pytest.mark.requirement("framing.pong-prompt")
@pytest.mark.parametrize(
    "begun", [pytest.param(False, id="alone"), pytest.param(True, id="inside-a-message")]
)
async def test_ping_is_answered_soon(target: Target, *, begun: bool) -> None:
    async with target.connect() as peer:
        peer.send(*[Frame(TEXT, target.harmless()[:4], fin=False)][:begun], Frame(PING, b"soon"))
        soon = await peer.take(is_pong, 2 * target.limits.prompt)
        if not isinstance(soon, Pong) and not isinstance(await peer.take(is_pong, target.limits.reply), Pong):
            raise NotApplicable("a Ping was not answered at all, which is judged by its own requirement")
        target.expect(
            isinstance(soon, Pong),
            "a Ping was not answered soon",
            expected=[f"a Pong within {2 * target.limits.prompt:g} s"],
            actual="a Pong, later",
        )


def is_pong(event: Event) -> bool:
    """Whether an event is the Pong to the Ping of the test above."""
    return isinstance(event, Pong) and event.payload == b"soon"
