"""A peer that expects an end: how a server may fail the connection, and how it closes."""

from __future__ import annotations

import pytest
from wire_harness import NUMBER, QUICK, answering, charged, upgraded

from conformance.client.peer import Ending, describe
from conformance.core.errors import Nonconformance
from conformance.wire.events import Close, End, Message, Pong
from conformance.wire.frames import CLOSE, TEXT, Frame

pytestmark = pytest.mark.asyncio


# Failing the connection: a Close frame, FIN and RST are all the same to RFC 6455 §7.1.7.


FAULT = Frame(TEXT, b"a", rsv2=True)
KEPT = [("closing.failure-close-frame", True), ("closing.failure-code", True)]
NO_FRAME = [("closing.failure-close-frame", False)]


@pytest.mark.parametrize(
    ("script", "shown", "charges"),
    [
        pytest.param(answering("88 02 03 ea"), "Close 1002, then TCP ended (FIN)", KEPT, id="close-frame"),
        pytest.param(
            answering("88 02 03 e8"),
            "Close 1000, then TCP ended (FIN)",
            [KEPT[0], ("closing.failure-code", False)],
            id="other-code",
        ),
        pytest.param(
            answering("88 00"),
            "an empty Close frame, then TCP ended (FIN)",
            [KEPT[0], ("closing.failure-code", False)],
            id="no-code",
        ),
        pytest.param(answering(""), "TCP ended (FIN)", NO_FRAME, id="fin"),
        pytest.param(answering("", "reset"), "TCP was reset (RST)", NO_FRAME, id="rst"),
        pytest.param(
            answering("8a 00"), "a Pong of 0 bytes, then TCP ended (FIN)", NO_FRAME, id="pong-before"
        ),
    ],
)
async def test_failed_connection(script, shown, charges):
    async with upgraded(script) as peer:
        peer.send(FAULT)
        ending = await peer.expect_failed(code=1002)
        assert str(ending) == shown
        assert charged(peer) == charges
        assert peer.recorder.record.observed == [shown]


async def test_close_frame_is_enough_where_tcp_stays_open():
    async with upgraded(answering("88 02 03 ea", "open"), QUICK) as peer:
        peer.send(FAULT)
        ending = await peer.expect_failed(code=1002)
        assert str(ending) == "Close 1002, then TCP stays open"


async def test_one_of_several_codes_is_enough():
    async with upgraded(answering("88 02 03 ef")) as peer:
        peer.send(FAULT)
        await peer.expect_failed(code={1002, 1007})
        assert charged(peer) == KEPT


async def test_servers_close_frame_is_answered_in_kind():
    heard = []

    async def script(served):
        await served.frame()
        served.say("88 02 03 ea")
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        peer.send(FAULT)
        await peer.expect_failed(code=1002)
    assert heard == [(CLOSE, bytes.fromhex("03 ea"))]


async def test_server_that_stays_open_did_not_fail_the_connection():
    async with upgraded(answering("", "open"), QUICK) as peer:
        peer.send(FAULT)
        with pytest.raises(Nonconformance, match="did not fail the connection") as caught:
            await peer.expect_failed(code=1002)
        assert len(caught.value.expected) == 3
        assert caught.value.actual == "TCP stays open"
        assert charged(peer) == []


@pytest.mark.parametrize("then", ["fin", "reset", "open"])
async def test_server_that_answers_the_message_did_not_refuse_it(then):
    wire = f"81 0f 6f 6b 20 {NUMBER.hex()}" + ("" if then == "reset" else "88 02 03 ea")
    async with upgraded(answering(wire, then), QUICK) as peer:
        peer.send(Frame(TEXT, b"a " + NUMBER, rsv2=True))
        with pytest.raises(Nonconformance, match="answered a message") as caught:
            await peer.expect_failed(code=1002)
        assert caught.value.actual.startswith("the message 'ok 912345678901', then ")


@pytest.mark.parametrize("speaks", [True, False])
async def test_message_of_a_server_that_speaks_by_itself_is_no_answer(speaks):
    async with upgraded(answering("81 02 6f 6b 88 02 03 ea")) as peer:
        peer.speaks = speaks
        peer.send(FAULT)
        await peer.expect_failed(code=1002)
        assert charged(peer) == KEPT


# A Close frame with a fault.


@pytest.mark.parametrize(
    ("sent", "wire", "charges"),
    [
        pytest.param(1005, "88 02 03 ea", KEPT, id="1002"),
        pytest.param(1005, "88 02 03 ef", [KEPT[0], ("closing.failure-code", False)], id="other-error"),
        pytest.param(None, "88 02 03 ea", KEPT, id="1002-to-one-byte"),
        pytest.param(1005, "", NO_FRAME, id="fin"),
    ],
)
async def test_faulty_close_is_refused(sent, wire, charges):
    async with upgraded(answering(wire)) as peer:
        peer.send(Frame(CLOSE, bytes.fromhex("03 ed")))
        await peer.expect_close_refused(sent=sent, code=1002)
        assert charged(peer) == charges


