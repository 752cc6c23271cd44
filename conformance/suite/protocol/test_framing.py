"""Base framing: RFC 6455 §5.1 to §5.3, and §6.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conformance.client.peer import fragments
from conformance.core.errors import Nonconformance
from conformance.suite.protocol.packed import in_shares, named
from conformance.target.target import Target
from conformance.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    LengthForm,
    close_payload,
)

RESERVED_BITS = [
    pytest.param((1, 0, 0), id="rsv1"),
    pytest.param((0, 1, 0), id="rsv2"),
    pytest.param((0, 0, 1), id="rsv3"),
    pytest.param((1, 1, 1), id="all"),
]
KEYS = [
    pytest.param(bytes(4), id="zeros"),
    pytest.param(b"\xff\xff\xff\xff", id="ones"),
    pytest.param(b"\x00\x00\x00\x01", id="last-octet"),
    pytest.param(b"\x80\x00\x00\x00", id="first-octet"),
]


def in_two(content: bytes) -> list[Frame]:
    """Return a text message in two fragments."""
    return fragments([content[:4], content[4:]])


@pytest.mark.requirement("framing.unmasked")
@pytest.mark.parametrize(
    "opcode",
    [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong"), pytest.param(TEXT, id="text")],
)
async def test_unmasked_frame_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, target.harmless()))
        peer.send(Frame(opcode, target.harmless(), mask=None))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.unmasked")
@pytest.mark.parametrize(
    "code", [pytest.param(4000, id="with-code"), pytest.param(1001, id="with-code-of-the-rfc")]
)
async def test_unmasked_close_is_not_answered_as_a_close(target: Target, code: int) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(code), mask=None))
        await peer.expect_close_refused(sent=code, code=1002)


@pytest.mark.requirement("framing.unmasked")
@pytest.mark.parametrize("masked_first", [pytest.param(True, id="last"), pytest.param(False, id="first")])
async def test_unmasked_fragment_fails_the_connection(target: Target, *, masked_first: bool) -> None:
    async with target.abused() as peer:
        await peer.twin(*in_two(target.harmless()))
        first, last = in_two(target.harmless())
        peer.send(*((first, replace(last, mask=None)) if masked_first else (replace(first, mask=None),)))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.unmasked")
async def test_unmasked_binary_frame_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        # No twin: an application may take no binary message at all, so that only a begun one is sent.
        peer.send(Frame(BINARY, b"begun", fin=False, mask=None))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.masking-key")
@pytest.mark.parametrize("key", KEYS)
async def test_any_masking_key_works(target: Target, key: bytes) -> None:
    async with target.connect() as peer:
        for size in range(9):
            payload = b"masked payload"[:size]
            peer.send(Frame(PING, payload, mask=key))
            await peer.expect_pong(payload)


@pytest.mark.requirement("framing.masking-key")
async def test_masked_payload_of_every_short_length_is_unmasked(target: Target) -> None:
    async def unmasked(sizes: Sequence[int]) -> None:
        async with target.connect() as peer:
            for size in sizes:
                payload = bytes((7 * size + 3 * at) % 128 for at in range(size))
                peer.send(Frame(PING, payload, mask=b"\x01\x7f\x80\xfe"))
                await peer.expect_pong(payload)

    await in_shares(target, range(126), unmasked)


@pytest.mark.requirement("framing.masking-key")
async def test_masked_bytes_that_read_as_http_are_a_payload(target: Target) -> None:
    async with target.connect() as peer:
        payload = b"GET /conformance HTTP/1.1\r\nHost: conformance.invalid\r\n\r\n"
        peer.send(Frame(PING, payload, mask=bytes(4)))
        await peer.expect_pong(payload)


@pytest.mark.requirement("framing.reserved-bits")
@pytest.mark.parametrize("bits", RESERVED_BITS)
async def test_close_with_a_reserved_bit_fails_the_connection(
    target: Target, bits: tuple[int, int, int]
) -> None:
    async with target.abused() as peer:
        rsv1, rsv2, rsv3 = map(bool, bits)
        peer.send(Frame(CLOSE, close_payload(4000), rsv1=rsv1, rsv2=rsv2, rsv3=rsv3))
        await peer.expect_close_refused(sent=4000, code=1002)


@pytest.mark.requirement("framing.reserved-bits")
@pytest.mark.parametrize("bits", RESERVED_BITS)
@pytest.mark.parametrize(
    "opcode",
    [pytest.param(PING, id="ping"), pytest.param(PONG, id="pong"), pytest.param(TEXT, id="text")],
)
async def test_reserved_bit_fails_the_connection(
    target: Target, opcode: int, bits: tuple[int, int, int]
) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, target.harmless()))
        peer.send(
            Frame(opcode, target.harmless(), rsv1=bool(bits[0]), rsv2=bool(bits[1]), rsv3=bool(bits[2]))
        )
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.reserved-bits")
@pytest.mark.parametrize("bits", RESERVED_BITS)
async def test_reserved_bit_of_a_continuation_fails_the_connection(
    target: Target, bits: tuple[int, int, int]
) -> None:
    async with target.abused() as peer:
        await peer.twin(*in_two(target.harmless()))
        first, last = in_two(target.harmless())
        rsv1, rsv2, rsv3 = map(bool, bits)
        peer.send(first, replace(last, rsv1=rsv1, rsv2=rsv2, rsv3=rsv3))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.reserved-bits")
@pytest.mark.parametrize("bits", RESERVED_BITS)
async def test_reserved_bit_of_a_binary_frame_fails_the_connection(
    target: Target, bits: tuple[int, int, int]
) -> None:
    async with target.abused() as peer:
        # No twin: an application may take no binary message at all, so that only a begun one is sent.
        rsv1, rsv2, rsv3 = map(bool, bits)
        peer.send(Frame(BINARY, b"begun", fin=False, rsv1=rsv1, rsv2=rsv2, rsv3=rsv3))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.reserved-opcode")
@pytest.mark.parametrize("opcode", [3, 11], ids=["0x3", "0xB"])
async def test_reserved_opcode_inside_a_message_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        first, last = in_two(target.harmless())
        await peer.twin(first, Frame(PING, b"between"), last)
        first, last = in_two(target.harmless())
        peer.send(first, Frame(opcode, b"between"), last)
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.reserved-opcode")
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15], ids=lambda code: f"0x{code:X}")
@pytest.mark.parametrize("payload", [pytest.param(b"", id="empty"), pytest.param(b"payload", id="payload")])
async def test_reserved_opcode_fails_the_connection(target: Target, opcode: int, payload: bytes) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(PING, payload))
        peer.send(Frame(opcode, payload))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.length-forms")
@pytest.mark.parametrize("length", [125, 126, 127, 128, 65535, 65536, 65537])
async def test_length_at_a_boundary_is_read(target: Target, length: int) -> None:
    async with target.echoing() as peer:
        content = peer.sized(length)
        peer.send(Frame(TEXT, content))
        await peer.expect_back(content)


@pytest.mark.requirement("framing.text-message")
async def test_text_of_every_short_length_comes_back(target: Target) -> None:
    async with target.echoing() as peer:
        shortest = max(len(peer.carrying("", "l000")), 1)

    async def come_back(lengths: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for length in lengths:
                content = peer.sized(length, f"l{length:03}")
                peer.send(Frame(TEXT, content))
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"a text of {length} bytes", error) from error

    end = 1 + target.sizes.room(max(shortest + 64, 131) - 1)
    await in_shares(target, range(shortest, end), come_back)


@pytest.mark.requirement("framing.length-top-bit")
@pytest.mark.parametrize("opcode", [pytest.param(TEXT, id="text"), pytest.param(BINARY, id="binary")])
async def test_length_with_its_top_bit_set_fails_the_connection(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(opcode, b""))  # what it is for a server that overlooks the bit
        peer.send(Frame(opcode, b"", length_form=64, declared_length=1 << 63))
        await peer.expect_failed(code={1002, 1009})


@pytest.mark.requirement("framing.length-not-minimal")
@pytest.mark.parametrize("form", [pytest.param(16, id="16-bit"), pytest.param(64, id="64-bit")])
@pytest.mark.parametrize("opcode", [pytest.param(TEXT, id="text"), pytest.param(PING, id="ping")])
async def test_longer_length_form_is_observed(target: Target, form: LengthForm, opcode: int) -> None:
    async with target.connect() as peer:
        peer.send(Frame(opcode, target.harmless(), length_form=form))
        peer.send(Frame(PING, b"after"))
        event = await peer.take(lambda e: getattr(e, "payload", None) == b"after", target.limits.reply)
        target.recorder.observe("accepted" if getattr(event, "payload", None) else "failed the connection")


@pytest.mark.requirement("framing.empty-message")
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([Frame(TEXT, b"")], id="one-frame"),
        pytest.param([Frame(TEXT, b"", fin=False), Frame(CONTINUATION, b"")], id="two-frames"),
    ],
)
async def test_empty_message_keeps_the_connection(target: Target, frames: list[Frame]) -> None:
    async with target.echoing() as peer:
        peer.send(*frames)
        await peer.ping()
        if peer.echoes:
            await peer.expect_back(b"")
        await peer.exchange("behind")
