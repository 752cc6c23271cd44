"""What the HTTP/2 connection says of a server: each fault by its own words, and the end of everything."""

from __future__ import annotations

import struct

import pytest
from h2.errors import ErrorCodes
from tied import Wire

from conformance.net.http2 import Http2Connection
from conformance.net.stream import extended_connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture
def wire(monkeypatch) -> Wire:
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    return Wire()


def settings(*pairs, ack=False):
    payload = b"".join(struct.pack("!HI", *pair) for pair in pairs)
    return len(payload).to_bytes(3, "big") + b"\4" + bytes([ack]) + bytes(4) + payload


def said(wire):
    return [(one.requirement, one.message) for one in wire.breaches]


def fresh(wire):
    return Http2Connection("test", wire.breaches.append)


def notes(stream):
    return [one.note for one in stream.transcript.entries if one.direction == "event"][1:]


# Before HTTP/2 is spoken.


@pytest.mark.parametrize("data", [b"HTTP", b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 300, bytes(9)])
def test_what_does_not_begin_with_settings_is_no_http2(wire, data):
    link = fresh(wire)
    for octet in data[:3]:
        link.data_received(bytes([octet]))
        assert (link.garbage, link.end) == (None, None)
    link.data_received(data[3:])
    assert (link.garbage, link.end) == (data[:256], "it is no HTTP/2")
    link.data_received(settings())
    assert (link.garbage, link.ready, wire.breaches) == (data[:256], False, [])


def test_first_settings_make_it_ready_and_nothing_has_ended(wire):
    link = fresh(wire)
    assert (link.ready, link.garbage, link.goaway, link.end, link.alpn) == (False, None, None, None, None)
    link.h2.initiate_connection()
    for octet in settings((3, 100)):
        link.data_received(bytes([octet]))
    assert (link.ready, link.end) == (True, None)


def test_client_says_that_it_wants_no_push(wire):
    link = fresh(wire)
    link.h2.initiate_connection()
    sent = link.h2.data_to_send()
    assert sent.startswith(PREFACE)
    assert struct.pack("!HI", 2, 0) in sent[len(PREFACE) :]


@pytest.mark.parametrize("window", [1, 20, 70_000])
def test_window_is_announced(monkeypatch, window):
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    wire = Wire(window=window)
    stream = wire.open()
    assert wire.server.local_flow_control_window(stream.stream_id) == min(window, 65_535)


# SETTINGS_ENABLE_CONNECT_PROTOCOL.


@pytest.mark.parametrize(
    ("pairs", "values", "message"),
    [
        ([(3, 9), (8, 1), (4, 9)], [1], None),
        ([(8, 0), (3, 9), (8, 1)], [0, 1], None),
        ([(8, 2)], [2], "SETTINGS_ENABLE_CONNECT_PROTOCOL is 2"),
        ([(3, 9), (8, 0xFFFF_FFFF), (4, 9)], [0xFFFF_FFFF], "SETTINGS_ENABLE_CONNECT_PROTOCOL is 4294967295"),
        ([(8, 1), (8, 0)], [1, 0], "SETTINGS_ENABLE_CONNECT_PROTOCOL is taken back: 0 after 1"),
        ([(0xFFFF, 7), (0xF000, 0), (4, 9)], [], None),
        ([(3, 8), (4, 9)], [], None),  # read two octets too early, the 8 would be an announcement
    ],
)
def test_announcement_is_read_among_other_settings(wire, pairs, values, message):
    before = len(wire.client.connect_protocol)
    wire.client.data_received(settings(*pairs))
    assert wire.client.connect_protocol[before:] == values
    assert said(wire) == ([("http2.settings", message)] if message else [])
    assert wire.client.end is None
    assert not values or wire.client.h2.remote_settings.get(8) == min(values[-1], 1)
    assert wire.client.h2.remote_settings.get(4, 0) == (9 if (4, 9) in pairs else 65_535)


def test_other_frames_announce_nothing(wire):
    stream, before = wire.open(), list(wire.client.connect_protocol)
    wire.server.send_data(stream.stream_id, struct.pack("!HI", 8, 2))
    wire.turn()
    wire.client.data_received(settings(ack=True))
    assert (wire.client.connect_protocol, "http2.settings" in wire.charged) == (before, False)


# Faults of frames.


def test_interim_answer_of_101_is_unknown_to_http2(wire):
    stream = wire.client.request(extended_connect(wire.request), wire.request, "test")
    wire.turn()
    for status in ("100", "103", "101"):
        assert said(wire) == []
        wire.server.send_headers(stream.stream_id, [(":status", status)])
        wire.turn()
    assert said(wire) == [("http2.response-headers", "101 is answered, which HTTP/2 does not know")]
    assert stream.response is None


def test_trailers_on_a_tunnel_are_a_breach(wire):
    stream = wire.open()
    wire.server.send_headers(stream.stream_id, [("x", "y")], end_stream=True)
    wire.turn()
    assert said(wire) == [("http2.frames", "HEADERS came on an open tunnel")]


