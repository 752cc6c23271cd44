"""What a breach says: which field is at fault, what was seen there, and in which frame."""

from __future__ import annotations

import zlib

import pytest
from watched import ACCEPT, Watched

from conformance.wire import deflate, invariants
from conformance.wire.invariants import FRAGMENT

WRONG_FRAMES = [
    ("81 81 00 00 00 00 61", "MASK", "masked frame, header 81 81 00 00 00 00"),
    ("c1 01 61", "RSV1-3", "RSV bits 100 that no extension gives a meaning"),
    ("a1 01 61", "RSV1-3", "RSV bits 010 that no extension gives a meaning"),
    ("91 01 61", "RSV1-3", "RSV bits 001 that no extension gives a meaning"),
    ("83 00", "opcode", "reserved opcode 0x3"),
    ("8b 00", "opcode", "reserved opcode 0xB"),
    ("09 00", "FIN", "a fragmented control frame"),
    ("89 7e 00 7e" + "00" * 126, "payload length", "a control frame of 126 bytes"),
    ("81 7e 00 01 61", "payload length", "1 bytes in the 16-bit form"),
    ("82 7e 00 7d" + "00" * 125, "payload length", "125 bytes in the 16-bit form"),
    ("82 7f" + "00" * 6 + "ff ff" + "00" * 65535, "payload length", "65535 bytes in the 64-bit form"),
    ("80 01 61", "opcode", "a continuation frame with no message to continue"),
    ("01 01 61 81 01 62", "opcode", "a new message inside a fragmented one"),
    ("81 02 c3 28", "payload", "a text message is not UTF-8: c3 28"),
    ("81 32" + "ff" * 50, "payload", "a text message is not UTF-8:" + " ff" * 40),
    ("88 01 03", "payload", "a Close frame with a payload of one byte"),
    ("88 02 03 ed", "status code", "close code 1005 may not be sent"),
    ("88 03 03 e8 ff", "reason", "reason is not UTF-8: ff"),
    ("88 34 03 e8" + "ff" * 50, "reason", "reason is not UTF-8:" + " ff" * 40),
    ("88 00 81 01 61", "opcode", "opcode 0x1 after its own Close frame"),
]


@pytest.mark.parametrize(("wire", "part", "message"), WRONG_FRAMES, ids=[one[2][:40] for one in WRONG_FRAMES])
def test_breach_of_a_frame_names_the_field_and_what_it_says(wire, part, message):
    (breach,) = Watched().answer().frames(wire).breaches
    assert (breach.part, breach.message.partition(" (frame ")[0]) == (part, message)


WRONG_RESPONSES = [
    ("Upgrade", [], "Upgrade", "Upgrade is [], expected websocket"),
    ("Upgrade", ["Upgrade: Connection"], "Upgrade", "Upgrade is ['Connection'], expected websocket"),
    ("Connection", [], "Connection", "Connection is [], expected Upgrade"),
    ("Connection", ["Connection: close"], "Connection", "Connection is ['close'], expected Upgrade"),
    ("", ["nonsense"], "", "no header field: 'nonsense'"),
    ("", ["Upgrade websocket"], "", "no header field: 'Upgrade websocket'"),
    (
        "",
        ["Transfer-Encoding: chunked"],
        "Transfer-Encoding",
        "a 101 response has no body, yet Transfer-Encoding is set",
    ),
    ("", ["Content-Length: 0"], "Content-Length", "a 101 response has no body, yet Content-Length is 0"),
    (
        "Sec-WebSocket-Accept",
        ["Sec-WebSocket-Accept: x"],
        "Sec-WebSocket-Accept",
        f"Sec-WebSocket-Accept ['x'], expected '{ACCEPT}' once",
    ),
    ("", ["Sec-WebSocket-Protocol: other"], "Sec-WebSocket-Protocol", "chose 'other', of 2 offered"),
    (
        "",
        ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"],
        "Sec-WebSocket-Protocol",
        "chose 'chat', 'superchat', of 2 offered",
    ),
    (
        "",
        ["Sec-WebSocket-Protocol: eleven-char"],
        "Sec-WebSocket-Protocol",
        "chose 'eleven-char', of 2 offered",
    ),
    ("", ["Sec-WebSocket-Protocol: twelve-chars"], "Sec-WebSocket-Protocol", "chose 'twelve…', of 2 offered"),
    ("", ["Sec-WebSocket-Extensions: foo"], "Sec-WebSocket-Extensions", "foo was not offered"),
    (
        "",
        ["Sec-WebSocket-Extensions: foo bar"],
        "Sec-WebSocket-Extensions",
        "not an extension list: 'foo bar'",
    ),
    (
        "",
        ["Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"],
        "Sec-WebSocket-Extensions",
        "an extension is accepted twice: 'permessage-deflate, permessage-deflate'",
    ),
]


@pytest.mark.parametrize(
    ("without", "lines", "part", "message"), WRONG_RESPONSES, ids=[one[3][:40] for one in WRONG_RESPONSES]
)
def test_breach_of_a_response_names_the_header_field_and_what_it_says(without, lines, part, message):
    (breach,) = Watched().answer(*lines, without=without).breaches
    assert (breach.part, breach.message, breach.frame) == (part, message, b"")


def test_breach_of_the_status_line_names_it():
    (breach,) = Watched().answer(status="HTTP/1.0 101 Switching Protocols").breaches
    assert (breach.part, breach.message) == ("status line", "status line says HTTP/1.0")


