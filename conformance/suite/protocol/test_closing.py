"""Closing: RFC 6455 §5.5.1, §7.1 and §7.4."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.client.nonce import nonce
from conformance.client.peer import Peer
from conformance.core.evidence import Told
from conformance.spec import registries
from conformance.target.target import Target
from conformance.wire.events import Close, Pong
from conformance.wire.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, Frame, close_payload

# Every registered code that may be sent, but 1014, which has a requirement of its own; and the ranges' ends.
REGISTERED = [one.code for one in registries.close_codes() if one.sent_by != "nobody" and one.code != 1014]
VALID_CODES = sorted({*REGISTERED, 3000, 3999, 4000, 4401, 4999})
# Every registered code that may not be sent; the ends of the ranges in which none may; what a byte's or a
# sign's mistake makes of 1000 (0x03E8).
RESERVED = [one.code for one in registries.close_codes() if one.sent_by == "nobody"]
INVALID_CODES = sorted({*RESERVED, 0, 1, 232, 999, 1016, 1100, 2000, 2999, 5000, 32768, 59395, 65535})
REASONS = {
    "1-byte": "r",
    "122-bytes": "r" * 122,
    "123-bytes": "r" * 123,
    "not-ascii": "Grüße €😀",
    "123-bytes-of-3-byte-characters": "€" * 41,
    "character-up-to-the-limit": "r" * 119 + "😀",
    "nul": "before\0behind",
}
BEGUN = {
    "idle": b"",
    "inside-a-head": Frame(TEXT, b"x" * 200).encode()[:3],
    "inside-a-frame": Frame(TEXT, b"x" * 200).encode()[:100],
    "inside-a-message": Frame(TEXT, b"begun", fin=False).encode(),
}
FAULT = Frame(0xB, b"fault")
LATE_TEXT = b'{"type":"heartbeat","id":"%s"}' % nonce().encode()


@pytest.mark.smoke
@pytest.mark.requirement("closing.reply")
@pytest.mark.parametrize("code", VALID_CODES)
async def test_close_with_a_valid_code_is_answered(target: Target, code: int) -> None:
    async with target.connect() as peer:
        peer.send_close(code)
        reply = await peer.expect_close_reply()
        charge_echo(target, code, reply)


@pytest.mark.requirement("closing.reply")
async def test_empty_close_is_answered(target: Target) -> None:
    async with target.connect() as peer:
        peer.send_close(None)
        reply = await peer.expect_close_reply()
        kept = reply.code in {None, 1000}
        target.recorder.charge(
            "closing.code-echo", kept=kept, message=f"an empty Close was answered by {reply.code}"
        )


@pytest.mark.requirement("closing.reply")
@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
async def test_close_with_a_reason_is_answered(target: Target, reason: str) -> None:
    async with target.connect() as peer:
        peer.send_close(1000, reason)
        await peer.expect_close_reply()


@pytest.mark.requirement("closing.reply")
async def test_close_inside_a_fragmented_message_is_answered(target: Target) -> None:
    async with target.connect() as peer:
        begun = Frame(TEXT, target.harmless()[:4], fin=False)
        await peer.taken(begun)
        peer.send(replace(begun, opcode=CONTINUATION), Frame(CLOSE, close_payload(1000)))
        reply = await peer.expect_close_reply()
        target.recorder.observe(f"Close {reply.code}")


@pytest.mark.requirement("closing.code-1014")
async def test_close_code_1014_is_observed(target: Target) -> None:
    async with target.connect() as peer:
        peer.send_close(1014)
        target.recorder.observe(str(await peer.ending()))


@pytest.mark.requirement("closing.code-echo")
async def test_answer_gives_back_the_code(target: Target) -> None:
    async with target.connect() as peer:
        peer.send_close(4000)
        reply = await peer.expect_close_reply()
        target.expect(
            reply.code == 4000,
            "the answering Close has another code",
            expected=["Close 4000"],
            actual=Told(f"Close {reply.code}", reply.happened),
        )


@pytest.mark.requirement("closing.invalid-code")
@pytest.mark.parametrize("code", INVALID_CODES)
async def test_close_with_an_invalid_code_is_an_error(target: Target, code: int) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(code)))
        await peer.expect_close_refused(sent=code, code=1002)


@pytest.mark.requirement("closing.one-byte")
async def test_close_of_one_byte_is_an_error(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, b"\x03"))
        await peer.expect_close_refused(sent=None, code=1002)


@pytest.mark.requirement("closing.after-close")
@pytest.mark.parametrize(
    "late",
    [
        pytest.param([Frame(PING, b"late")], id="ping"),
        pytest.param([Frame(CLOSE, close_payload(1001))], id="second-close"),
        pytest.param([Frame(TEXT, LATE_TEXT)], id="text"),
        pytest.param([Frame(BINARY, LATE_TEXT)], id="binary"),
        pytest.param([Frame(PING, b"late", mask=None)], id="unmasked-ping"),
        pytest.param([Frame(TEXT, b"begun", fin=False), Frame(PING, b"late")], id="unfinished-text"),
        pytest.param([Frame(CLOSE, close_payload(1000)), Frame(PING, b"late")], id="close-and-ping"),
        pytest.param([Frame(CLOSE, b"\x03")], id="malformed-close"),
        pytest.param([Frame(0x3, b"late")], id="reserved-opcode"),
    ],
)
async def test_frames_behind_our_close_are_not_processed(target: Target, late: list[Frame]) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(1000)), *late)
        await expect_only_an_end(target, peer)


@pytest.mark.requirement("closing.after-close")
async def test_plain_bytes_behind_our_close_are_not_processed(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(1000)))
        peer.send_bytes(b"GET / HTTP/1.1\r\nHost: conformance.invalid\r\n\r\n")
        await expect_only_an_end(target, peer)


@pytest.mark.requirement("closing.crossing")
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([Frame(CLOSE, close_payload(1000))], id="close"),
        pytest.param([Frame(CLOSE, b"")], id="empty-close"),
        pytest.param([Frame(CLOSE, close_payload(4000, "crossing"))], id="close-with-a-reason"),
    ],
)
async def test_close_frames_that_cross_end_the_connection(target: Target, frames: list[Frame]) -> None:
    async with target.abused() as peer:
        # The fault makes the server close by itself. Our own Close is under way before its Close comes.
        peer.send(FAULT, *frames)
        await expect_only_an_end(target, peer)


@pytest.mark.requirement("closing.crossing")
async def test_answer_to_the_servers_own_close_ends_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(FAULT)
        await expect_only_an_end(target, peer)


@pytest.mark.requirement("closing.prompt")
async def test_close_is_answered_and_tcp_ended_soon(target: Target) -> None:
    async with target.connect() as peer:
        peer.send_close(1000)
        ending = await peer.ending(2 * target.limits.prompt)
        target.expect(
            ending.close is not None and ending.end is not None,
            "the closing handshake was not finished soon",
            expected=[f"a Close frame and the end of TCP, each within {2 * target.limits.prompt:g} s"],
            actual=ending,
        )


@pytest.mark.requirement("closing.tcp-clean")
async def test_closing_handshake_ends_in_a_fin(target: Target) -> None:
    async with target.connect() as peer:
        peer.send_close(1000)
        ending = await peer.ending()
        target.expect(
            ending.end is not None and ending.end.kind == "fin",
            "TCP did not end with a FIN after the closing handshake",
            expected=["a Close frame, then TCP ended (FIN)"],
            actual=ending,
        )


@pytest.mark.requirement("closing.half-close")
@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN.keys())
async def test_client_that_ends_tcp_is_let_go(target: Target, begun: bytes) -> None:
    async with target.connect() as peer:
        peer.send_bytes(begun)
        peer.connection.half_close()
        # Servers that go by a keep-alive time-out often have one of 5 s, which must not lie on the edge.
        ending = await peer.ending(target.limits.close + target.limits.prompt)
        peer.connection.shut()  # our half is closed: where the server stays, there is no other farewell
        target.expect(
            ending.end is not None,
            "the connection stays open after the client's FIN",
            expected=["the end of TCP"],
            actual=ending,
        )


@pytest.mark.requirement("robustness.others-unharmed")
async def test_client_that_resets_tcp_harms_nobody(target: Target) -> None:
    await target.bystander()
    for begun in BEGUN.values():
        async with target.connect() as peer:
            peer.send_bytes(begun)
            peer.connection.reset()
        await target.aftermath()
        if target.recorder.broken("robustness.others-unharmed"):
            break
    broken = target.recorder.broken("robustness.others-unharmed")
    target.expect(not broken, broken, expected=["others are served on"], actual=broken)


async def expect_only_an_end(target: Target, peer: Peer) -> None:
    """Expect the end of TCP, one Close frame before it at most, and no answer to anything late."""
    ending = await peer.ending()
    closes = [e for e in ending.before if isinstance(e, Close)]
    pongs = [e for e in ending.before if isinstance(e, Pong) and e.payload == b"late"]
    target.expect(
        not peer.answering(ending.messages) and not pongs and not closes,
        "frames behind the client's Close were processed",
        expected=["one Close frame and nothing else"],
        actual=ending,
    )
    target.expect(
        ending.end is not None,
        "TCP stays open after both sides closed",
        expected=[f"the end of TCP within {target.limits.close:g} s"],
        actual=ending,
    )


def charge_echo(target: Target, code: int, reply: Close) -> None:
    """Judge whether the answering Close gives back the code."""
    target.recorder.charge(
        "closing.code-echo",
        kept=reply.code == code,
        message=f"Close {code} was answered by Close {reply.code}",
    )
