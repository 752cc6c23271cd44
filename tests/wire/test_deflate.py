"""permessage-deflate: the agreement is read, and the streams keep to it."""

from __future__ import annotations

import random
import zlib

import pytest

from conformance.wire.deflate import TAIL, Agreement, Deflater, Inflater, agreement

PLAIN = Agreement()


def noise(size):
    """Bytes that nothing compresses but their own repetition."""
    return random.Random(7692).randbytes(size)


def compressed(*parts, bits=15, flush=zlib.Z_SYNC_FLUSH):
    stream = zlib.compressobj(wbits=-bits)
    return [(stream.compress(part) + stream.flush(flush)).removesuffix(TAIL) for part in parts]


@pytest.mark.parametrize(
    ("header", "agreed"),
    [
        (None, None),
        ("", None),
        ("foo", None),
        ("foo bar", None),
        ("permessage-deflate", PLAIN),
        ("foo; a, permessage-deflate", PLAIN),
        ("permessage-deflate; server_max_window_bits=10", Agreement(server_max_window_bits=10)),
        ('permessage-deflate; server_max_window_bits="10"', Agreement(server_max_window_bits=10)),
        ("permessage-deflate; client_max_window_bits", PLAIN),
        ("permessage-deflate; server_max_window_bits=7", PLAIN),
        ("permessage-deflate; server_max_window_bits=16", PLAIN),
        ("permessage-deflate; server_max_window_bits=x", PLAIN),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Agreement(server_no_context_takeover=True, client_no_context_takeover=True),
        ),
        ("permessage-deflate; server_no_context_takeover", Agreement(server_no_context_takeover=True)),
    ],
)
def test_agreement_is_read(header, agreed):
    assert agreement(header) == agreed


@pytest.mark.parametrize("bits", range(8, 16))
def test_window_of_each_side_is_read(bits):
    sides = f"permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={23 - bits}"
    assert agreement(sides) == Agreement(server_max_window_bits=bits, client_max_window_bits=23 - bits)


# The samples of RFC 7692 §7.2.3.


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("f2 48 cd c9 c9 07 00", id="fixed-huffman"),
        pytest.param("00 05 00 fa ff 48 65 6c 6c 6f 00", id="stored"),
        pytest.param("f3 48 cd c9 c9 07 00 00", id="bfinal"),
        pytest.param("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", id="two-blocks"),
    ],
)
def test_sample_of_the_rfc(payload):
    assert Inflater(PLAIN).inflate(bytes.fromhex(payload)) == b"Hello"


def test_second_sample_needs_the_first_ones_window():
    inflater = Inflater(PLAIN)
    assert inflater.inflate(bytes.fromhex("f2 48 cd c9 c9 07 00")) == b"Hello"
    assert inflater.inflate(bytes.fromhex("f2 00 11 00 00")) == b"Hello"


def test_window_of_the_message_before_is_gone_without_takeover():
    inflater = Inflater(Agreement(server_no_context_takeover=True))
    inflater.inflate(bytes.fromhex("f2 48 cd c9 c9 07 00"))
    with pytest.raises(zlib.error):
        inflater.inflate(bytes.fromhex("f2 00 11 00 00"))


def test_message_behind_a_final_block_begins_a_new_stream():
    inflater = Inflater(PLAIN)
    for _ in range(3):
        assert inflater.inflate(bytes.fromhex("f3 48 cd c9 c9 07 00 00")) == b"Hello"


def test_message_of_two_final_blocks_is_whole():
    (one,) = compressed(b"Hel", flush=zlib.Z_FINISH)
    (other,) = compressed(b"lo", flush=zlib.Z_FINISH)
    assert Inflater(PLAIN).inflate(one + other + b"\x00") == b"Hello"


def test_bytes_that_are_no_deflate_stream_are_refused():
    with pytest.raises(zlib.error):
        Inflater(PLAIN).inflate(b"\xff\xff\xff\xff")


def test_window_larger_than_agreed_is_refused_across_messages():
    content = noise(2000)
    first, second = compressed(content, content, bits=15)
    inflater = Inflater(Agreement(server_max_window_bits=9))
    inflater.inflate(first)
    with pytest.raises(zlib.error, match="distance too far back"):
        inflater.inflate(second)


