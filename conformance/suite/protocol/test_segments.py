"""Frames in TCP segments of any size: RFC 6455 §6.2. Wherever a stream is cut, it means the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conformance.client.peer import fragments
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.protocol.packed import encoded, in_segments, in_shares, in_turn, named
from conformance.target.target import Target
from conformance.wire.frames import CLOSE, PING, TEXT, Frame, close_payload


@pytest.mark.requirement("framing.segmentation")
async def test_frames_byte_by_byte_are_read(target: Target) -> None:
    async with target.connect() as peer:
        data = Frame(PING, b"one byte at a time").encode()
        await in_segments(target, peer, [data[at : at + 1] for at in range(len(data))])
        await peer.expect_pong(b"one byte at a time")


@pytest.mark.requirement("framing.segmentation")
async def test_frame_cut_anywhere_is_read(target: Target) -> None:
    async def read(cuts: Sequence[int]) -> None:
        async with target.connect() as peer:
            for cut in cuts:
                data = Frame(PING, b"cut %03d" % cut).encode()
                await in_segments(target, peer, [data[:cut], data[cut:]])
                try:
                    await peer.expect_pong(b"cut %03d" % cut)
                except Nonconformance as error:
                    raise named(f"a Ping cut behind byte {cut}", error) from error

    await in_turn(range(1, 14), read)


@pytest.mark.requirement("framing.segmentation")
async def test_frames_of_one_stream_cut_anywhere_are_read(target: Target) -> None:
    payload = target.harmless()
    first, last = fragments([payload[:5], payload[5:]])

    async def read(cuts: Sequence[int]) -> None:
        async with target.connect(label="between") as between, target.connect() as peer:
            await peer.twin(first, last)
            begun, end = first, last
            if peer.objection is not None:  # then the message has no end, so that the application has no say
                peer.send(first)
                begun, end = replace(last, payload=first.payload, fin=False), replace(last, fin=False)
            for number, cut in enumerate(cuts, 1):
                mark = b"%03d" % cut
                data = encoded(Frame(PING, b"a" + mark), begun, Frame(PING, b"b" + mark), end)
                await in_segments(target, peer, [data[:cut], data[cut:]], between=between)
                try:
                    # In turn: of two Pings that wait, a server may answer the later alone (RFC 6455 §5.5.3).
                    await peer.expect_pong(b"b" + mark)
                    await peer.ping(b"behind" + mark)
                except Nonconformance as error:
                    await uncut(peer, [first] if peer.objection else [first, last], [begun, end] * number)
                    raise named(f"Ping, fragment, Ping, fragment cut behind byte {cut}", error) from error
                peer.inbox.clear()

    async def uncut(peer: Client, begin: list[Frame], rounds: list[Frame]) -> None:
        """Send the same frames uncut, for an application may object to so many messages."""
        if peer.speaks or peer.echoes:
            return
        async with target.connect(label="control") as control:
            try:
                control.send(*begin)
                for position in range(0, len(rounds), 2):
                    control.send(*rounds[position : position + 2])
                    await control.ping()
            except Nonconformance as error:
                raise Inconclusive(f"the control failed: uncut frames get {error.actual}") from error
            ending = await control.failing(control.limits.prompt)
            if ending.close is not None or ending.end is not None:
                raise Inconclusive(f"the control failed: uncut frames get {ending}")

    await in_shares(target, range(1, len(encoded(Frame(PING, b"a"), first, Frame(PING, b"b"), last))), read)


@pytest.mark.requirement("framing.segmentation")
async def test_close_byte_by_byte_is_read(target: Target) -> None:
    async with target.connect() as peer:
        data = Frame(CLOSE, close_payload(1000, "byte by byte")).encode()
        await in_segments(target, peer, [data[at : at + 1] for at in range(len(data))])
        peer.connection.close_sent = True
        await peer.expect_close_reply()


@pytest.mark.requirement("framing.long-segments")
@pytest.mark.parametrize("length", [126, 65536], ids=["16-bit-length", "64-bit-length"])
async def test_long_frame_cut_anywhere_in_its_head_is_read(target: Target, length: int) -> None:
    async def read(cuts: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for cut in cuts:
                content = peer.sized(length, f"cut-{cut:05}")
                data = Frame(TEXT, content).encode()
                await in_segments(target, peer, [data[:cut], data[cut:]])
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"a message of {length} bytes cut behind byte {cut}", error) from error

    head = len(Frame(TEXT, bytes(length)).encode()) - length
    await in_turn((*range(1, head + 3), head + length - 1), read)


@pytest.mark.requirement("framing.long-segments")
@pytest.mark.parametrize("size", [64, 997, 1460])
async def test_long_message_in_small_segments_is_read(target: Target, size: int) -> None:
    async with target.echoing() as peer:
        content = peer.sized(target.sizes.room(65536))
        data = Frame(TEXT, content).encode()
        await peer.send_slowly([data[at : at + size] for at in range(0, len(data), size)])
        await peer.expect_back(content)


@pytest.mark.requirement("framing.pipelined")
async def test_many_messages_in_one_write_are_as_many_messages(target: Target) -> None:
    async with target.echoing() as peer:
        # Lengths on both sides of each form's limit, next to each other and to many short ones.
        lengths = [length for step in range(40) for length in (80 + step, 126 + step % 3, 300 * step + 100)]
        lengths += [65535, 100, 65536, 101]
        lengths = [length for length in lengths if target.sizes.fits(length)]
        contents = [peer.sized(length, f"m{number:03}") for number, length in enumerate(lengths)]
        peer.send(*(Frame(TEXT, content) for content in contents))
        for number, content in enumerate(contents):
            try:
                await peer.expect_back(content)
            except Nonconformance as error:
                raise named(f"message {number + 1} of {len(contents)}", error) from error
