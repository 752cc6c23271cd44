"""The HTTP/2 connection from the client's side: what it takes from a server, and what it charges."""

from __future__ import annotations

import struct

import pytest
from h2.settings import SettingCodes
from tied import Wire

from conformance.net.http2 import Http2Connection
from conformance.wire.events import Close, Message, Pong
from conformance.wire.frames import CLOSE, PONG, TEXT, Frame, close_payload


@pytest.fixture
def wire(monkeypatch) -> Wire:
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    return Wire()


def settings(value: int) -> bytes:
    return b"\0\0\6\4\0\0\0\0\0" + struct.pack("!HI", 8, value)


def test_answer_in_http1_is_garbage(wire):
    fresh = Http2Connection("test", wire.breaches.append)
    fresh.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert fresh.garbage == b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert fresh.end is not None
    assert not fresh.ready
    assert not wire.breaches


def test_announcement_is_read_in_its_order(wire):
    wire.server.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 1})
    wire.turn()
    assert wire.client.connect_protocol[-1] == 1
    assert not wire.charged


@pytest.mark.parametrize(
    ("values", "charged"),
    [([0, 1], []), ([1, 1], []), ([2], ["http2.settings"]), ([1, 0], ["http2.settings"])],
)
def test_announcement_is_judged(wire, values, charged):
    for value in values:
        wire.client.data_received(settings(value))
    assert wire.charged == charged
    assert wire.client.end is None


def test_stream_carries_frames_both_ways(wire):
    stream = wire.open()
    assert stream.response.upgraded
    stream.write(b"abc")
    assert [getattr(event, "data", None) for event in wire.turn()] == [b"abc"]
    whole = Frame(TEXT, b"hello", mask=None).encode() + Frame(PONG, b"p", mask=None).encode()
    for octet in whole:
        wire.server.send_data(stream.stream_id, bytes([octet]))
    wire.server.send_data(stream.stream_id, Frame(CLOSE, close_payload(1000), mask=None).encode(), True)  # noqa: FBT003
    wire.turn()
    assert [type(event) for event in stream._events] == [Message, Pong, Close]
    assert stream.end.kind == "END_STREAM"
    assert not wire.charged


def test_passive_invariants_hold_on_streams(wire):
    stream = wire.open(("sec-websocket-protocol", "other"))
    wire.server.send_data(stream.stream_id, Frame(TEXT, b"\xff").encode())
    wire.turn()
    assert wire.charged == ["handshake.subprotocol-from-offer", "framing.server-unmasked", "utf8.server-text"]


def test_reset_ends_its_stream_alone(wire):
    first, second = wire.open(), wire.open()
    wire.server.reset_stream(first.stream_id, 8)
    wire.turn()
    assert first.end.kind == "RST_STREAM CANCEL"
    assert second.end is None


def test_data_behind_the_end_is_a_breach(wire):
    stream = wire.open()
    wire.server.end_stream(stream.stream_id)
    stream.half_close()
    wire.turn()
    wire.client.data_received(b"\0\0\1\0\0" + stream.stream_id.to_bytes(4, "big") + b"x")
    assert wire.charged == ["http2.frames"]


def test_octets_beyond_the_window_are_a_breach(monkeypatch):
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    wire = Wire(window=20)
    stream = wire.open()
    wire.client.data_received(b"\0\0\x15\0\0" + stream.stream_id.to_bytes(4, "big") + bytes(21))
    assert wire.charged == ["http2.flow-control"]
    assert "we ended it" in wire.client.end


def test_what_does_not_fit_the_servers_window_waits(wire):
    stream = wire.open()
    stream.write(bytes(70_000))
    assert sum(len(data) for data in stream.pending) == 70_000 - 65_535
    seen = wire.turn()
    for event in seen:
        wire.server.acknowledge_received_data(event.flow_controlled_length, stream.stream_id)
    wire.turn()
    assert not stream.pending


def test_stream_that_was_given_up_is_read_no_further(monkeypatch, wire):
    monkeypatch.setattr("conformance.wire.allowance.MAX_FRAMES", 3)
    stream = wire.open()
    for _ in range(2):
        wire.server.send_data(stream.stream_id, Frame(PONG, b"", mask=None).encode() * 4)
        wire.turn()
    assert (stream.end.kind, stream.end.ours, len(stream.received_frames)) == ("more than 3 frames", True, 4)


def test_end_of_tcp_ends_every_stream(wire):
    stream = wire.open()
    wire.client.connection_lost(ConnectionResetError())
    assert stream.end.kind == "the HTTP/2 connection ended, TCP was reset (RST)"
    late = wire.client.request([], wire.request, "late")
    assert late.end is not None
