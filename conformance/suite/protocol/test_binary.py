"""Binary messages come back as they were sent, data and type: RFC 6455 §5.6, §6.2 and RFC 7692 §6.2."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from conformance.client.peer import fragments
from conformance.core.errors import Nonconformance
from conformance.suite.protocol.compression import compressed, packed
from conformance.suite.protocol.packed import in_turn, named
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.frames import BINARY, PING, TEXT, Frame

EVERY_BYTE = bytes(range(256))


@pytest.mark.requirement("framing.binary-message")
@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65535, 65536, 65537])
async def test_binary_message_comes_back_as_binary(target: Target, length: int) -> None:
    target.sizes.need(length, BINARY)
    async with target.echoing() as peer:
        payload = (EVERY_BYTE * (length // 256 + 1))[:length]
        peer.send(Frame(BINARY, payload))
        await peer.expect_back(payload, BINARY)


@pytest.mark.requirement("framing.binary-message")
async def test_binary_message_that_could_be_text_stays_binary(target: Target) -> None:
    async with target.echoing() as peer:
        payload = "é€😀 as good as any text".encode()
        peer.send(Frame(BINARY, payload))
        await peer.expect_back(payload, BINARY)
        peer.send(Frame(TEXT, payload))
        await peer.expect_back(payload, TEXT)


@pytest.mark.requirement("framing.binary-message")
async def test_binary_message_cut_anywhere_is_one_message(target: Target) -> None:
    async def come_back(cuts: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for cut in cuts:
                payload = EVERY_BYTE[192 - cut : 256 - cut]
                peer.send(*fragments([payload[:cut], payload[cut:]], BINARY))
                try:
                    await peer.expect_back(payload, BINARY)
                except Nonconformance as error:
                    raise named(f"two fragments cut behind byte {cut}", error) from error

    await in_turn(range(65), come_back)


@pytest.mark.requirement("framing.binary-message")
async def test_binary_fragments_of_one_byte_with_pings_between_are_one_message(target: Target) -> None:
    async with target.echoing() as peer:
        payload = EVERY_BYTE[-target.sizes.room(256, BINARY) :]
        for position, frame in enumerate(fragments([bytes([one]) for one in payload], BINARY)):
            # Not more of them: a server may give up a client that makes it owe many Pongs (RFC 6455 §10.4).
            peer.send(frame, *[Frame(PING, b"%d" % position)][: position % 8 == 7])
        await peer.expect_back(payload, BINARY)


@pytest.mark.requirement("deflate.binary-message")
async def test_compressed_binary_messages_come_back(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        deflater, noise = deflate.Deflater(agreement), random.Random(6455)  # noqa: S311
        for payload in (b"", EVERY_BYTE, bytes(65536), noise.randbytes(40_000), b"\xff\xfe" * 700):
            payload = payload[: target.sizes.room(len(payload), BINARY, compressed=True)]  # noqa: PLW2901
            peer.send(packed(deflater.deflate(payload), opcode=BINARY))
            try:
                await peer.expect_back(payload, BINARY)
            except Nonconformance as error:
                raise named(f"{len(payload)} compressed bytes", error) from error
