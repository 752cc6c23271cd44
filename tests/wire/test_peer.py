"""The verbs of a peer: what each accepts of a server, and what it holds against it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from wire_harness import NUMBER, QUICK, answering, connected, end, message_of, stay, upgraded

from conformance.client.peer import Limits, Peer, describe, fragments
from conformance.client.recorder import Recorder
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.wire.events import Close, Message, Pong
from conformance.wire.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame
from conformance.wire.handshake import opening

pytestmark = pytest.mark.asyncio


# Saying things.


async def test_frames_go_out_as_they_are_said():
    heard = []

    async def script(served):
        heard.extend([await served.frame() for _ in range(8)])

    async with upgraded(script) as peer:
        peer.send_text("é")
        peer.send_fragments([b"a", b"b"], BINARY)
        peer.send(Frame(PING, b"p"))
        peer.send_bytes(Frame(TEXT, b"raw").encode())
        await peer.send_slowly([Frame(TEXT, b"slow").encode(), Frame(TEXT, b"er").encode()])
        peer.send_close(1001, "bye")
        await peer.connection.event(peer.limits.reply)
    assert heard == [
        (TEXT, "é".encode()),
        (BINARY, b"a"),
        (CONTINUATION, b"b"),
        (PING, b"p"),
        (TEXT, b"raw"),
        (TEXT, b"slow"),
        (TEXT, b"er"),
        (CLOSE, bytes.fromhex("03 e9 62 79 65")),
    ]


async def test_sending_a_close_frame_is_remembered():
    async with upgraded(stay) as peer:
        peer.send_text("a")
        assert not peer.connection.close_sent
        peer.send(Frame(CLOSE))
        assert peer.connection.close_sent


@pytest.mark.parametrize(
    ("parts", "frames"),
    [
        ([b"a"], [(TEXT, b"a", True)]),
        ([b"a", b""], [(TEXT, b"a", False), (CONTINUATION, b"", True)]),
        ([b"a", b"b", b"c"], [(TEXT, b"a", False), (CONTINUATION, b"b", False), (CONTINUATION, b"c", True)]),
    ],
)
async def test_fragments_of_a_message(parts, frames):
    assert [(f.opcode, f.payload, f.fin) for f in fragments(parts)] == frames


# Ping and Pong.


async def test_ping_returns_its_pong():
    async def script(served):
        await served.pong()
        await served.gone()

    async with upgraded(script) as peer:
        assert (await peer.ping(b"here")).payload == b"here"


async def test_ping_leaves_other_events_in_the_inbox():
    async def script(served):
        served.say("81 01 61 8a 01 78 81 01 62")
        await served.pong()
        await served.gone()

    async with upgraded(script) as peer:
        await peer.ping()
        assert [describe(event) for event in peer.inbox] == [
            "the message 'a'",
            "a Pong of 1 bytes",
            "the message 'b'",
        ]
        assert (await message_of(peer)).text == "a"
        assert (await message_of(peer)).text == "b"


@pytest.mark.parametrize(
    ("wire", "actual"),
    [
        pytest.param("8a 00", "a Pong of 0 bytes", id="empty-pong"),
        pytest.param("88 02 03 ea", "Close 1002", id="close"),
        pytest.param("", "nothing", id="silence"),
    ],
)
async def test_ping_without_its_pong_is_held_against_the_server(wire, actual):
    async def script(served):
        await served.frame()
        served.say(wire)
        await served.gone()

    async with upgraded(script, QUICK) as peer:
        with pytest.raises(Nonconformance) as caught:
            await peer.ping(b"here")
        assert caught.value.actual == actual


async def test_ping_that_ends_tcp_is_held_against_the_server():
    async with upgraded(end) as peer:
        with pytest.raises(Nonconformance) as caught:
            await peer.ping()
        assert caught.value.actual == "TCP ended (FIN)"


async def test_control_that_fails_proves_nothing():
    async with upgraded(end) as peer:
        with pytest.raises(Inconclusive, match=r"the control failed .* TCP ended"):
            await peer.alive()


async def test_twin_that_survives_leaves_an_empty_inbox():
    async def script(served):
        await served.frame()
        served.say("81 01 61")
        await served.pong()
        await served.gone()

    async with upgraded(script) as peer:
        await peer.twin(Frame(TEXT, b"harmless"))
        assert peer.inbox == []


async def test_twin_that_does_not_survive_proves_nothing():
    async with upgraded(end) as peer:
        with pytest.raises(Inconclusive):
            await peer.twin(Frame(TEXT, b"harmless"))


# Silence and messages.


async def test_silence_is_what_only_a_pong_breaks():
    async def script(served):
        await served.frame()
        await served.pong()
        await served.gone()

    async with upgraded(script) as peer:
        peer.send(Frame(PONG, b"nobody asked"))
        await peer.expect_silence()


def saying(wire):
    """Return a script that answers a frame by these bytes, and the Ping behind it."""

    async def script(served):
        await served.frame()
        served.say(wire)
        await served.pong()
        await served.gone()

    return script


@pytest.mark.parametrize(
    ("wire", "actual"),
    [
        (f"81 0c {NUMBER.hex()}", "the message '912345678901'"),
        (f"82 0e 3c {NUMBER.hex()} 3e", "the message '<912345678901>'"),
        (f"8a 0c {NUMBER.hex()}", "a Pong of 12 bytes"),
    ],
)
async def test_answer_is_no_silence(wire, actual):
    async with upgraded(saying(wire)) as peer:
        peer.send(Frame(PONG, NUMBER))
        with pytest.raises(Nonconformance, match="asks for none") as caught:
            await peer.expect_silence()
        assert caught.value.actual == actual


@pytest.mark.parametrize(
    "wire", ["81 01 61", "82 02 00 ff", "8a 01 78", f"81 0c {b'912345678902'.hex()}", "81 01 61" * 50]
)
async def test_what_nobody_asked_for_breaks_no_silence(wire):
    async with upgraded(saying(wire)) as peer:
        peer.send(Frame(PONG, NUMBER))
        await peer.expect_silence()


async def test_end_is_no_silence():
    async with upgraded(end) as peer:
        peer.send(Frame(PONG, b"nobody asked"))
        with pytest.raises(Nonconformance):
            await peer.expect_silence()


# Time.


async def arrived(peer, count):
    """Wait until so many frames have come, and leave their events where they are."""
    await peer.connection._until(lambda: len(peer.connection.received_frames) == count, peer.limits.reply)


async def test_what_has_come_in_time_counts_however_late_it_is_looked_at():
    async with upgraded(stay, behind="81 01 61 8a 01 78 88 00") as peer:
        await arrived(peer, 3)
        assert isinstance(await peer.take(lambda event: isinstance(event, Pong), 0), Pong)
        ending = await peer.ending(-1)
        assert [type(event) for event in (*ending.before, ending.close)] == [Message, Close]


async def test_end_behind_a_close_that_came_before_is_waited_for_as_long_as_is_said():
    async with upgraded(stay, behind="88 00") as peer, asyncio.timeout(1):
        assert isinstance(await peer.take(lambda event: isinstance(event, Pong), 5), Close)
        assert str(await peer.ending(behind=0.05)) == "an empty Close frame, then TCP stays open"


async def test_failure_is_waited_for_as_long_as_is_said():
    async with upgraded(stay) as peer, asyncio.timeout(1):
        assert str(await peer.failing(0.05)) == "TCP stays open"


@pytest.mark.parametrize(
    ("size", "rate", "bound"), [(100, None, 2.0), (0, 60.0, 2.0), (100, 60.0, 12.0), (200, 60.0, 22.0)]
)
async def test_bound_of_a_long_message_is_that_of_a_reply_and_the_way_twice(size, rate, bound):
    assert Limits(reply=2.0, rate=rate).back(size) == bound


# Leaving.


async def test_leaving_says_goodbye():
    heard = []

    async def script(served):
        heard.append(await served.frame())
        served.say("88 02 03 e8")

    async with upgraded(script) as peer:
        await peer.leave()
    assert heard == [(CLOSE, bytes.fromhex("03 e8"))]


async def test_greeting_and_leaving_is_a_ping_and_a_close_frame():
    heard = []

    async def script(served):
        heard.extend([await served.frame(), await served.frame()])
        payload = heard[0][1]
        served.say(f"8a {len(payload):02x} {payload.hex()} 88 02 03 e8")

    async with upgraded(script) as peer:
        assert await peer.greet_and_leave()
    assert [opcode for opcode, _ in heard] == [PING, CLOSE]
    assert heard[1][1] == bytes.fromhex("03 e8")


async def test_leaving_says_goodbye_once():
    heard = []

    async def script(served):
        heard.append(await served.reader.read())

    async with upgraded(script) as peer:
        peer.connection.close_sent = True
        await peer.leave()
    assert heard == [b""]


async def test_leaving_behind_the_end_says_nothing():
    async with upgraded(lambda served: asyncio.sleep(0)) as peer:
        await peer.connection.event(peer.limits.reply)
        said = len(peer.connection.transcript.entries)
        await peer.leave()
        assert len(peer.connection.transcript.entries) == said
        assert not peer.connection.close_sent


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b""], ids=["refused", "unanswered"])
async def test_leaving_a_connection_that_is_no_websocket_says_nothing(answer):
    heard = []

    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(answer)
        heard.append(await served.reader.read())

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        await connection.read_response(0.1)
        await Peer(connection, QUICK, Recorder()).leave()
    assert heard == [b""]


async def test_farewell_is_waited_for_as_long_as_it_may_take():
    async with upgraded(stay, replace(QUICK, prompt=0.2)) as peer:
        began = time.monotonic()
        await peer.leave()
        assert time.monotonic() - began >= 0.2
        assert peer.recorder.unanswered_farewells == 1


@pytest.mark.parametrize("script", [stay, answering("", "reset"), answering("81 01 61", "open")])
async def test_leaving_is_bounded_and_never_raises(script):
    async with upgraded(script, QUICK) as peer:
        await peer.leave()
        await peer.leave()


# A server that goes on talking must not hold the run up.


async def ticker(served):
    """Say something once every 5 ms, until the client is gone."""
    loop = asyncio.get_running_loop()

    def tick():
        if not served.writer.is_closing():
            served.say("81 01 61")
            ticks[0] = loop.call_later(0.005, tick)

    ticks = [loop.call_soon(tick)]
    try:
        await served.gone()
    finally:
        ticks[0].cancel()


async def tell(peer, verb):
    if verb == "leave":
        await peer.leave()
    else:
        with pytest.raises(Nonconformance):
            await (peer.ping() if verb == "ping" else peer.expect_failed(code=1002))


@pytest.mark.parametrize("verb", ["ping", "expect_failed", "leave"])
async def test_server_that_goes_on_talking_is_bounded(verb):
    limits = Limits(reply=0.2, close=0.2, prompt=0.2)
    async with upgraded(ticker, limits) as peer, asyncio.timeout(0.6):
        await tell(peer, verb)
