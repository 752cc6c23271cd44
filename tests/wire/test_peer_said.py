"""What a peer's verbs say of a server: what happened, what would have been accepted, and what came."""

from __future__ import annotations

import pytest
from wire_harness import QUICK, upgraded

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.wire.frames import CLOSE, PING, TEXT, Frame

pytestmark = pytest.mark.asyncio
ENDS = ("the end of TCP (FIN)", "a TCP reset (RST)")
FAILED = ("a Close frame", *ENDS)
NUMBER = b"912345678901"
UNFAILED = "the server did not fail the connection"


def answering(wire, *, stays=True):
    """Return a server that answers the first frame by these, and every Ping behind it."""

    async def script(served):
        await served.frame()
        served.say(wire)
        while stays:
            opcode, payload = await served.frame()
            if opcode == PING:
                served.say(f"8a {len(payload):02x} {payload.hex()}")

    return script


@pytest.mark.parametrize(
    ("wire", "verb", "message", "expected", "actual"),
    [
        pytest.param(
            "",
            lambda peer: peer.expect_pong(b"here"),
            "a Ping was not answered by a Pong with its payload",
            ("a Pong with the 4 bytes of the Ping",),
            "nothing",
            id="ping",
        ),
        pytest.param(
            f"81 0c {NUMBER.hex()}",
            lambda peer: peer.expect_silence(),
            "there was an answer to what asks for none",
            ("nothing before the Pong to a later Ping",),
            "the message '912345678901'",
            id="silence",
        ),
        pytest.param(
            "8a 00",
            lambda peer: peer.expect_failed(code=1002),
            UNFAILED,
            FAILED,
            "a Pong of 0 bytes, then TCP stays open",
            id="failed",
        ),
        pytest.param(
            f"81 0c {NUMBER.hex()} 88 02 03 ea",
            lambda peer: peer.expect_failed(code=1002),
            "the server answered a message that it had to refuse",
            tuple(f"{one} and no message before it" for one in FAILED),
            "the message '912345678901', then Close 1002, then TCP stays open",
            id="message-refused",
        ),
        pytest.param(
            "8a 00",
            lambda peer: peer.expect_close_refused(sent=1005, code=1007),
            UNFAILED,
            FAILED,
            "a Pong of 0 bytes, then TCP stays open",
            id="close-unnoticed",
        ),
        pytest.param(
            "88 02 03 ed",
            lambda peer: peer.expect_close_refused(sent=1005, code=1007),
            "a faulty Close frame was answered as if it were in order",
            ("a Close frame with 1007 or another error code", *ENDS),
            "Close 1005, then TCP stays open",
            id="close-refused",
        ),
        pytest.param(
            "8a 00",
            lambda peer: peer.expect_close_reply(),
            "a Close frame was not answered",
            ("a Close frame",),
            "a Pong of 0 bytes, then TCP stays open",
            id="close-unanswered",
        ),
        pytest.param(
            "88 02 03 e8",
            lambda peer: peer.expect_close_reply(),
            "TCP stays open after the closing handshake",
            ("the end of TCP within 0.1 s",),
            "Close 1000, then TCP stays open",
            id="close-and-no-end",
        ),
    ],
)
async def test_breach_is_told_with_what_was_expected_and_what_came(wire, verb, message, expected, actual):
    async with upgraded(answering(wire), QUICK) as peer:
        peer.send(Frame(TEXT, NUMBER))
        with pytest.raises(Nonconformance) as caught:
            await verb(peer)
    assert (str(caught.value), caught.value.expected, caught.value.actual) == (message, expected, actual)


async def test_stream_that_stays_open_is_told_as_a_stream():
    async with upgraded(answering("88 02 03 e8"), QUICK) as peer:
        peer.connection.beneath = "the stream"
        peer.send_close()
        with pytest.raises(Nonconformance) as caught:
            await peer.expect_close_reply()
    assert str(caught.value) == "the stream stays open after the closing handshake"
    assert caught.value.expected == ("the end of the stream within 0.1 s",)
    assert caught.value.actual == "Close 1000, then the stream stays open"


async def test_tls_that_breaks_behind_our_close_frame_proves_nothing():
    async with upgraded(answering("", stays=False)) as peer:
        peer.send_close()
        peer.connection.tls_fault = "BAD_RECORD"
        with pytest.raises(Inconclusive, match=r"^TLS broke behind our Close frame: BAD_RECORD$"):
            await peer.expect_close_reply()


async def test_tls_that_breaks_behind_the_servers_close_frame_takes_nothing_from_it():
    async with upgraded(answering("88 02 03 e8", stays=False)) as peer:
        peer.send_close()
        peer.connection.tls_fault = "BAD_RECORD"
        assert (await peer.expect_close_reply()).code == 1000


async def test_close_frame_without_a_code_is_one_of_1000():
    heard = []

    async def script(served):
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        peer.send_close()
        await peer.connection.event(peer.limits.reply)
    assert heard == [(CLOSE, bytes.fromhex("03 e8"))]


# What it charges, and what it has controlled.


async def test_failure_without_a_close_frame_is_charged_with_what_came():
    async with upgraded(answering("", stays=False)) as peer:
        peer.send(Frame(TEXT, b"a", rsv2=True))
        await peer.expect_failed(code=1002)
        assert peer.recorder.broken("closing.failure-close-frame") == "TCP ended (FIN), no Close frame"


async def test_failure_with_another_code_is_charged_with_those_that_would_do():
    async with upgraded(answering("88 02 03 e8", stays=False)) as peer:
        peer.send(Frame(TEXT, b"a", rsv2=True))
        await peer.expect_failed(code={1007, 1002})
        told = "Close 1000, then TCP ended (FIN), expected Close 1002 or 1007"
        assert peer.recorder.broken("closing.failure-code") == told


@pytest.mark.parametrize("wire", ["88 02 03 ea", "88 02 03 ef"], ids=["1002", "1007"])
async def test_faulty_close_may_be_refused_by_its_own_code_or_by_1002(wire):
    async with upgraded(answering(wire, stays=False)) as peer:
        peer.send_close(1005)
        await peer.expect_close_refused(sent=1005, code=1007)
        assert peer.recorder.broken("closing.failure-code") == ""


async def test_controls_say_what_worked():
    async with upgraded(answering("")) as peer:
        await peer.twin(Frame(TEXT, b"harmless"))
        assert peer.recorder.controls() == [
            "on this connection a Ping was answered before the fault was sent",
            "the same without its fault was taken, and the connection went on",
        ]
