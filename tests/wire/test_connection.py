"""The connection: what it hears over real sockets, and how it tells the ends of TCP apart."""

from __future__ import annotations

import asyncio
import socket

import pytest
from wire_harness import BOUND, connected, message_of, upgraded

from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint
from conformance.wire.events import Close, End, Message, Pong
from conformance.wire.frames import PING, TEXT, Frame
from conformance.wire.handshake import opening

pytestmark = pytest.mark.asyncio
SOON = 0.05


# The end of TCP.


async def test_fin_is_told():
    async with upgraded(lambda served: asyncio.sleep(0)) as peer:
        assert (await peer.connection.event(BOUND)).kind == "fin"
        assert peer.connection.transcript.ended is True


async def test_reset_is_told():
    async def script(served):
        await served.frame()
        served.reset()

    async with upgraded(script) as peer:
        peer.send(Frame(PING))
        assert (await peer.connection.event(BOUND)).kind == "reset"


async def test_end_is_told_again_and_again():
    async with upgraded(lambda served: asyncio.sleep(0)) as peer:
        ends = [await peer.connection.event(BOUND) for _ in range(3)]
        assert ends == [peer.connection.end] * 3


async def test_events_before_the_end_are_told_first():
    async def script(served):
        served.say("81 01 61 88 02 03 e8")

    async with upgraded(script) as peer:
        events = [await peer.connection.event(BOUND) for _ in range(3)]
        assert [type(event) for event in events] == [Message, Close, End]


async def test_fin_without_an_answer_is_no_response():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND) is None
        assert (connection.end.kind, connection.garbage, connection.unfinished) == ("fin", None, b"")


async def test_reset_instead_of_an_answer_is_no_response():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.reset()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND) is None
        assert connection.end.kind == "reset"


async def test_writing_behind_the_end_is_harmless():
    async with upgraded(lambda served: asyncio.sleep(0)) as peer:
        await peer.connection.event(BOUND)
        peer.connection.shut()
        peer.send(Frame(PING))
        peer.connection.half_close()
        assert peer.connection.end.kind == "fin"


async def test_half_close_is_seen_and_leaves_our_ear_open():
    async def script(served):
        assert await served.reader.read() == b""
        served.say("81 03 62 79 65")

    async with upgraded(script) as peer:
        peer.connection.half_close()
        peer.send_text("nobody hears this")
        assert (await peer.connection.event(BOUND)).text == "bye"
    assert [one.direction for one in peer.connection.transcript.entries].count("sent") == 1  # the handshake


async def test_servers_half_close_leaves_our_mouth_open():
    heard = []

    async def script(served):
        served.fin()
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        assert (await peer.connection.event(BOUND)).kind == "fin"
        peer.send(Frame(TEXT, b"still here"))
    assert heard == [(TEXT, b"still here")]


async def test_our_reset_is_a_reset():
    kinds = []

    async def script(served):
        try:
            await served.reader.read()
        except ConnectionResetError:
            kinds.append("reset")

    async with upgraded(script) as peer:
        peer.connection.reset()
    assert kinds == ["reset"]


async def test_our_shutting_is_a_fin():
    async def script(served):
        assert await served.reader.read() == b""

    async with upgraded(script) as peer:
        peer.connection.shut()
        assert (await peer.connection.event(BOUND)).kind == "fin"
        assert peer.connection.transcript.ended is False


async def test_reset_behind_the_end_is_harmless():
    async with upgraded(lambda served: served.gone()) as peer:
        peer.connection.shut()
        await peer.connection.event(BOUND)
        peer.connection.reset()
        peer.connection.pause_reading()
        peer.connection.resume_reading()
        assert peer.connection.end.kind == "fin"


# The answer to the handshake.


async def test_garbage_is_told_from_http():
    async def script(served):
        served.writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await served.gone()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND) is None
        assert (connection.garbage, connection.end.kind) == (b"SSH-2.0-OpenSSH_9.9\r\n", "garbage")


