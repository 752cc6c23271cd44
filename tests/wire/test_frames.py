"""Frames: every form encoded and read back, legal ones compared with the codec of `websockets`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from conformance.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameParser,
    apply_mask,
    close_payload,
    name_of,
)

KEY = bytes.fromhex("37 fa 21 3d")


def parse_one(data):
    (frame,) = FrameParser().feed(data)
    return frame


def parsed_by_websockets(data, *, mask):
    reader = StreamReader()
    reader.feed_data(data)
    parsing = TheirFrame.parse(reader.read_exact, mask=mask)
    try:
        next(parsing)
    except StopIteration as result:
        return result.value
    raise AssertionError("the frame is not whole")


# Encoding: the samples of RFC 6455 §5.7.


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        pytest.param(Frame(TEXT, b"Hello", mask=None), "81 05 48 65 6c 6c 6f", id="unmasked-text"),
        pytest.param(Frame(TEXT, b"Hello", mask=KEY), "81 85 37 fa 21 3d 7f 9f 4d 51 58", id="masked-text"),
        pytest.param(Frame(TEXT, b"Hel", fin=False, mask=None), "01 03 48 65 6c", id="first-fragment"),
        pytest.param(Frame(CONTINUATION, b"lo", mask=None), "80 02 6c 6f", id="last-fragment"),
        pytest.param(Frame(PING, b"Hello", mask=None), "89 05 48 65 6c 6c 6f", id="ping"),
        pytest.param(Frame(PONG, b"Hello", mask=KEY), "8a 85 37 fa 21 3d 7f 9f 4d 51 58", id="pong"),
    ],
)
def test_sample_of_the_rfc(frame, wire):
    assert frame.encode() == bytes.fromhex(wire)


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, "82 00"),
        (125, "82 7d"),
        (126, "82 7e 00 7e"),
        (65535, "82 7e ff ff"),
        (65536, "82 7f 00 00 00 00 00 01 00 00"),
    ],
)
def test_length_takes_its_shortest_form(length, head):
    encoded = Frame(BINARY, bytes(length), mask=None).encode()
    assert encoded == bytes.fromhex(head) + bytes(length)


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        pytest.param(Frame(TEXT, b"a", mask=None, length_form=16), "81 7e 00 01 61", id="16-bit-form"),
        pytest.param(
            Frame(TEXT, b"a", mask=None, length_form=64), "81 7f 00 00 00 00 00 00 00 01 61", id="64-bit-form"
        ),
        pytest.param(Frame(TEXT, b"a", mask=None, declared_length=5), "81 05 61", id="declares-too-much"),
        pytest.param(
            Frame(TEXT, mask=None, declared_length=1 << 63), "81 7f 80 00 00 00 00 00 00 00", id="top-bit"
        ),
        pytest.param(Frame(0xB, mask=None), "8b 00", id="reserved-opcode"),
        pytest.param(Frame(TEXT, mask=None, rsv1=True), "c1 00", id="rsv1"),
        pytest.param(Frame(TEXT, mask=None, rsv2=True), "a1 00", id="rsv2"),
        pytest.param(Frame(TEXT, mask=None, rsv3=True), "91 00", id="rsv3"),
        pytest.param(Frame(PING, fin=False, mask=None), "09 00", id="fragmented-ping"),
        pytest.param(Frame(PING, bytes(126), mask=None), "89 7e 00 7e" + "00" * 126, id="long-ping"),
        pytest.param(Frame(TEXT, b"a", mask=bytes(4)), "81 81 00 00 00 00 61", id="mask-of-zeros"),
    ],
)
def test_encoder_can_lie(frame, wire):
    assert frame.encode() == bytes.fromhex(wire)


def test_masking_key_is_fresh_in_each_frame():
    assert len({Frame(TEXT).mask for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("payload", "key", "masked"),
    [
        ("", "37 fa 21 3d", ""),
        ("48", "37 fa 21 3d", "7f"),
        ("00 00 00 00 00", "37 fa 21 3d", "37 fa 21 3d 37"),
        ("00 00 61", "00 00 00 00", "00 00 61"),
    ],
)
def test_mask_is_applied_octet_by_octet(payload, key, masked):
    assert apply_mask(bytes.fromhex(payload), bytes.fromhex(key)) == bytes.fromhex(masked)


@pytest.mark.parametrize(
    ("code", "reason", "wire"),
    [
        (None, b"", ""),
        (1000, b"", "03 e8"),
        (1001, "é", "03 e9 c3 a9"),
        (0, b"\xff", "00 00 ff"),
    ],
)
def test_close_payload(code, reason, wire):
    assert close_payload(code, reason) == bytes.fromhex(wire)


def test_close_code_of_any_two_bytes_needs_no_reason():
    assert [close_payload(code) for code in (999, 0x8000, 0xFFFF)] == [b"\x03\xe7", b"\x80\x00", b"\xff\xff"]


@pytest.mark.parametrize(("opcode", "name"), [(0x1, "Text"), (0xA, "Pong"), (0xB, "Reserved 0xB")])
def test_opcode_has_its_name(opcode, name):
    assert name_of(opcode) == name


# Parsing: what is wrong is kept.


def test_masked_frame_is_unmasked_and_its_key_kept():
    frame = parse_one(bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"))
    assert (frame.payload, frame.mask) == (b"Hello", KEY)
    assert frame.header == bytes.fromhex("81 85 37 fa 21 3d")


@pytest.mark.parametrize(
    ("wire", "rsv"),
    [
        ("c1 00", (True, False, False)),
        ("a1 00", (False, True, False)),
        ("91 00", (False, False, True)),
        ("f1 00", (True, True, True)),
    ],
)
def test_reserved_bits_are_kept(wire, rsv):
    assert parse_one(bytes.fromhex(wire)).rsv == rsv


@pytest.mark.parametrize(
    ("wire", "form"),
    [
        ("81 01 61", 7),
        ("81 7e 00 01 61", 16),
        ("81 7f 00 00 00 00 00 00 00 01 61", 64),
    ],
)
def test_form_of_the_length_is_kept(wire, form):
    frame = parse_one(bytes.fromhex(wire))
    assert (frame.length_form, frame.declared_length, frame.payload) == (form, 1, b"a")


@pytest.mark.parametrize("length", [125, 126, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000])
@pytest.mark.parametrize("mask", [KEY, None], ids=["masked", "unmasked"])
def test_frame_of_any_length_ends_where_the_next_begins(length, mask):
    sent = Frame(BINARY, bytes(length), mask=mask).encode()
    first, second = FrameParser().feed(sent + bytes.fromhex("89 00"))
    assert (first.declared_length, first.payload == bytes(length)) == (length, True)
    assert (second.opcode, second.time) == (PING, 0.0)


@pytest.mark.parametrize("wire", ["83 00", "87 00", "8b 00"])
def test_reserved_opcode_is_kept(wire):
    frame = parse_one(bytes.fromhex(wire))
    assert frame.opcode == int(wire[1], 16)


def test_fragmented_and_long_control_frame_is_kept():
    frame = parse_one(bytes.fromhex("09 7e 00 7e") + bytes(126))
    assert (frame.opcode, frame.fin, len(frame.payload)) == (PING, False, 126)


@pytest.mark.parametrize(
    ("wire", "code", "reason"),
    [
        ("88 00", None, b""),
        ("88 01 03", None, b""),
        ("88 02 03 e8", 1000, b""),
        ("88 04 03 e9 ff fe", 1001, b"\xff\xfe"),
    ],
)
def test_close_code_and_reason(wire, code, reason):
    frame = parse_one(bytes.fromhex(wire))
    assert (frame.close_code, frame.close_reason) == (code, reason)


STREAM = b"".join(
    [
        Frame(TEXT, b"Hello", mask=KEY).encode(),
        Frame(BINARY, bytes(126), mask=None).encode(),
        Frame(PING, mask=None).encode(),
        Frame(BINARY, b"abc", mask=KEY, length_form=64).encode(),
        Frame(CLOSE, close_payload(1000), mask=None).encode(),
    ]
)


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_stream_cut_at_any_byte_gives_the_same_frames(cut):
    parser = FrameParser()
    frames = parser.feed(STREAM[:cut]) + parser.feed(STREAM[cut:])
    assert frames == FrameParser().feed(STREAM)
    assert parser.pending == 0


def test_stream_of_single_bytes_gives_each_frame_at_its_last_byte():
    parser = FrameParser()
    counts = [len(parser.feed(STREAM[i : i + 1])) for i in range(len(STREAM))]
    assert [position for position, count in enumerate(counts) if count] == [10, 140, 142, 159, 163]


def test_time_of_arrival_is_kept():
    (frame,) = FrameParser().feed(bytes.fromhex("89 00"), 1.5)
    assert frame.time == 1.5


def test_unfinished_frame_is_pending():
    parser = FrameParser()
    assert parser.feed(bytes.fromhex("81 05 48 65")) == []
    assert parser.pending == 4


def test_declared_length_over_the_bound_is_an_overrun():
    parser = FrameParser(max_length=1000)
    assert parser.feed(bytes.fromhex("82 7e 03 e9")) == []
    assert parser.overrun == 1001


def test_declared_length_at_the_bound_is_none():
    parser = FrameParser(max_length=1000)
    (frame,) = parser.feed(bytes.fromhex("82 7e 03 e8") + bytes(1000))
    assert (len(frame.payload), parser.overrun) == (1000, None)


def test_nothing_is_parsed_behind_an_overrun():
    parser = FrameParser(max_length=1000)
    frames = parser.feed(bytes.fromhex("89 00  82 7f ff ff ff ff ff ff ff ff  89 00"))
    assert [frame.opcode for frame in frames] == [PING]
    assert (parser.overrun, parser.feed(bytes.fromhex("89 00"))) == (0xFFFF_FFFF_FFFF_FFFF, [])


# Against an independent codec, and against itself.

LEGAL = st.one_of(
    st.tuples(st.sampled_from([CONTINUATION, TEXT, BINARY]), st.binary(max_size=300), st.booleans()),
    st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125), st.just(value=True)),
    st.tuples(
        st.just(CLOSE),
        st.sampled_from([b"", close_payload(1000), close_payload(4999, "über")]),
        st.just(value=True),
    ),
)


@settings(deadline=None, max_examples=150)
@given(LEGAL, st.none() | st.binary(min_size=4, max_size=4))
def test_websockets_reads_what_we_write(parts, mask):
    opcode, payload, fin = parts
    encoded = Frame(opcode, payload, fin=fin, mask=mask).encode()
    theirs = parsed_by_websockets(encoded, mask=mask is not None)
    assert (theirs.opcode, bytes(theirs.data), theirs.fin) == (opcode, payload, fin)


@settings(deadline=None, max_examples=150)
@given(LEGAL, st.booleans())
def test_we_read_what_websockets_writes(parts, mask):
    opcode, payload, fin = parts
    frame = parse_one(TheirFrame(Opcode(opcode), payload, fin).serialize(mask=mask))
    assert (frame.opcode, frame.payload, frame.fin, frame.mask is not None) == (opcode, payload, fin, mask)


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536, 70001])
def test_unmasked_frame_is_byte_for_byte_that_of_websockets(size):
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert Frame(BINARY, payload, mask=None).encode() == TheirFrame(Opcode.BINARY, payload).serialize(
        mask=False
    )


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.builds(
            Frame,
            opcode=st.integers(0, 15),
            payload=st.binary(max_size=200),
            fin=st.booleans(),
            rsv1=st.booleans(),
            rsv2=st.booleans(),
            rsv3=st.booleans(),
            mask=st.none() | st.binary(min_size=4, max_size=4),
            length_form=st.sampled_from([None, 16, 64]),
        ),
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_every_frame_survives_the_round_trip(frames, step):
    wire = b"".join(frame.encode() for frame in frames)
    parser, found = FrameParser(), []
    for start in range(0, len(wire), step):
        found += parser.feed(wire[start : start + step])
    assert [(f.opcode, f.payload, f.fin, f.rsv, f.mask) for f in found] == [
        (f.opcode, f.payload, f.fin, (f.rsv1, f.rsv2, f.rsv3), f.mask) for f in frames
    ]
    assert b"".join(f.header + apply_mask(f.payload, f.mask or bytes(4)) for f in found) == wire