@pytest.mark.parametrize(
    ("sent", "wire"),
    [pytest.param(1005, "88 02 03 ed", id="echo"), pytest.param(1005, "88 02 03 e8", id="1000")],
)
async def test_faulty_close_that_is_answered_in_kind(sent, wire):
    async with upgraded(answering(wire)) as peer:
        peer.send(Frame(CLOSE, bytes.fromhex("03 ed")))
        with pytest.raises(Nonconformance, match="as if it were in order"):
            await peer.expect_close_refused(sent=sent, code=1002)


async def test_faulty_close_that_nobody_minds():
    async with upgraded(answering("", "open"), QUICK) as peer:
        peer.send(Frame(CLOSE, bytes.fromhex("03 ed")))
        with pytest.raises(Nonconformance, match="did not fail"):
            await peer.expect_close_refused(sent=1005, code=1002)


# The closing handshake.


async def test_close_is_answered():
    async with upgraded(answering("88 02 0f a0")) as peer:
        peer.send_close(4000)
        assert (await peer.expect_close_reply()).code == 4000


@pytest.mark.parametrize(
    ("wire", "then", "message"),
    [
        ("", "fin", "was not answered"),
        ("", "open", "was not answered"),
        ("88 02 03 e8", "open", "stays open"),
    ],
)
async def test_close_that_is_not_answered_in_full(wire, then, message):
    async with upgraded(answering(wire, then), QUICK) as peer:
        peer.send_close(1000)
        with pytest.raises(Nonconformance, match=message):
            await peer.expect_close_reply()


async def test_ending_holds_what_came_before():
    async with upgraded(answering("81 01 61 8a 00 82 01 62 88 02 03 e8")) as peer:
        peer.send_text("?")
        ending = await peer.ending()
        assert [type(event) for event in ending.before] == [Message, Pong, Message]
        assert [message.content for message in ending.messages] == [b"a", b"b"]
        assert (ending.close.code, ending.end.kind) == (1000, "fin")


async def test_ending_knows_what_waits_in_the_inbox():
    async def script(served):
        served.say("81 01 61 88 02 03 e8")
        await served.frame()

    async with upgraded(script) as peer:
        await peer.take(lambda event: isinstance(event, Pong), peer.limits.reply)
        ending = await peer.ending()
        assert str(ending) == "the message 'a', then Close 1000, then TCP ended (FIN)"
        assert peer.inbox == []


async def test_second_close_frame_is_not_swallowed():
    async with upgraded(answering("88 02 03 e8 88 02 03 e9")) as peer:
        peer.send_close(1000)
        ending = await peer.ending()
        assert [event.code for event in ending.before if isinstance(event, Close)] == [1001]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "nothing"),
        (Message(TEXT, b"a\xff" + b"b" * 200, 0.0), f"the message 'a\\\\xff{'b' * 118}'"),
        (Pong(b"abc", 0.0), "a Pong of 3 bytes"),
        (Close(None, b"", 0.0), "an empty Close frame"),
        (Close(1000, b"", 0.0), "Close 1000"),
        (Close(1000, b"\xff", 0.0), "Close 1000 '\\\\xff'"),
        (Close(1000, b"x" * 61, 0.0), f"Close 1000 '{'x' * 60}'"),
        (End("fin", 0.0), "TCP ended (FIN)"),
        (End("reset", 0.0), "TCP was reset (RST)"),
        (End("unheard", 0.0), "TCP ended (unheard)"),
        (End("END_STREAM", 0.0), "the stream ended (END_STREAM)"),
        (End("RST_STREAM CANCEL", 0.0), "the stream ended (RST_STREAM CANCEL)"),
        (End("the HTTP/2 connection ended", 0.0), "the stream ended (the HTTP/2 connection ended)"),
    ],
)
async def test_event_in_a_persons_words(event, words):
    assert describe(event) == words


async def test_ending_of_nothing_in_a_persons_words():
    assert str(Ending()) == "TCP stays open"


async def test_ending_names_twenty_events_and_counts_the_others():
    pongs = [Pong(b"", 0.0)] * 20
    assert str(Ending(before=pongs)) == "a Pong of 0 bytes, then " * 20 + "TCP stays open"
    assert str(Ending(before=pongs * 2)) == "a Pong of 0 bytes, then " * 20 + "20 more, then TCP stays open"
