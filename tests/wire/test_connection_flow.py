"""The connection under load: what is sent and not read, answered meanwhile, or has no end."""

from __future__ import annotations

import asyncio
import socket

import pytest
from wire_harness import BOUND, connected, upgraded

from conformance.net.connection import Connection
from conformance.wire.events import End, Message, Pong
from conformance.wire.frames import CLOSE, PING, PONG, TEXT, Frame
from conformance.wire.handshake import opening

pytestmark = pytest.mark.asyncio
SOON = 0.05


# Backpressure.


async def test_drain_waits_until_the_server_reads():
    read_on = asyncio.Event()

    async def script(served):
        await read_on.wait()
        await served.gone()

    async with upgraded(script) as peer:
        connection = peer.connection
        peer.send_bytes(bytes(32 * 1024 * 1024))
        await connection.drain(SOON)
        held = connection._transport.get_write_buffer_size()
        read_on.set()
        await connection.drain(BOUND)
        assert connection._transport.get_write_buffer_size() < 1024 * 1024 < held


async def test_drain_returns_when_tcp_ends():
    async def script(served):
        served.reset()

    async with upgraded(script) as peer:
        await peer.connection.event(BOUND)
        await peer.connection.drain(BOUND)


async def test_paused_reading_hears_nothing_until_it_is_resumed():
    async with upgraded(answer_text) as peer:
        peer.connection.pause_reading()
        peer.send_text("?")
        assert await peer.connection.event(SOON) is None
        peer.connection.resume_reading()
        assert (await peer.connection.event(BOUND)).text == "a"


async def answer_text(served):
    await served.frame()
    served.say("81 01 61")
    await served.gone()


async def test_segments_are_sent_in_order():
    heard = []

    async def script(served):
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        wire = Frame(TEXT, b"Hello").encode()
        await peer.send_slowly(wire[i : i + 1] for i in range(len(wire)))
        await peer.connection.event(BOUND)
    assert heard == [(TEXT, b"Hello")]


async def test_pong_waits_for_the_end_of_a_frame_in_pieces():
    wire = Frame(TEXT, b"Hello").encode()
    heard = []

    async def script(served):
        await served.reader.readexactly(3)
        served.say("89 01 61 81 01 62")  # a Ping, and a text that says when it was read
        heard.append(await served.reader.readexactly(len(wire) - 3))
        heard.append(await served.frame())

    async with upgraded(script) as peer:
        peer.send_bytes(wire[:3])
        assert isinstance(await peer.connection.event(BOUND), Message)
        peer.send_bytes(wire[3:])
        await peer.connection.event(BOUND)
    assert heard == [wire[3:], (PONG, b"a")]


async def test_transcript_holds_both_sides_and_the_end():
    async def script(served):
        served.say("89 00")
        await served.frame()

    async with upgraded(script) as peer:
        await peer.connection.event(BOUND)
    entries = peer.connection.transcript.as_data(str)["entries"]
    assert [entry["direction"] for entry in entries][:3] == ["event", "sent", "received"]
    assert entries[0]["summary"].startswith("TCP connection to 127.0.0.1 port ")
    assert "TCP ended (FIN)" in [entry["summary"] for entry in entries]


async def test_bytes_after_a_switch_to_another_protocol_are_no_frames():
    breaches = []
    connection = Connection("test", breaches.append)
    connection.data_received(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x10\x00\x00"
    )
    assert connection.response.upgraded is False
    assert connection.received_frames == []
    assert breaches == []


# Answers that must not spoil what we are saying.


