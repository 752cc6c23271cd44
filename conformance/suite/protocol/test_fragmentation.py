"""Fragmentation: RFC 6455 §5.4."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from conformance.target.target import Target
from conformance.wire.frames import CONTINUATION, PING, TEXT, Frame
from conformance.wire.peer import fragments

MESSAGE = json.dumps({"type": "heartbeat", "id": "whole", "data": {"a": "x" * 40, "b": "é"}}).encode()
SPLITS = [
    pytest.param(lambda one: [one[:20], one[20:]], id="two"),
    pytest.param(lambda one: [b"", one], id="empty-first"),
    pytest.param(lambda one: [one, b""], id="empty-last"),
    pytest.param(lambda one: [one[:9], b"", b"", one[9:]], id="empty-between"),
    pytest.param(lambda one: [one[at : at + 1] for at in range(len(one))], id="one-byte-each"),
]


@pytest.mark.requirement("framing.reassembly")
@pytest.mark.parametrize("cut", SPLITS)
async def test_fragments_become_one_message(target: Target, cut: Callable[[bytes], list[bytes]]) -> None:
    async with target.connect() as peer:
        peer.send_fragments(cut(target.spoken(MESSAGE)))
        reply = await peer.reply_to("whole")
        sent = json.loads(MESSAGE)["data"]
        target.expect(
            reply.get("data") == sent,
            "a fragmented message came back changed",
            expected=[str(sent)],
            actual=str(reply),
        )


@pytest.mark.requirement("framing.reassembly")
async def test_fragments_with_control_frames_between_become_one_message(target: Target) -> None:
    async with target.connect() as peer:
        message = target.spoken(MESSAGE)
        for position, frame in enumerate(fragments([message[:10], message[10:30], message[30:]])):
            peer.send(frame)
            await peer.ping(b"between %d" % position)
        await peer.reply_to("whole")


@pytest.mark.requirement("framing.reassembly")
async def test_two_fragmented_messages_in_one_write_are_two(target: Target) -> None:
    async with target.connect() as peer:
        first, second = (
            target.spoken(json.dumps({"type": "heartbeat", "id": name, "data": {"n": name}}).encode())
            for name in ("one", "two")
        )
        peer.send(*fragments([first[:15], first[15:]]), *fragments([second[:3], second[3:]]))
        await peer.reply_to("one")
        await peer.reply_to("two")


@pytest.mark.requirement("framing.continuation-first")
@pytest.mark.parametrize("fin", [pytest.param(True, id="final"), pytest.param(False, id="not-final")])
async def test_continuation_of_nothing_fails_the_connection(target: Target, fin: bool) -> None:  # noqa: FBT001
    async with target.abused() as peer:
        peer.send(Frame(CONTINUATION, target.harmless(), fin=fin))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.continuation-first")
async def test_continuation_after_a_finished_message_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        payload = target.harmless()
        await peer.twin(*fragments([payload[:4], payload[4:]]))
        peer.send(Frame(CONTINUATION, b"more"))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.message-inside-message")
@pytest.mark.parametrize("fin", [pytest.param(True, id="final"), pytest.param(False, id="not-final")])
async def test_message_inside_a_message_fails_the_connection(target: Target, fin: bool) -> None:  # noqa: FBT001
    async with target.abused() as peer:
        payload = target.harmless()
        await peer.twin(*fragments([payload[:4], payload[4:]]))
        peer.send(Frame(TEXT, payload[:4], fin=False), Frame(TEXT, payload, fin=fin))
        await peer.expect_failed(code=1002)


@pytest.mark.requirement("framing.control-between-fragments")
async def test_ping_between_fragments_does_not_end_the_message(target: Target) -> None:
    async with target.connect() as peer:
        payload = target.harmless()
        peer.send(Frame(TEXT, payload[:4], fin=False), Frame(PING, b"in between"))
        await peer.expect_pong(b"in between")
        peer.send(Frame(CONTINUATION, payload[4:]))
        await peer.ping(b"behind")