def test_window_larger_than_agreed_is_refused_within_a_message():
    content = noise(2000)
    (payload,) = compressed(content + content, bits=15)
    assert Inflater(PLAIN).inflate(payload) == content + content
    with pytest.raises(zlib.error, match="distance too far back"):
        Inflater(Agreement(server_max_window_bits=9)).inflate(payload)


@pytest.mark.parametrize("bits", range(9, 16))
def test_window_as_agreed_is_accepted(bits):
    content = noise(1 << (bits - 1)) * 3
    payloads = compressed(content, content, bits=bits)
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    assert [inflater.inflate(payload) for payload in payloads] == [content, content]


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_few_octets_that_say_much_are_inflated_whole(bits):
    content = bytes(1 << 20) + noise(100)
    (payload,) = compressed(content, bits=bits)
    assert len(payload) < 4096
    assert Inflater(Agreement(server_max_window_bits=bits)).inflate(payload) == content


@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("size", [0, 1, 50, 51, 52, 53, 54, 57, 58, 59, 60, 63, 64, 65, 122, 123, 124, 5000])
def test_stream_may_end_at_any_octet_and_another_begin(bits, size):
    content = noise(size)
    one, other = compressed(content, bits=bits, flush=zlib.Z_FINISH)[0], compressed(b"lo", bits=bits)[0]
    inflater = Inflater(Agreement(server_max_window_bits=bits))
    assert inflater.inflate(one + other) == content + b"lo"
    assert inflater.inflate(other) == b"lo"


@pytest.mark.parametrize("literals", range(9))
def test_stream_may_end_behind_a_match_that_fills_the_window(literals):
    # Literals of nine bits: each moves the end by one bit more.
    content = bytes(range(0xE0, 0xE0 + literals)) + noise(480) + noise(480)[100:140]
    stream = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED)
    one, (other,) = stream.compress(content) + stream.flush(), compressed(b"lo")
    assert Inflater(Agreement(server_max_window_bits=9)).inflate(one + other) == content + b"lo"


@pytest.mark.parametrize(
    ("before", "distance", "kept"),
    [
        (1000, 512, True),
        (1000, 513, False),
        (4000, 513, False),
        (6000, 512, True),
        (6000, 600, False),
        (20_000, 600, False),
    ],
)
def test_window_is_kept_to_its_last_octet_and_far_into_a_message(before, distance, kept):
    content = noise(before)
    again = content[-distance:][:100]
    plain = zlib.compressobj(0, wbits=-15)
    looks_back = zlib.compressobj(wbits=-15, zdict=content)
    payload = plain.compress(content) + plain.flush(zlib.Z_SYNC_FLUSH)
    payload += looks_back.compress(again) + looks_back.flush(zlib.Z_SYNC_FLUSH).removesuffix(TAIL)
    assert Inflater(PLAIN).inflate(payload) == content + again
    inflater = Inflater(Agreement(server_max_window_bits=9))
    if kept:
        assert inflater.inflate(payload) == content + again
    else:
        with pytest.raises(zlib.error, match="distance too far back"):
            inflater.inflate(payload)


def octet_by_octet(payload, bits):
    """Inflate by calls that put out one octet each: zlib then looks back to nothing but its window."""
    stream, content = zlib.decompressobj(-bits), bytearray()
    for at in range(len(payload)):
        piece = payload[at : at + 1]
        while not stream.eof:
            octet = stream.decompress(piece, 1)
            content += octet
            piece = stream.unconsumed_tail
            if not octet and not piece:
                break
    return bytes(content)


def outcome(inflate, *given):
    try:
        return inflate(*given)
    except zlib.error as error:
        return str(error).rpartition(":")[2]