async def test_head_that_never_ends_is_kept_as_unfinished():
    async def script(served):
        served.writer.write(b"HTTP/1.1 101 Sw")

    async with connected(script) as connection:
        assert await connection.read_response(BOUND) is None
        assert connection.unfinished == b"HTTP/1.1 101 Sw"


async def test_silence_is_bounded():
    async with connected(lambda served: served.gone()) as connection:
        assert await connection.read_response(SOON) is None
        assert connection.end is None


async def test_frames_in_the_segment_of_the_101_are_heard():
    async with upgraded(lambda served: served.gone(), behind="81 05 48 65 6c 6c 6f 89 00") as peer:
        event = await peer.connection.event(BOUND)
        assert (event.opcode, event.text) == (TEXT, "Hello")
        assert [frame.opcode for frame in peer.connection.received_frames] == [TEXT, PING]


async def test_answer_in_single_bytes_is_heard():
    async def script(served):
        for byte in b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno":
            served.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await served.gone()

    async with connected(script) as connection, asyncio.timeout(BOUND / 2):
        response = await connection.read_response(BOUND)
        assert (response.status, await connection.read_body(BOUND)) == (403, b"no")


async def test_body_without_a_length_ends_with_tcp():
    async def script(served):
        served.writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\nnever mind")

    async with connected(script) as connection:
        await connection.read_response(BOUND)
        assert await connection.read_body(BOUND) == b"never mind"


async def test_body_that_is_shorter_than_declared_is_bounded():
    async def script(served):
        served.writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno")
        await served.gone()

    async with connected(script) as connection:
        await connection.read_response(BOUND)
        assert await connection.read_body(SOON) == b"no"


async def test_wrong_accept_is_reported():
    async def script(served):
        served.writer.write(
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
        )
        await served.gone()

    breaches = []
    async with connected(script, report=breaches.append) as connection:
        connection.send_request(opening("/", "h"))
        await connection.read_response(BOUND)
    assert [breach.requirement for breach in breaches] == ["handshake.accept-value"]


async def test_refused_connection_is_an_os_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets it meanwhile
        endpoint = Endpoint("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match=str(endpoint.port)):
            await Connection.open(endpoint, label="x", report=print, timeout=BOUND)


# Events.


async def test_events_keep_their_order():
    async def script(served):
        served.say("8a 01 70  01 01 61  8a 01 71  80 01 62  88 05 03 e9 62 79 65")
        await served.gone()

    async with upgraded(script) as peer:
        first, second, message, close = [await peer.connection.event(BOUND) for _ in range(4)]
        assert (first.payload, second.payload) == (b"p", b"q")
        assert (message.opcode, message.content) == (TEXT, b"ab")
        assert (close.code, close.reason) == (1001, b"bye")


async def test_no_event_is_none_after_the_bound():
    async with upgraded(lambda served: served.gone()) as peer:
        assert await peer.connection.event(SOON) is None


async def test_text_that_is_not_utf8_is_shown():
    assert Message(TEXT, b"a\xff", 0.0).text == "a\\xff"


async def test_ping_is_answered_by_itself():
    heard = []

    async def script(served):
        served.say("89 04 70 69 6e 67")
        heard.append(await served.frame())
        served.say("8a 00")

    async with upgraded(script) as peer:
        assert isinstance(await peer.connection.event(BOUND), Pong)
    assert heard == [(0xA, b"ping")]


async def test_ping_is_left_alone_on_request():
    heard = []

    async def script(served):
        await served.frame()
        served.say("89 04 70 69 6e 67 81 01 61")
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        peer.connection.auto_pong = False
        peer.send_text("begin")
        await message_of(peer)
        peer.send_text("next")
        await peer.connection.event(BOUND)
    assert heard == [(TEXT, b"next")]


async def test_ping_behind_our_close_is_not_answered():
    heard = []

    async def script(served):
        heard.append((await served.frame())[0])
        served.say("89 00 88 02 03 e8")
        heard.append(await served.reader.read())

    async with upgraded(script) as peer:
        peer.send_close(1000)
        assert isinstance(await peer.connection.event(BOUND), Close)
        peer.connection.half_close()
    assert heard == [0x8, b""]
