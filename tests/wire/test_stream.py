"""A stream of HTTP/2 in the place of TCP: its request, its response, its end, and what is written down."""

from __future__ import annotations

import asyncio

import h2.events
import pytest
from tied import Wire

from conformance.net.http2 import Http2Connection
from conformance.net.stream import extended_connect
from conformance.wire.handshake import MAX_BODY, opening


@pytest.fixture
def wire(monkeypatch) -> Wire:
    monkeypatch.setattr(Http2Connection, "_flush", lambda _self: None)
    return Wire()


def told(stream):
    return [(one.direction, one.data or one.note) for one in stream.transcript.entries]


# The request.


def test_request_says_what_http1_would_and_no_more():
    fields = extended_connect(opening("/ws/?a=1", "host:8", extra=[("Origin", "https://a")]), ("x-b", "c"))
    assert fields == [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/ws/?a=1"),
        (":authority", "host:8"),
        ("sec-websocket-version", "13"),
        ("origin", "https://a"),
        ("x-b", "c"),
    ]


def test_pseudo_header_fields_can_be_left_out():
    names = [name for name, _ in extended_connect(opening("/", "h"), path=None, protocol=None)]
    assert names == [":method", ":scheme", ":authority", "sec-websocket-version"]


def test_target_of_any_octets_is_the_path():
    fields = dict(extended_connect(opening(b"/\xff\x80", "h")))
    assert (fields[":path"], fields[":authority"]) == ("/\xff\x80", "h")


def test_request_without_a_host_has_no_authority():
    assert ":authority" not in dict(extended_connect(opening("/", "h").without("Host")))


# The response.


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (("upgrade", "websocket"), "the field 'upgrade' belongs to HTTP/1.1 alone"),
        (("connection", "close"), "the field 'connection' belongs to HTTP/1.1 alone"),
        (("transfer-encoding", "chunked"), "the field 'transfer-encoding' belongs to HTTP/1.1 alone"),
        (("Server", "x"), "the field name 'Server' is not in lower case"),
        (("content-length", "0"), "an open tunnel has no content-length"),
        (("sec-websocket-accept", "x"), "sec-websocket-accept is in the response"),
        (("server", "x"), None),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_response_is_judged(wire, header, said):
    wire.open(header)
    rule = "http2.no-accept" if header[0] == "sec-websocket-accept" else "http2.response-headers"
    assert [(one.requirement, one.message) for one in wire.breaches] == ([(rule, said)] if said else [])


@pytest.mark.parametrize(
    ("fields", "status", "wrong"),
    [
        ([(":status", "200")], 200, False),
        ([(":status", "299")], 299, False),
        ([(":status", "300")], 300, False),
        ([(":status", "599")], 599, False),
        ([(":status", "600")], 600, True),
        ([(":status", "199")], 199, True),
        ([(":status", "20")], 0, True),
        ([(":status", "2000")], 0, True),
        ([(":status", "٢٠٠")], 0, True),
        ([(":status", "")], 0, True),
        ([("status", "200")], 0, True),
        ([], 0, True),
    ],
)
def test_status_is_three_digits_that_mean_something(wire, fields, status, wrong):
    stream = wire.client.request(extended_connect(wire.request), wire.request, "test")
    stream.responded([*fields, ("server", "x")])
    assert (stream.response.status, stream.response.upgraded) == (status, 200 <= status < 300)
    assert stream.response.headers[-1] == ("server", "x")
    assert not [name for name, _ in stream.response.headers if name.startswith(":")]
    assert stream.response.line == f"HTTP/2 {status}"
    assert stream.response.head == repr([*fields, ("server", "x")]).encode()
    assert [one.message for one in wire.breaches] == ([f":status is {status}"] if wrong else [])
    assert stream.transcript.answered is True


def test_refusal_chooses_nothing_and_has_a_body(wire):
    stream = wire.open(("sec-websocket-protocol", "other"), ("content-length", "5"), status="403")
    wire.server.send_data(stream.stream_id, b"no ")
    wire.server.send_data(stream.stream_id, b"\x83\x00")
    wire.turn()
    assert (stream.response.upgraded, stream.response.body) == (False, b"no \x83\x00")
    assert (stream.received, wire.charged) == (5, [])
    stream.data_received(bytes(MAX_BODY))
    assert len(stream.response.body) == MAX_BODY