@pytest.mark.parametrize("kind", [0, 1])
def test_frame_behind_the_end_is_told_by_its_type_and_by_h2(wire, kind):
    for _ in range(200):  # so that the number of the stream takes two octets
        stream = wire.open()
        wire.server.end_stream(stream.stream_id)
        stream.half_close()
        wire.turn()
    wire.client.data_received(b"\0\0\1" + bytes([kind, 4]) + stream.stream_id.to_bytes(4, "big") + b"\x88")
    assert said(wire)[0] == ("http2.frames", f"frame type {kind} came behind END_STREAM")
    assert {one for one, _ in said(wire)} == {"http2.frames"}


def test_fault_that_h2_finds_ends_the_connection_by_its_words(wire):
    stream = wire.open()
    wire.client.data_received(b"\0\0\0\0\0\0\0\0\0")  # DATA on stream 0
    ((rule, message),) = said(wire)
    assert rule == "http2.frames"
    name, _, fault = message.partition(": ")
    assert name.endswith("Error")
    assert wire.client.end == f"we ended it: {fault}"
    assert stream.end.kind == f"the HTTP/2 connection ended, we ended it: {fault}"
    wire.client.data_received(settings((8, 2)))
    assert len(wire.breaches) == 1


def test_octets_beyond_the_window_are_told_in_h2s_words(monkeypatch):
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    wire = Wire(window=20)
    stream = wire.open()
    wire.client.data_received(b"\0\0\x15\0\0" + stream.stream_id.to_bytes(4, "big") + bytes(21))
    ((rule, message),) = said(wire)
    assert rule == "http2.flow-control"
    assert message not in {"", "None"}
    assert wire.client.end == f"we ended it: {message}"


# Windows: what was read is given back, unless a test holds it.


@pytest.mark.parametrize("holding", [False, True])
def test_window_opens_for_what_was_read_unless_it_is_held(monkeypatch, holding):
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    wire = Wire(window=1000)
    stream = wire.open()
    if holding:
        stream.holding = True
    for _ in range(10):
        room = wire.server.local_flow_control_window(stream.stream_id)
        wire.server.send_data(stream.stream_id, bytes(min(room, 900)))
        wire.turn()
    assert stream.received == (1000 if holding else 9000)
    if holding:
        wire.client.release(stream, 300)
        wire.turn()
        assert wire.server.local_flow_control_window(stream.stream_id) == 300


def test_padding_and_empty_frames_carry_nothing_more(wire):
    stream = wire.open()
    wire.client.padded(stream, b"abc", 5)
    wire.client.padded(stream, b"", 0)
    seen = wire.turn()
    assert [(one.data, one.flow_controlled_length) for one in seen] == [(b"abc", 9), (b"", 1)]
    assert [one[1:4] for one in stream.transcript.entries[-2:]] == [
        ("sent", b"abc", "3 bytes, 5 of padding"),
        ("sent", b"", "0 bytes, 0 of padding"),
    ]


# The end.


@pytest.mark.parametrize(
    ("code", "last", "name", "begun"),
    [
        (ErrorCodes.NO_ERROR, 3, "NO_ERROR", [True, True]),
        (ErrorCodes.ENHANCE_YOUR_CALM, 1, "ENHANCE_YOUR_CALM", [True, False]),
        (0x1234, 0, "0x1234", [False, False]),
    ],
)
def test_goaway_ends_what_it_never_began(wire, code, last, name, begun):
    streams = [wire.open(), wire.open()]
    wire.client.data_received(b"\0\0\x08\7\0\0\0\0\0" + struct.pack("!II", last, code))
    assert wire.client.goaway == f"GOAWAY {name}, last stream {last}"
    assert [stream.end is None for stream in streams] == begun
    for stream in streams:
        assert notes(stream)[1] == f"received GOAWAY {name}, last stream {last}"
        if stream.end is not None:
            assert stream.end.kind == f"STREAM never begun, GOAWAY {name}, last stream {last}"


@pytest.mark.parametrize("code", [ErrorCodes.CANCEL, 0x1234])
def test_reset_by_the_server_is_told_by_its_code(wire, code):
    stream = wire.open()
    wire.client.data_received(b"\0\0\4\3\0" + stream.stream_id.to_bytes(4, "big") + struct.pack("!I", code))
    assert stream.end.kind == f"RST_STREAM {'CANCEL' if code == ErrorCodes.CANCEL else '0x1234'}"


@pytest.mark.parametrize(
    ("ends", "kind"),
    [
        (lambda link: link.eof_received(), "TCP ended (FIN)"),
        (lambda link: link.connection_lost(None), "TCP ended (FIN)"),
        (lambda link: link.connection_lost(OSError()), "TCP was reset (RST)"),
    ],
    ids=["fin", "closed", "reset"],
)
def test_first_end_of_tcp_is_the_end_of_all(wire, ends, kind):
    ended, stream = wire.open(), wire.open()
    wire.server.end_stream(ended.stream_id)
    wire.turn()
    ends(wire.client)
    wire.client.connection_lost(OSError())
    assert wire.client.end == kind
    assert (ended.end.kind, stream.end.kind) == ("END_STREAM", f"the HTTP/2 connection ended, {kind}")
    late = wire.client.request(extended_connect(wire.request), wire.request, "late")
    assert (late.end.kind, wire.turn()) == (f"the HTTP/2 connection ended, {kind}", [])
