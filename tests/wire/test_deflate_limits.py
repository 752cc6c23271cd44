"""permessage-deflate at its limits: the last octet of a window, the longest message, the end of a stream."""

from __future__ import annotations

import zlib

import pytest

from conformance.wire import deflate
from conformance.wire.deflate import COARSE, TAIL, Agreement, Inflater, Unread

BITS = [9, 10, 14, 15]
FINAL = bytes.fromhex("f3 48 cd c9 c9 07 00")  # "Hello" in a block with BFINAL
HELLO = bytes.fromhex("f2 48 cd c9 c9 07 00")


class Block:
    """A block with fixed Huffman codes (RFC 1951 §3.2.6), written code by code."""

    def __init__(self):
        self.bits = "0" + "10"  # no BFINAL; BTYPE 01, its lowest bit first

    def literal(self, octet):
        assert octet < 144
        self.bits += f"{0x30 + octet:08b}"
        return self

    def match(self, length, distance):
        """Repeat 3 or 258 octets from a distance of 1, or of 257 to 1024."""
        self.bits += {3: f"{1:07b}", 258: f"{0b11000101:08b}"}[length]
        if distance == 1:
            self.bits += "00000"
            return self
        code, base, extra = next(one for one in ((16, 257, 7), (17, 385, 7), (18, 513, 8), (19, 769, 8))
                                 if one[1] <= distance < one[1] + 2 ** one[2])  # fmt: skip
        self.bits += f"{code:05b}" + f"{distance - base:0{extra}b}"[::-1]
        return self

    def payload(self):
        """End the block, append an empty one without compression, and take its last four octets away."""
        bits = self.bits + "0000000" + "000"
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def looking_back(before, distance):
    """Return a message of ``before`` octets and three from a ``distance``, and its content.

    All of it is in a few octets, so that nothing but the distance is a reason to look at them one by one.
    """
    block = Block().literal(before % 100)
    for _ in range((before - 1) // 258):
        block.match(258, 1)
    for _ in range((before - 1) % 258):
        block.literal(before % 100)
    return block.match(3, distance).payload(), bytes([before % 100]) * (before + 3)


@pytest.mark.parametrize("before", [512, 513, 514, 515, 600, 601, 1023, 1024])
def test_match_reaches_to_the_last_octet_of_the_window_and_no_further(before):
    inside, content = looking_back(before, 512)
    assert Inflater(Agreement(server_max_window_bits=9)).inflate(inside) == content
    if before == 512:
        return
    beyond, content = looking_back(before, 513)
    assert Inflater(Agreement(server_max_window_bits=10)).inflate(beyond) == content
    with pytest.raises(zlib.error, match="distance too far back"):
        Inflater(Agreement(server_max_window_bits=9)).inflate(beyond)


@pytest.mark.parametrize("bits", BITS)
def test_window_is_that_of_the_stream_and_not_of_a_message(bits):
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    first, content = looking_back(1023, 1)
    assert inflater.inflate(first) == content
    again, content = looking_back(1, 600)
    if bits == 9:
        with pytest.raises(zlib.error, match="distance too far back"):
            inflater.inflate(again)
    else:
        assert inflater.inflate(again) == content[:1] + bytes([1023 % 100]) * 3


@pytest.mark.parametrize("short", [0, 1, 2])
@pytest.mark.parametrize(("before", "distance"), [(300, 600), (2, 514), (509, 513)])
def test_short_messages_between_do_not_widen_the_window(short, before, distance):
    inflater = Inflater(Agreement(server_max_window_bits=9))
    long, _ = looking_back(1023, 1)
    inflater.inflate(long)
    for _ in range(short):
        assert inflater.inflate(HELLO) == b"Hello"
    beyond, _ = looking_back(before, distance)
    with pytest.raises(zlib.error, match="distance too far back"):
        inflater.inflate(beyond)


@pytest.mark.parametrize("first", [510, 511, 512, 513])
def test_window_that_one_message_just_fills_holds_in_the_next(first):
    whole, content = looking_back(first - 3, 1)
    beyond, _ = looking_back(3, 513)
    wide, narrow = (Inflater(Agreement(server_max_window_bits=bits)) for bits in (10, 9))
    assert wide.inflate(whole) == narrow.inflate(whole) == content
    assert len(wide.inflate(beyond)) == 6
    with pytest.raises(zlib.error, match="distance too far back"):
        narrow.inflate(beyond)


def long_match(distance):
    """Return a message that is soon beyond ``EXACT`` and then reaches back, and its length."""
    block = Block().literal(1)
    for _ in range(40):
        block.match(258, 1)
    return block.match(3, distance).payload(), 1 + 40 * 258 + 3


def test_window_holds_behind_the_exact_part_within_a_piece_that_inflates_to_much_more():
    payload, length = long_match(512)
    assert len(payload) < 100
    assert len(Inflater(Agreement(server_max_window_bits=9)).inflate(payload)) == length
    beyond, length = long_match(513 + COARSE)
    assert len(Inflater(Agreement(server_max_window_bits=10)).inflate(beyond)) == length
    with pytest.raises(zlib.error, match="distance too far back"):
        Inflater(Agreement(server_max_window_bits=9)).inflate(beyond)


# How much is read.


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("before", [1024, 9000])
def test_message_is_read_up_to_the_bound_and_the_next_one_too(bits, before, monkeypatch):
    monkeypatch.setattr(deflate, "MAX_INFLATED", before + 3)
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    longest, content = looking_back(before, 1)
    assert inflater.inflate(longest) == content
    assert inflater.inflate(HELLO) == b"Hello"
    assert inflater.inflate(longest) == content
    monkeypatch.setattr(deflate, "MAX_INFLATED", before + 2)
    with pytest.raises(Unread):
        inflater.inflate(longest)


@pytest.mark.parametrize("bits", BITS)
def test_longest_message_is_read_to_its_end_however_far_behind_its_content_that_is(bits, monkeypatch):
    monkeypatch.setattr(deflate, "MAX_INFLATED", 9003)
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    longest, content = looking_back(9000, 1)
    for _ in range(2):
        assert inflater.inflate(longest + (TAIL + b"\x00") * 40) == content
        assert inflater.inflate(HELLO) == b"Hello"


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("empty", [b"\x03\x00", FINAL], ids=["empty", "hello"])
def test_streams_in_one_message_are_read_up_to_the_bound(bits, empty, monkeypatch):
    monkeypatch.setattr(deflate, "MAX_STREAMS", 3)
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    content = b"" if empty != FINAL else b"Hello"
    for count in (1, 2, 3):
        assert inflater.inflate(empty * count + HELLO) == content * count + b"Hello"
    with pytest.raises(Unread):
        inflater.inflate(empty * 4 + HELLO)


# Where a message ends: there the next one begins, whatever the octets at its end.


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(
    ("ends", "content"),
    [
        pytest.param(FINAL + b"\x00", b"Hello", id="final"),
        pytest.param(FINAL, b"Hello", id="final-and-no-more"),
        pytest.param(b"\x03\x00\x00", b"", id="final-and-empty"),
        pytest.param(b"\x03\x00", b"", id="final-and-empty-and-no-more"),
        pytest.param(FINAL + b"\x03\x00", b"Hello", id="two-finals"),
        pytest.param(b"\x00", b"", id="empty"),
        pytest.param(b"\x02\x00", b"", id="empty-fixed"),
    ],
)
def test_message_leaves_the_stream_where_the_next_begins(bits, ends, content):
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    for _ in range(2):
        assert inflater.inflate(ends) == content
        assert inflater.inflate(HELLO) == b"Hello"


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("length", range(16 * 1024 - 6, 16 * 1024 + 3))
def test_message_whose_tail_stands_alone_is_read_to_its_end(bits, length):
    size = length - 6  # five octets before the stored ones, one behind
    content = b"x" * size
    stored = b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + content + b"\x00"
    assert len(stored) == length
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    for _ in range(2):
        assert inflater.inflate(stored) == content
    assert zlib.decompressobj(-15).decompress(stored + TAIL) == content