# What is written down.


def test_everything_on_a_stream_is_in_its_transcript(wire):
    stream = wire.open(("server", "x"))
    assert (stream.first_byte, stream.received) == (None, 0)
    stream.write(b"abc")
    wire.server.send_data(stream.stream_id, b"\x81\x01")
    wire.turn()
    first = stream.first_byte
    assert first is not None
    wire.server.send_data(stream.stream_id, b"a")
    wire.turn()
    assert stream.first_byte == first
    stream.half_close()
    wire.server.end_stream(stream.stream_id)
    wire.turn()
    heads = ", ".join(f"{name}: {value}" for name, value in extended_connect(wire.request))
    assert stream.transcript.label == "test · test"
    assert told(stream) == [
        ("event", f"sent HEADERS on stream 1: {heads}"),
        ("event", "received HEADERS: :status: 200, server: x"),
        ("sent", b"abc"),
        ("received", b"\x81\x01"),
        ("received", b"a"),
        ("event", "we sent END_STREAM"),
        ("received", "0"),
        ("event", "END_STREAM"),
    ]
    assert stream.received == 3


# Its end.


def ends(seen):
    kinds = {h2.events.StreamEnded: "END_STREAM", h2.events.StreamReset: "RST_STREAM"}
    return [kinds[type(one)] for one in seen if type(one) in kinds]


def test_stream_whose_half_is_closed_says_nothing_more(wire):
    stream = wire.open()
    assert stream.talking
    stream.half_close()
    assert not stream.talking
    assert ends(wire.turn()) == ["END_STREAM"]
    stream.write(b"late")
    assert (wire.turn(), stream.pending) == ([], type(stream.pending)())
    assert told(stream)[-1] == ("event", "we sent END_STREAM")
    assert not stream.ended_by_server


def test_end_waits_for_what_does_not_fit_the_window(wire):
    stream = wire.open()
    stream.write(bytes(70_000))
    stream.half_close()
    seen = wire.turn()
    assert ends(seen) == []
    for event in seen:
        wire.server.acknowledge_received_data(event.flow_controlled_length, stream.stream_id)
    assert ends(wire.turn()) == ["END_STREAM"]


def test_reset_is_said_once_and_ends_what_is_ours(wire):
    stream = wire.open()
    stream.reset()
    (event,) = wire.turn()
    assert (type(event), event.error_code) == (h2.events.StreamReset, 8)
    assert told(stream)[-1] == ("event", "we sent RST_STREAM CANCEL")
    stream.write(b"late")
    assert (wire.turn(), stream.talking) == ([], False)


@pytest.mark.parametrize(
    ("ours", "theirs", "cancelled"),
    [(False, False, True), (True, False, True), (False, True, True), (True, True, False)],
)
def test_stream_that_is_left_is_cancelled_unless_both_have_ended_it(wire, ours, theirs, cancelled):
    stream = wire.open()
    if ours:
        stream.half_close()
    if theirs:
        wire.server.end_stream(stream.stream_id)
    wire.turn()
    assert stream.ended_by_server is theirs
    stream.shut()
    stream.shut()
    stream.write(b"late")
    assert ends(wire.turn()) == ["RST_STREAM"] * cancelled
    assert ("sent", b"late") not in told(stream)


@pytest.mark.asyncio
async def test_drain_waits_for_the_window_and_no_longer_than_the_stream_lives(wire):
    async def passes(stream):
        waits = asyncio.ensure_future(stream.drain(60))
        await asyncio.sleep(0)  # the loop turns twice: once to begin the task, once to end it
        await asyncio.sleep(0)
        if not waits.done():
            waits.cancel()
            return False
        return waits.result() is None

    stream, other = wire.open(), wire.open()
    assert await passes(stream)
    stream.write(bytes(70_000))
    assert not await passes(stream)
    for event in wire.turn():
        wire.server.acknowledge_received_data(event.flow_controlled_length, stream.stream_id)
    wire.turn()
    assert await passes(stream)
    other.write(bytes(200_000))
    assert not await passes(other)
    wire.server.reset_stream(other.stream_id, 8)
    wire.turn()
    assert await passes(other)
