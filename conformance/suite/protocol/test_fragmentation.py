"""Fragmentation: RFC 6455 §5.4."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from conformance.client.peer import fragments
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.protocol.packed import in_shares, named
from conformance.target.target import Target
from conformance.wire.frames import CONTINUATION, PING, PONG, TEXT, Frame

TEXTS = "x" * 40 + " é€😀"
SPLITS: dict[str, Callable[[bytes], list[bytes]]] = {
    "empty-first": lambda content: [b"", content],
    "empty-last": lambda content: [content, b""],
    "empty-between": lambda content: [content[:9], b"", b"", content[9:]],
    "empty-around": lambda content: [b"", content, b""],
    "one-byte-each": lambda content: [content[at : at + 1] for at in range(len(content))],
}


@pytest.mark.requirement("framing.reassembly")
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
async def test_fragments_become_one_message(target: Target, split: Callable[[bytes], list[bytes]]) -> None:
    async with target.echoing() as peer:
        content = peer.carrying(TEXTS)
        peer.send_fragments(split(content))
        await peer.expect_back(content)


@pytest.mark.requirement("framing.reassembly")
async def test_message_cut_anywhere_in_two_is_one_message(target: Target) -> None:
    async with target.echoing() as peer:
        longest = len(peer.carrying(TEXTS, "cut-000"))

    async def one_message(cuts: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for cut in cuts:
                content = peer.carrying(TEXTS, f"cut-{cut:03}")
                peer.send_fragments([content[:cut], content[cut:]])
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"two fragments cut behind byte {cut}", error) from error

    await in_shares(target, range(1, longest), one_message)


@pytest.mark.requirement("framing.reassembly")
@pytest.mark.parametrize("length", [125, 126, 65536], ids=lambda length: f"of-{length}")
async def test_fragments_of_long_lengths_become_one_message(target: Target, length: int) -> None:
    async with target.echoing() as peer:
        content = peer.sized(2 * length + 1, frame=length)
        peer.send_fragments([content[:length], content[length : 2 * length], content[2 * length :]])
        await peer.expect_back(content)


@pytest.mark.requirement("framing.reassembly")
async def test_fragments_with_control_frames_between_become_one_message(target: Target) -> None:
    async with target.echoing() as peer:
        content = peer.carrying(TEXTS)
        for position, frame in enumerate(fragments([content[:10], content[10:30], content[30:]])):
            peer.send(Frame(PONG, b"unasked"), frame)
            await peer.ping(b"between %d" % position)
        await peer.expect_back(content)


@pytest.mark.requirement("framing.reassembly")
async def test_two_fragmented_messages_in_one_write_are_two(target: Target) -> None:
    async with target.echoing() as peer:
        first, second = (peer.carrying(f"this is {name}", name) for name in ("one", "two"))
        peer.send(*fragments([first[:12], first[12:]]), *fragments([second[:3], second[3:]]))
        await peer.expect_back(first)
        await peer.expect_back(second)


@pytest.mark.requirement("framing.continuation-first")
@pytest.mark.parametrize("fin", [pytest.param(True, id="final"), pytest.param(False, id="not-final")])
async def test_continuation_of_nothing_fails_the_connection(target: Target, fin: bool) -> None:  # noqa: FBT001
    async with target.abused() as peer:
        # What a server takes it for that overlooks that nothing was begun, on a connection of its own.
        await peer.twin_apart(Frame(TEXT, target.harmless(), fin=fin))
        peer.send(Frame(CONTINUATION, target.harmless(), fin=fin))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.continuation-first")
async def test_continuation_after_a_finished_message_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        payload = target.harmless()
        await peer.twin(*fragments([payload[:4], payload[4:]]))
        if peer.objection is not None:
            raise Inconclusive(f"no message can be finished here: {peer.objection} to {peer.tried}")
        peer.send(Frame(CONTINUATION, target.harmless()))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.message-inside-message")
@pytest.mark.parametrize("fin", [pytest.param(True, id="final"), pytest.param(False, id="not-final")])
async def test_message_inside_a_message_fails_the_connection(target: Target, fin: bool) -> None:  # noqa: FBT001
    async with target.abused() as peer:
        payload = target.harmless()
        begun = Frame(TEXT, payload[:4], fin=False)
        await peer.twin_apart(begun, Frame(CONTINUATION, payload[4:], fin=fin))
        peer.send(begun, Frame(TEXT, target.harmless(), fin=fin))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-between-fragments")
async def test_ping_between_fragments_does_not_end_the_message(target: Target) -> None:
    async with target.connect() as peer:
        payload = target.harmless()
        await peer.twin(Frame(TEXT, payload))
        peer.send(Frame(TEXT, payload[:4], fin=False), Frame(PING, b"in between"))
        await peer.expect_pong(b"in between")
        if peer.objection is None:  # where the message is unwelcome, its end is the connection's
            peer.send(Frame(CONTINUATION, payload[4:]))
            await peer.ping(b"behind")
