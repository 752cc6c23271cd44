"""What a connection keeps of what it hears: how much, since when, and what its transcript says of it."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from conformance.net.connection import Connection
from conformance.wire import allowance as limits
from conformance.wire.frames import PING, Frame, FrameParser
from conformance.wire.transcript import MarkedFault

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PONG, CLOSE, HELLO = b"\x8a\x00", b"\x88\x02\x03\xe8", b"\x81\x05hello"


def fresh():
    """Return a connection without a transport: it hears what it is given, and sends nowhere."""
    return Connection("named", lambda breach: None)


def accepted():
    connection = fresh()
    connection.data_received(ACCEPTED)
    return connection


# How much is read, and kept.


@pytest.mark.parametrize(
    ("limit", "value", "just", "more", "why"),
    [
        ("MAX_FRAMES", 3, PONG * 3, PONG, "more than 3 frames"),
        ("MAX_UNASKED", 10, HELLO, b"\x8a\x01x", "more than 0 MiB of frames"),
        ("MAX_BEHIND", 3, PONG * 9 + CLOSE + PONG * 2, PONG, "more than 3 frames behind a Close"),
    ],
)
def test_just_as_much_is_read_as_the_bound_says(monkeypatch, limit, value, just, more, why):
    monkeypatch.setattr(limits, limit, value)
    connection = accepted()
    connection.data_received(just)
    assert connection.end is None
    connection.data_received(more)
    assert (connection.end.kind, connection.end.ours, connection.gone) == (why, True, False)
    assert connection.transcript.entries[-1].note == why


@pytest.mark.parametrize(
    ("limit", "value", "just"), [("MAX_FRAMES", 3, PONG * 3), ("MAX_UNASKED", 10, HELLO)]
)
def test_as_much_is_read_again_once_something_was_said(monkeypatch, limit, value, just):
    monkeypatch.setattr(limits, limit, value)
    connection = accepted()
    for _ in range(3):
        connection.data_received(just)
        connection.write(Frame(PING).encode())
        assert connection.end is None


def test_of_frames_beyond_what_is_kept_the_last_two_are(monkeypatch):
    monkeypatch.setattr(limits, "MAX_KEPT", 10 * limits.FRAME_COST)
    connection, kept = accepted(), []
    for count in (10, 1, 8, 1):
        connection.data_received(PONG * count)
        kept.append(len(connection.received_frames))
    assert kept == [10, 2, 10, 2]


def test_ping_that_is_too_long_is_answered_as_far_as_a_pong_may_be():
    connection = accepted()
    connection.data_received(b"\x89\x7e\x00\x82" + b"x" * 130)
    (pong,) = FrameParser().feed(connection.transcript.entries[-1].data)
    assert (pong.opcode, pong.payload) == (0xA, b"x" * 125)


# When it was.


@pytest.mark.asyncio
async def test_events_and_frames_have_the_time_at_which_they_came():
    connection = accepted()
    for wire in (HELLO, PONG, CLOSE):
        began = connection.transcript.now()
        connection.data_received(wire)
        event = await connection.event(0)
        assert began <= event.time <= connection.transcript.now()
        assert began <= connection.received_frames[-1].time <= event.time
    connection.connection_lost(None)
    assert event.time <= connection.end.time <= connection.transcript.now()


def test_first_byte_is_that_of_the_first_segment():
    connection = fresh()
    assert connection.first_byte is None
    connection.data_received(b"HTTP/1.1 ")
    first = connection.first_byte
    connection.data_received(b"403 Forbidden\r\n\r\n")
    assert connection.transcript.entries[0].time <= first <= connection.transcript.entries[1].time
    assert connection.first_byte == first


# What is said of it.


def test_transcript_is_named_and_says_what_was_sent():
    connection = fresh()
    connection.write(b"GET")
    assert connection.transcript.label == "named"
    assert [(one.direction, one.data) for one in connection.transcript.entries] == [("sent", b"GET")]


def test_breach_is_marked_in_the_bytes_that_came_by_the_frame_that_broke_the_rule():
    connection = accepted()
    connection.data_received(b"\xa1\x01x")
    assert connection.transcript.received() == ACCEPTED + b"\xa1\x01x"
    assert connection.transcript.faults == {1: [MarkedFault("RSV1-3", b"\xa1\x01x")]}


@pytest.mark.parametrize(
    ("data", "answered", "ended"),
    [
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n", True, False, id="refusal"),
        pytest.param(b"HTTP/1.1 403", False, False, id="begun"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", False, True, id="garbage"),
    ],
)
def test_server_answers_by_http_and_ends_it_by_garbage(data, answered, ended):
    connection = fresh()
    connection.data_received(data)
    assert (connection.transcript.answered, connection.transcript.ended) == (answered, ended)


@pytest.mark.parametrize(
    ("error", "kind", "note", "ended"),
    [
        (None, "fin", "TCP ended (FIN)", False),
        (ConnectionResetError(), "reset", "TCP reset (RST)", True),
    ],
    ids=["closed", "reset"],
)
def test_end_is_told_by_what_went_wrong(error, kind, note, ended):
    connection = fresh()
    connection.connection_lost(error)
    assert (connection.end.kind, connection.tls_fault, connection.transcript.ended) == (kind, "", ended)
    assert [(one.direction, one.note) for one in connection.transcript.entries] == [("event", note)]


@pytest.mark.parametrize("reason", ["WRONG_VERSION_NUMBER", ""])
def test_tls_that_breaks_is_an_end_of_the_servers_making_and_no_reset(reason):
    incoming = ssl.MemoryBIO()
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        ssl.create_default_context().wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="h").do_handshake()
    caught.value.reason = reason
    connection = fresh()
    connection.connection_lost(caught.value)
    fault = reason or str(caught.value)
    assert (connection.end.kind, connection.tls_fault, connection.transcript.ended) == ("fin", fault, True)
    assert [(one.direction, one.note) for one in connection.transcript.entries] == [
        ("event", f"TLS ended: {fault}"),
        ("event", "TCP ended (FIN)"),
    ]


def test_end_of_our_own_making_takes_nothing_from_the_servers():
    connection = accepted()
    connection.eof_received()
    connection.connection_lost(None)
    assert connection.transcript.ended is True


def test_connection_that_was_reset_before_it_was_looked_at_is_told():
    connection = fresh()
    connection.connection_made(asyncio.Transport({"peername": None}))
    assert connection.transcript.entries[0].note == "TCP connection made, and reset before it was looked at"


@pytest.mark.asyncio
async def test_connection_that_was_never_made_bears_everything():
    connection = fresh()
    connection.half_close()
    connection.reset()
    connection.shut()
    connection.pause_reading()
    connection.resume_reading()
    assert await connection.read_body(0) == b""
    assert (connection.local_port, connection.gone, connection.garbage) == (None, False, None)
    assert [(one.direction, one.note) for one in connection.transcript.entries] == [
        ("event", "we half-closed TCP (FIN)"),
        ("event", "we reset TCP (RST)"),
    ]
    assert connection.end is None