def test_each_fault_of_a_response_is_a_breach_of_its_own():
    watched = Watched().answer("Content-Length: 3", "Transfer-Encoding: chunked", without="Connection")
    assert [breach.part for breach in watched.breaches] == [
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
    ]


@pytest.mark.parametrize(("letters", "more"), [(8, ""), (9, " …")])
def test_breach_shows_how_the_frame_begins(letters, more):
    wire = bytes([0x83, letters]) + b"a" * letters
    (breach,) = Watched().answer().frames("81 01 61 81 00" + wire.hex()).breaches
    shown = "83 0" + str(letters) + " 61" * 8 + more
    assert breach.message == f"reserved opcode 0x3 (frame 3, at byte 5 behind the response: {shown})"
    assert breach.frame == wire[:10]


@pytest.mark.parametrize(
    ("length", "wrong"), [(1 << 63, True), ((1 << 63) - 1, False), ((1 << 64) - 1, True)]
)
def test_length_of_64_bits_may_not_begin_with_a_one(length, wrong):
    watched = Watched().answer().frames("81 02 68 69")
    watched.monitor.overrun(length)
    said = f"the 64-bit length {length:#x} has its top bit set (in the frame at byte 4 behind the response)"
    found = [(one.part, one.message) for one in watched.breaches]
    assert found == ([("payload length", said)] if wrong else [])


def test_stream_that_does_not_inflate_is_a_fault_of_the_payload_and_no_message():
    watched = Watched().compressed().frames("c1 04 ff ff ff ff")
    (breach,) = watched.breaches
    assert breach.part == "payload"
    assert breach.message.startswith("a message does not inflate in the agreed window: Error -3")
    assert watched.messages == []


# The limits, from both sides.


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param("82 7d" + "00" * 125, id="125-in-7-bits"),
        pytest.param("82 7e ff ff" + "00" * 65535, id="65535-in-16-bits"),
        pytest.param("82 7f 00 00 00 00 00 01 00 00" + "00" * 65536, id="65536-in-64-bits"),
    ],
)
def test_shortest_form_of_each_length_is_right(wire):
    assert Watched().answer().frames(wire).breaches == []


@pytest.mark.parametrize(
    ("wire", "size"),
    [
        pytest.param("81 02 61 62", 2 + FRAGMENT, id="one-frame"),
        pytest.param("01 01 61 00 00 80 01 62", 2 + 3 * FRAGMENT, id="fragments"),
    ],
)
def test_message_is_read_up_to_the_bound_and_each_fragment_counts(monkeypatch, wire, size):
    monkeypatch.setattr(invariants, "MAX_MESSAGE", size)
    watched = Watched().answer().frames(wire)
    assert (watched.messages, watched.monitor.unread) == ([(1, b"ab")], "")
    monkeypatch.setattr(invariants, "MAX_MESSAGE", size - 1)
    watched = Watched().answer().frames(wire)
    assert watched.monitor.unread
    assert watched.messages == []


def test_message_begins_at_nothing_behind_another(monkeypatch):
    monkeypatch.setattr(invariants, "MAX_MESSAGE", 9 + FRAGMENT)
    watched = Watched().answer().frames("82 09" + "00" * 9 + "01 09" + "61" * 9 + "82 09" + "00" * 9)
    assert (watched.messages, watched.monitor.unread) == ([(2, bytes(9))] * 2, "")


def test_what_is_not_read_to_its_end_is_told_in_mebibytes(monkeypatch):
    monkeypatch.setattr(invariants, "MAX_MESSAGE", 3 << 20)
    watched = Watched().answer().frames("02 7f" + f"{3 << 20:016x}" + "00" * (3 << 20))
    assert watched.monitor.unread == "a message of more than 3 MiB without an end"
    assert (watched.messages, watched.breaches) == ([], [])


def test_what_inflates_to_more_than_is_read_is_no_breach(monkeypatch):
    monkeypatch.setattr(deflate, "MAX_INFLATED", 3 << 20)
    stream = zlib.compressobj(wbits=-15)
    payload = (stream.compress(bytes((3 << 20) + 1)) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    watched = Watched().compressed().frames(f"c2 7e {len(payload):04x} {payload.hex()}")
    assert watched.monitor.unread == "a message that inflates to more than 3 MiB"
    assert (watched.messages, watched.breaches) == ([], [])


def test_every_frame_is_counted():
    assert Watched().answer().frames("81 01 61 8a 00 88 00").monitor.checked == 3


# What a fault leaves behind: the next frame is judged on its own.


def test_continuation_of_nothing_is_no_message():
    assert Watched().answer().frames("80 01 61 81 01 62").messages == [(1, b"b")]


def test_message_inside_another_takes_its_place():
    assert Watched().answer().frames("01 01 61 82 01 62").messages == [(2, b"b")]


def test_message_behind_a_compressed_one_may_be_plain():
    watched = Watched().compressed().frames("c1 07 f2 48 cd c9 c9 07 00 01 02 48 65 80 03 6c 6c 6f")
    assert (watched.breaches, watched.messages) == ([], [(1, b"Hello"), (1, b"Hello")])


def test_compression_ends_where_the_next_response_does_not_agree_to_it():
    watched = Watched().compressed().answer().frames("c1 07 f2 48 cd c9 c9 07 00")
    assert watched.requirements == ["framing.server-reserved-bits", "utf8.server-text"]


@pytest.mark.parametrize("line", ["keep-alive ,Upgrade", "\tupgrade"])
def test_blanks_round_an_option_of_connection_mean_nothing(line):
    assert Watched().answer(f"Connection: {line}", without="Connection").breaches == []