@pytest.mark.parametrize("seed", range(40))
def test_window_is_kept_as_a_slow_inflater_keeps_it(seed):
    numbers = random.Random(seed)
    agreed = numbers.choice([9, 9, 9, 10])
    inflater, payloads = Inflater(Agreement(server_max_window_bits=agreed)), []
    strategy = numbers.choice([0, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE])
    # Half of the streams look back beyond what was agreed: some once, by an octet, some everywhere.
    written = agreed if seed % 2 else agreed + numbers.choice([1, 6])
    stream = zlib.compressobj(numbers.choice([1, 6, 9]), zlib.DEFLATED, -min(written, 15), 8, strategy)
    words = [bytes(numbers.choices(b"abcdefgh", k=numbers.randrange(3, 40))) for _ in range(60)]
    for _ in range(4):
        content = b"".join(numbers.choices(words, k=numbers.randrange(1, 60)))
        payloads.append(stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH))
    wanted = outcome(octet_by_octet, b"".join(payloads), agreed)
    found = outcome(lambda: b"".join(inflater.inflate(one.removesuffix(TAIL)) for one in payloads))
    assert found == wanted


@pytest.mark.parametrize("literals", range(1, 20))
@pytest.mark.parametrize(("distance", "kept"), [(512, True), (513, False)])
def test_window_is_kept_by_a_match_of_few_octets_wherever_it_begins(literals, distance, kept):
    # Literals of nine bits: each moves what follows by one bit more.
    content = b"x" * 3000 + noise(distance - literals) + bytes(range(0xE0, 0xE0 + literals))
    stream = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED)
    payload = stream.compress(content + content[-distance:][:5]) + stream.flush(zlib.Z_SYNC_FLUSH)
    found = outcome(Inflater(Agreement(server_max_window_bits=9)).inflate, payload.removesuffix(TAIL))
    assert (found == content + content[-distance:][:5]) == kept


@pytest.mark.parametrize("more", range(3, 40))
def test_window_is_kept_by_a_match_that_begins_while_another_finds_no_room(more):
    # The first match fills the window and goes on; the second begins behind it.
    content = noise(480) + noise(480)[100 : 132 + more]
    again = content[-513:][:5]
    stream = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED)
    payload = (stream.compress(content + again) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
    assert Inflater(PLAIN).inflate(payload) == content + again
    with pytest.raises(zlib.error, match="distance too far back"):
        Inflater(Agreement(server_max_window_bits=9)).inflate(payload)


# Ours, back through an inflater that reads the other side's parameters.


def mirrored(agreed):
    return Agreement(
        server_max_window_bits=agreed.client_max_window_bits,
        server_no_context_takeover=agreed.client_no_context_takeover,
    )


@pytest.mark.parametrize(
    "agreed",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(Agreement(client_no_context_takeover=True), id="no-takeover"),
        pytest.param(Agreement(client_max_window_bits=9), id="small-window"),
        pytest.param(Agreement(client_max_window_bits=8), id="smallest-window"),
        pytest.param(Agreement(client_max_window_bits=9, client_no_context_takeover=True), id="both"),
    ],
)
def test_deflated_messages_inflate_again(agreed):
    messages = [b"", b"Hello", b"Hello", noise(5000), noise(600) * 2, "é€😀".encode() * 200, b"Hello"]
    deflater, inflater = Deflater(agreed), Inflater(mirrored(agreed))
    assert [inflater.inflate(deflater.deflate(message)) for message in messages] == messages


def test_takeover_makes_the_repetition_short():
    deflater, content = Deflater(PLAIN), noise(500)
    first, second = deflater.deflate(content), deflater.deflate(content)
    assert len(second) < len(first) // 10


def test_without_takeover_each_message_stands_alone():
    deflater, content = Deflater(Agreement(client_no_context_takeover=True)), noise(500)
    first, second = deflater.deflate(content), deflater.deflate(content)
    assert first == second


def test_tail_is_removed():
    assert Deflater(PLAIN).deflate(b"Hello") == bytes.fromhex("f2 48 cd c9 c9 07 00")


def test_level_is_how_hard_it_is_tried():
    sizes = [len(Deflater(PLAIN, level).deflate(b"websocket" * 1000)) for level in (0, 1, 9)]
    assert sizes[0] > 9000 > sizes[1] >= sizes[2]
