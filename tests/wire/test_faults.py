"""Which field of a conversation is marked as the one at fault."""

from __future__ import annotations

import pytest

from conformance.core.errors import Nonconformance
from conformance.core.evidence import Happened, Kind, Told
from conformance.net.connection import Connection
from conformance.wire.ending import Ending, came
from conformance.wire.events import Close, End, Message, Pong
from conformance.wire.fault_marking import mark
from conformance.wire.frames import CLOSE, PONG, TEXT, Frame, close_payload
from conformance.wire.handshake import accept_for, opening
from conformance.wire.transcript import Transcript

ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: {}\r\n\r\n"
)
HELLO, CLOSED = Message(TEXT, b"hello", 1.0), Close(1000, b"", 1.0)


def faults(transcript):
    return [
        (at, field["name"], field["value"])
        for at, entry in enumerate(transcript.as_data(str)["entries"])
        for field in entry.get("fields", ())
        if field["fault"]
    ]


def heard(*segments, accept=None):
    """Return the transcript of a connection that received these segments behind its response."""
    breaches = []
    connection = Connection("GET /", breaches.append)
    connection._request = opening("/", "localhost")
    answer = ACCEPTED.format(accept or accept_for(connection._request.get("Sec-WebSocket-Key")))
    first, *others = segments or (b"",)
    connection.data_received(answer.encode() + first)
    for segment in others:
        connection.data_received(segment)
    assert breaches
    return connection.transcript


def frame(opcode, payload, **how):
    return Frame(opcode, payload, mask=None, **how).encode()


@pytest.mark.parametrize(
    ("segment", "name", "value"),
    [
        (Frame(TEXT, b"x", mask=bytes(4)).encode(), "MASK", "1"),
        (frame(TEXT, b"x", rsv2=True), "RSV1-3", "010"),
        (frame(3, b""), "opcode", "0x3 Reserved 0x3"),
        (frame(9, b"", fin=False), "FIN", "0"),
        (frame(CLOSE, close_payload(1005)), "status code", "1005"),
        (frame(TEXT, b"\xff"), "payload", "ff"),
    ],
)
def test_field_that_breaks_a_rule_is_marked_in_its_frame(segment, name, value):
    ordinary = frame(TEXT, b"before") * 6
    (marked,) = faults(heard(b"", ordinary + segment))
    assert (marked[1], marked[2]) == (name, value)


def test_response_and_the_frames_that_came_with_it_are_entries_of_their_own():
    made = heard(Frame(TEXT, b"x", mask=bytes(4)).encode())
    first, second = made.as_data(str)["entries"]
    assert first["summary"].startswith("HTTP/1.1 101")
    assert second["summary"] == "Text fin=1 mask=1 len=1 'x'"
    assert faults(made) == [(1, "MASK", "1")]


def test_header_field_of_the_response_is_marked():
    assert faults(heard(accept="wrong")) == [(0, "Sec-WebSocket-Accept", "wrong")]


def test_header_field_that_is_missing_is_said_to_be():
    made = Transcript("GET /")
    made.add("received", b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n\r\n")
    made.mark("Upgrade")
    assert faults(made) == [(0, "Upgrade", "missing")]


def test_frame_in_pieces_is_marked_as_bytes():
    whole = frame(TEXT, b"x" * 40, rsv3=True)
    ((at, name, value),) = faults(heard(b"", whole[:20], whole[20:]))
    assert (at, name, value) == (2, "RSV1-3", "in these bytes")


# What a test found itself.


def conversation():
    made = Transcript("GET /")
    made.add("received", b"HTTP/1.1 400 Bad Request\r\n\r\n")
    made.add("sent", Frame(PONG, b"ours").encode())
    made.add("received", frame(TEXT, b"hello"))
    made.add("received", frame(PONG, b"other"))
    made.add("received", frame(CLOSE, close_payload(1000)))
    return made


@pytest.mark.parametrize(
    ("actual", "marked"),
    [
        (Ending(close=CLOSED, end=End("fin", 1.0)), [(4, "status code", "1000")]),
        (Ending(close=CLOSED), []),
        (Told("Close 1002", Happened(Kind.CLOSE, 1002)), []),
        (Ending(before=[HELLO], close=CLOSED, end=End("fin", 1.0)), [(2, "payload", "'hello'")]),
        (came(HELLO), [(2, "payload", "'hello'")]),
        (came(Pong(b"other", 1.0)), [(3, "payload", "'other'")]),
        (
            Told("HTTP/1.1 400", Happened(Kind.RESPONSE, 400)),
            [(0, "status line", "HTTP/1.1 400 Bad Request")],
        ),
        (came(None), []),
        (came(End("fin", 1.0)), []),
        ("Close 1000", []),
    ],
    ids=str,
)
def test_what_came_back_is_marked_where_it_stands(actual, marked):
    made, aftermath = conversation(), Transcript("GET /")
    aftermath.aftermath = True
    aftermath.add("received", frame(CLOSE, close_payload(1000)))
    mark([made, aftermath], Nonconformance("it broke", actual=actual).of_case("a case").at)
    assert faults(made) == marked
    assert faults(aftermath) == []