async def test_ping_inside_our_own_frame_is_answered_behind_it():
    heard = []

    async def script(served):
        first = await served.reader.readexactly(3)
        served.say("89 01 61 89 01 62")
        served.say("8a 01 78")
        served.reader._buffer[:0] = first  # what was read ahead
        heard.extend([await served.frame(), await served.frame(), await served.frame()])
        await served.gone()

    async with upgraded(script) as peer:
        data = Frame(TEXT, b"in two pieces").encode()
        peer.send_bytes(data[:3])
        assert isinstance(await peer.connection.event(BOUND), Pong)  # so the two Pings are here
        peer.send_bytes(data[3:])
        peer.send(Frame(PING, b"end"))
        await asyncio.sleep(SOON)
    assert heard == [(TEXT, b"in two pieces"), (PONG, b"a"), (PONG, b"b")]


async def test_ping_inside_our_own_close_frame_is_answered_no_more():
    async def script(served):
        first = await served.reader.readexactly(1)
        served.say("89 01 61 8a 01 78")
        served.reader._buffer[:0] = first
        assert await served.frame() == (CLOSE, b"\x03\xe8")
        rest.append(await served.reader.read(100))

    rest = []
    async with upgraded(script) as peer:
        data = Frame(CLOSE, b"\x03\xe8").encode()
        peer.send_bytes(data[:1])
        assert isinstance(await peer.connection.event(BOUND), Pong)
        peer.send_bytes(data[1:])
        peer.connection.half_close()
        assert isinstance(await peer.connection.event(BOUND), End)
    assert rest == [b""]


async def test_server_that_reads_nothing_is_owed_few_pongs():
    async def script(served):
        served.writer.transport.pause_reading()
        served.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        for _ in range(10):
            served.writer.write((b"\x89\x7d" + bytes(125)) * 500)
            await served.writer.drain()
        served.say("8a 01 78")
        await looked.wait()
        served.writer.transport.resume_reading()
        await served.gone()

    looked = asyncio.Event()
    async with upgraded(script) as peer:
        transport = peer.connection._transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        assert isinstance(await peer.connection.event(BOUND), Pong)
        assert transport.get_write_buffer_size() < 200_000
        looked.set()
        peer.connection.reset()


# What is sent without end.


async def test_message_without_end_is_not_read_without_end(monkeypatch):
    monkeypatch.setattr("conformance.wire.invariants.MAX_MESSAGE", 1 << 20)

    async def script(served):
        served.say("01 00")
        for _ in range(3000):
            served.writer.write(b"\x00\x7e\x10\x00" + bytes(4096))
            await served.writer.drain()
        await served.gone()

    async with upgraded(script) as peer:
        end = await peer.connection.event(BOUND)
        assert end.kind == "a message of more than 1 MiB without an end"


async def test_what_nobody_asked_for_is_not_kept_without_end(monkeypatch):
    monkeypatch.setattr("conformance.wire.allowance.MAX_UNASKED", 1 << 20)
    monkeypatch.setattr("conformance.wire.allowance.MAX_KEPT", 1 << 18)

    async def script(served):
        for _ in range(3000):
            served.writer.write(b"\x82\x7e\x10\x00" + bytes(4096))
            await served.writer.drain()
        await served.gone()

    async with upgraded(script) as peer:
        events = [await peer.connection.event(BOUND) for _ in range(400)]
        assert events[-1].kind == "more than 1 MiB of frames"
        assert sum(len(one.payload) for one in peer.connection.received_frames) < 1 << 19


async def test_what_is_asked_for_may_be_as_much(monkeypatch):
    monkeypatch.setattr("conformance.wire.allowance.MAX_UNASKED", 1 << 16)

    async def script(served):
        for _ in range(40):
            await served.frame()
            served.writer.write(b"\x82\x7e\x40\x00" + bytes(16384))
        await served.gone()

    async with upgraded(script) as peer:
        for _ in range(40):
            peer.send_text("more")
            assert isinstance(await peer.connection.event(BOUND), Message)


async def test_body_is_kept_up_to_a_mebibyte_and_any_content_length_is_read():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n" + bytes(3 << 20)
        )
        await served.writer.drain()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND)
        assert len(await connection.read_body(BOUND)) == 1 << 20
