"""Text is UTF-8: RFC 6455 §8.1 and RFC 3629."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from conformance.client.nonce import nonce
from conformance.client.peer import describe, fragments
from conformance.core.errors import Nonconformance
from conformance.suite.protocol.packed import each, in_segments, in_turn, named
from conformance.suite.protocol.sequences import CUT, INVALID, KINDS, VALID
from conformance.target.target import Target
from conformance.wire.events import Close, Event, Pong
from conformance.wire.frames import CLOSE, CONTINUATION, PING, TEXT, Frame, close_payload

MIXED, HOLE = "é€😀κόσμε", "§"


@pytest.mark.requirement("utf8.valid-text")
@pytest.mark.parametrize("texts", VALID.values(), ids=VALID.keys())
async def test_valid_text_is_delivered_unchanged(target: Target, texts: list[str]) -> None:
    async with target.echoing() as peer:
        contents = [peer.carrying(text, f"t{number}") for number, text in enumerate(texts)]
        peer.send(*(Frame(TEXT, content) for content in contents))
        for text, content in zip(texts, contents, strict=True):
            try:
                await peer.expect_back(content)
            except Nonconformance as error:
                raise named(" ".join(f"U+{ord(one):04X}" for one in text), error) from error


@pytest.mark.requirement("utf8.split-character")
@pytest.mark.parametrize("sizes", [1, 2, 3], ids=lambda size: f"{size}-bytes-each")
async def test_characters_in_small_fragments_are_put_together(target: Target, sizes: int) -> None:
    async with target.echoing() as peer:
        content = peer.carrying(MIXED)
        peer.send_fragments([content[at : at + sizes] for at in range(0, len(content), sizes)])
        await peer.expect_back(content)


@pytest.mark.requirement("utf8.split-character")
async def test_characters_cut_anywhere_by_fragments_are_put_together(target: Target) -> None:
    async def come_back(cuts: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for cut in cuts:
                content = peer.carrying(MIXED, f"cut-{cut:02}")
                at = content.index(MIXED.encode()) + cut
                first, last = fragments([content[:at], content[at:]])
                peer.send(first, Frame(PING, b"\xff inside a character"), last)
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"{MIXED!r} cut behind byte {cut}", error) from error

    await in_turn(range(1, len(MIXED.encode())), come_back)


@pytest.mark.requirement("utf8.split-character")
async def test_characters_cut_anywhere_by_segments_are_put_together(target: Target) -> None:
    async def come_back(cuts: Sequence[int]) -> None:
        async with target.echoing() as peer:
            for cut in cuts:
                content = peer.carrying(MIXED, f"cut-{cut:02}")
                data = Frame(TEXT, content).encode()
                at = len(data) - len(content) + content.index(MIXED.encode()) + cut
                await in_segments(target, peer, [data[:at], data[at:]])
                try:
                    await peer.expect_back(content)
                except Nonconformance as error:
                    raise named(f"{MIXED!r} cut behind byte {cut}", error) from error

    await in_turn(range(1, len(MIXED.encode())), come_back)


def worded(target: Target, hole: bytes) -> bytes:
    """Return a harmless text with these bytes in the middle of it."""
    return target.harmless(f"before {HOLE} after").replace(HOLE.encode(), hole)


@pytest.mark.requirement("utf8.invalid-text")
@pytest.mark.parametrize("kind", INVALID)
async def test_invalid_text_fails_the_connection(target: Target, kind: str) -> None:
    async def fails(sequence: bytes) -> None:
        await expect_failure(target, lambda hole: [Frame(TEXT, said(hole))], sequence)

    def said(hole: bytes) -> bytes:
        words = worded(target, hole)
        return words if target.sizes.fits(len(words)) else hole

    await each(target, INVALID[kind], fails)


@pytest.mark.requirement("utf8.invalid-text")
@pytest.mark.parametrize("place", ["alone", "at-the-end", "before-nul"])
async def test_character_cut_fails_the_connection(target: Target, place: str) -> None:
    async def fails(sequence: bytes) -> None:
        around = {"alone": b"%b", "at-the-end": b"end: %b", "before-nul": b"%b\0"}[place]
        await expect_failure(target, lambda hole: [Frame(TEXT, around % hole)], sequence)

    await each(target, CUT, fails)


@pytest.mark.requirement("utf8.invalid-text")
async def test_invalid_byte_anywhere_in_a_long_text_fails_the_connection(target: Target) -> None:
    length = target.sizes.room(4096)

    async def fails(place: int) -> None:
        def text(hole: bytes) -> list[Frame]:
            number = nonce().encode()
            said = bytearray(b"x" * length)
            said[place : place + 1] = hole
            at = 100 if place < length // 2 else 0
            if length > at + len(number) + 100:
                said[at : at + len(number)] = number
            return [Frame(TEXT, bytes(said))]

        await expect_failure(target, text, b"\xff", b"x")

    await each(target, {f"at-{at}": at for at in (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, length - 1)}, fails)


@pytest.mark.requirement("utf8.invalid-text")
async def test_invalid_text_byte_by_byte_fails_the_connection(target: Target) -> None:
    async def fails(sequence: bytes) -> None:
        async with target.connect() as peer:
            await peer.twin(Frame(TEXT, worded(target, MIXED.encode())))
            content = worded(target, sequence)
            data = Frame(TEXT, content).encode()
            await peer.send_slowly([data[at : at + 1] for at in range(len(data))])
            await peer.expect_failed(code=1007, said=content)

    await each(target, KINDS, fails)


@pytest.mark.requirement("utf8.invalid-text")
async def test_invalid_text_with_a_frame_behind_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(TEXT, "€".encode()), Frame(PING, b"behind"))
        peer.send(Frame(TEXT, b"\xe2\x82"), Frame(PING, b"behind"))
        await peer.expect_failed(code=1007)


@pytest.mark.requirement("utf8.invalid-across-fragments")
async def test_invalid_text_cut_anywhere_fails_the_connection(target: Target) -> None:
    async def fails(case: tuple[bytes, int]) -> None:
        sequence, cut = case

        def cut_in_two(hole: bytes) -> list[Frame]:
            content = worded(target, hole)
            at = content.index(hole) + min(cut, len(hole))
            return fragments([content[:at], content[at:]])

        await expect_failure(target, cut_in_two, sequence)

    cases = {
        f"{name}-cut-behind-{cut}": (sequence, cut)
        for name, sequence in KINDS.items()
        for cut in range(len(sequence) + 1)
    }
    await each(target, cases, fails)


@pytest.mark.requirement("utf8.invalid-across-fragments")
@pytest.mark.parametrize("between", [pytest.param([], id="alone"), pytest.param([b""], id="empty-between")])
async def test_invalid_text_in_fragments_of_one_byte_fails_the_connection(
    target: Target, between: list[bytes]
) -> None:
    async def fails(sequence: bytes) -> None:
        def one_by_one(hole: bytes) -> list[Frame]:
            parts = [part for byte in hole for part in (bytes([byte]), *between)]
            return fragments([*parts, b" on %b" % nonce().encode()])

        await expect_failure(target, one_by_one, sequence)

    await each(target, KINDS, fails)


@pytest.mark.requirement("utf8.invalid-across-fragments")
async def test_character_cut_at_the_end_of_the_last_fragment_fails_the_connection(target: Target) -> None:
    async def fails(case: tuple[bytes, bool]) -> None:
        sequence, nothing = case

        def parts(hole: bytes) -> list[Frame]:
            before = b"ok %b " % nonce().encode()
            return fragments([before + hole, b""] if nothing else [before, hole])

        await expect_failure(target, parts, sequence)

    cases = {f"{name}-in-the-last": (sequence, False) for name, sequence in CUT.items()}
    cases |= {f"{name}-then-nothing": (sequence, True) for name, sequence in CUT.items()}
    await each(target, cases, fails)


@pytest.mark.requirement("utf8.fail-fast")
async def test_when_invalid_text_is_noticed_is_observed(target: Target) -> None:
    async with target.abused() as peer:
        await peer.twin(*fragments([target.harmless(MIXED)[:-8], target.harmless(MIXED)[-8:]]))
        peer.send(Frame(TEXT, b"ok \xff", fin=False), Frame(PING, b"behind"))
        event = await peer.take(is_pong_or_close, target.limits.reply)
        at_once = not isinstance(event, Pong)
        if not at_once:
            peer.send(Frame(CONTINUATION, b"end"))
            event = (await peer.ending()).close
        target.recorder.observe(f"{'at its first byte' if at_once else 'at its end'}: {describe(event)}")


def is_pong_or_close(event: Event) -> bool:
    """Whether an event tells where the server stands behind a begun text."""
    return isinstance(event, Close) or (isinstance(event, Pong) and event.payload == b"behind")


@pytest.mark.requirement("utf8.close-reason")
@pytest.mark.parametrize(
    "sequence",
    ["ff", "80", "c0 af", "ed a0 80", "f4 90 80 80", "e2 82"],
    ids=["byte-ff", "continuation", "overlong", "surrogate", "above-unicode", "cut"],
)
async def test_invalid_close_reason_is_an_error(target: Target, sequence: str) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(4000, b"reason " + bytes.fromhex(sequence))))
        await peer.expect_close_refused(sent=4000, code=1007)


@pytest.mark.requirement("utf8.close-reason")
async def test_close_reason_cut_by_its_limit_is_an_error(target: Target) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(4000, b"r" * 121 + b"\xe2\x82")))
        await peer.expect_close_refused(sent=4000, code=1007)


async def expect_failure(
    target: Target, message: Callable[[bytes], list[Frame]], wrong: bytes, right: bytes = MIXED.encode()
) -> None:
    """Expect that a text fails the connection; with what is ``right`` in place of ``wrong`` it is legal."""
    async with target.connect() as peer:
        await peer.twin(*message(right))
        peer.send(*message(wrong))
        await peer.expect_failed(code=1007)
