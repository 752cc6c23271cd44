"""The transcript: what it keeps, what it shows of it, and that secrets are not in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.wire.frames import BINARY, PING, TEXT, Frame
from conformance.wire.transcript import MAX_BYTES_SHOWN, MAX_ENTRIES, Transcript

SECRET = "alice-secret-7f3a"
KEY = bytes.fromhex("37 fa 21 3d")


def clean(text):
    return text.replace(SECRET, "[secret]")


def shown(data, direction="received"):
    transcript = Transcript("one")
    transcript.add(direction, data)
    (entry,) = transcript.as_data(clean)["entries"]
    return entry


def test_entries_keep_order_direction_and_time():
    transcript = Transcript("one")
    transcript.add("event", note="TCP made")
    transcript.add("sent", bytes.fromhex("89 00"))
    transcript.add("received", bytes.fromhex("8a 00"))
    data = transcript.as_data(clean)
    assert [entry["direction"] for entry in data["entries"]] == ["event", "sent", "received"]
    assert data["entries"][0]["summary"] == "TCP made"
    assert sorted(entry["t"] for entry in data["entries"]) == [entry["t"] for entry in data["entries"]]


@pytest.mark.parametrize(
    ("wire", "summary"),
    [
        ("81 05 48 65 6c 6c 6f", "Text fin=1 mask=0 len=5 'Hello'"),
        ("01 00", "Text fin=0 mask=0 len=0"),
        ("81 85 37 fa 21 3d 7f 9f 4d 51 58", "Text fin=1 mask=1 len=5 'Hello'"),
        ("c1 01 61", "Text fin=1 rsv=100 mask=0 len=1 'a'"),
        ("88 05 03 e8 62 79 65", "Close fin=1 mask=0 code=1000 reason='bye'"),
        ("88 01 03", "Close fin=1 mask=0 len=1 '\\x03'"),
        ("82 02 ff fe", "Binary fin=1 mask=0 len=2 ff fe"),
        ("89 00 8a 00", "Ping fin=1 mask=0 len=0; Pong fin=1 mask=0 len=0"),
    ],
)
def test_frame_is_described_on_one_line(wire, summary):
    assert shown(bytes.fromhex(wire))["summary"] == summary


def test_frame_is_annotated_field_by_field():
    entry = shown(bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), "sent")
    assert [(one["name"], one["value"]) for one in entry["fields"]] == [
        ("FIN", "1"),
        ("RSV1-3", "000"),
        ("opcode", "0x1 Text"),
        ("MASK", "1"),
        ("payload length", "5 (7-bit form)"),
        ("masking key", "37 fa 21 3d"),
        ("payload", "'Hello'"),
    ]
    assert entry["hex"] == "81 85 37 fa 21 3d 7f 9f 4d 51 58"


def test_close_frame_is_annotated_with_code_and_reason():
    fields = shown(bytes.fromhex("88 05 03 e8 62 79 65"))["fields"]
    assert [(one["name"], one["value"]) for one in fields[-2:]] == [
        ("status code", "1000"),
        ("reason", "'bye'"),
    ]


def test_http_is_shown_as_text():
    entry = shown(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
    assert entry["summary"] == "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket"
    assert "hex" not in entry


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x83\x00", id="reserved-opcode"),
        pytest.param(b"\x81\x05He", id="part-of-a-frame"),
        pytest.param(b"\x82\x7f" + b"\xff" * 8, id="endless-frame"),
        pytest.param(b"\x00", id="one-byte"),
    ],
)
def test_bytes_that_are_no_whole_frame_are_shown_as_hex(data):
    entry = shown(data)
    assert (entry["summary"], entry["hex"]) == (f"{len(data)} bytes", data.hex(" "))


# Caps.


def test_long_payload_is_elided():
    entry = shown(Frame(TEXT, b"a" * 5000, mask=None).encode())
    assert entry["summary"] == "5004 bytes"
    assert entry["hex"].endswith(" …")
    assert len(entry["hex"]) == MAX_BYTES_SHOWN * 3 - 1 + 2


def test_frame_up_to_the_cap_of_kept_bytes_is_still_described():
    entry = shown(Frame(TEXT, b"a" * 4000, mask=None).encode())
    assert entry["summary"] == f"Text fin=1 mask=0 len=4000 '{'a' * 160}'… (4000 bytes)"


def test_number_of_bytes_is_told_beyond_the_cap():
    assert shown(b"\x83" * 100_000)["summary"] == "100000 bytes"


def test_entries_beyond_the_cap_are_counted():
    transcript = Transcript("one")
    for _ in range(MAX_ENTRIES + 3):
        transcript.add("sent", bytes.fromhex("89 00"))
    data = transcript.as_data(clean)
    assert (len(data["entries"]), data["dropped"]) == (MAX_ENTRIES, 3)


def test_many_frames_in_one_segment_are_capped():
    entry = shown(bytes.fromhex("89 00") * 200)
    assert entry["summary"].count("Ping") == 20
    assert len([one for one in entry["fields"] if one["name"] == "opcode"]) == 4


def test_text_is_shown_as_text_wherever_it_is_cut():
    assert "éé" in shown(Frame(TEXT, b"a" + "é".encode() * 100, mask=None).encode())["summary"]


# Secrets.


def leaks(entry):
    """Whether any text of the entry, or the bytes that its hex digits stand for, hold the secret."""
    text = json.dumps(entry)
    return SECRET in text or SECRET.encode().hex(" ") in text


def test_secret_in_a_label_is_masked():
    assert Transcript(f"GET /?token={SECRET}").as_data(clean)["label"] == "GET /?token=[secret]"


def test_secret_in_an_event_is_masked():
    transcript = Transcript("one")
    transcript.add("event", note=f"sent {SECRET}")
    assert transcript.as_data(clean)["entries"][0]["summary"] == "sent [secret]"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f"GET /?token={SECRET} HTTP/1.1\r\nHost: h\r\n\r\n".encode(), id="request"),
        pytest.param(Frame(TEXT, SECRET.encode(), mask=None).encode(), id="text"),
        pytest.param(Frame(TEXT, SECRET.encode(), mask=KEY).encode(), id="masked-text"),
        pytest.param(Frame(PING, SECRET.encode(), mask=None).encode(), id="ping"),
        pytest.param(bytes.fromhex("88 13 03 e8") + SECRET.encode(), id="close-reason"),
        pytest.param(b"\x83" + SECRET.encode(), id="no-frame"),
        pytest.param(SECRET.encode() * 20, id="garbage"),
    ],
)
def test_secret_is_in_no_text_and_no_hex(data):
    assert not leaks(shown(data))


def test_masked_secret_cannot_be_unmasked_from_the_report():
    assert "hex" not in shown(Frame(TEXT, SECRET.encode(), mask=KEY).encode(), "sent")


def test_secret_among_other_bytes_is_in_no_summary():
    assert not leaks(shown(Frame(BINARY, b"\xff" + SECRET.encode(), mask=None).encode()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(Frame(TEXT, b"a" * 150 + SECRET.encode(), mask=None).encode(), id="payload"),
        pytest.param(b"GET /" + b"a" * 1006 + SECRET.encode() + b" HTTP/1.1\r\n\r\n", id="request"),
    ],
)
def test_cut_leaves_no_part_of_a_secret(data):
    assert SECRET[:10] not in json.dumps(shown(data))


def test_secret_with_an_apostrophe_is_masked():
    transcript = Transcript("one")
    transcript.add("received", Frame(TEXT, b'{"token":"o\'hara-7f3a"}', mask=None).encode())
    entries = transcript.as_data(lambda text: text.replace("o'hara-7f3a", "[secret]"))["entries"]
    assert "hara-7f3a" not in json.dumps(entries)


# Hostile bytes.


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes_make_a_report(chunks):
    transcript = Transcript("hostile")
    for chunk in chunks:
        transcript.add("received", chunk)
    json.dumps(transcript.as_data(clean))


def test_received_bytes_are_joined_in_their_order():
    transcript = Transcript("both ways")
    transcript.add("received", b"one ")
    transcript.add("sent", b"not this")
    transcript.add("event", note="nor this")
    transcript.add("received", b"two")
    assert transcript.received() == b"one two"


def test_http_in_a_payload_with_escape_sequences_is_still_data():
    entry = shown(b"GET /\x1b[31m\x00\xff HTTP/1.1\r\n\r\n")
    assert json.loads(json.dumps(entry)) == entry
