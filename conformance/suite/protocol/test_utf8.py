"""Text is UTF-8: RFC 6455 §8.1 and RFC 3629."""

from __future__ import annotations

import json

import pytest

from conformance.target.target import Target
from conformance.wire.frames import CLOSE, PING, TEXT, Frame, close_payload
from conformance.wire.peer import fragments

VALID = {
    "1-byte-first-last": "\x20\x7e\x7f",
    "2-byte-first-last": "\u0080\u07ff",
    "3-byte-first-last": "\u0800\uffff",
    "4-byte-first-last": "\U00010000\U0010ffff",
    "around-surrogates": "\ud7ff\ue000",
    "noncharacters": "\ufffe\uffff\U0001fffe\U0010ffff",
    "byte-order-mark": "\ufeffx",
    "greek-word": "κόσμε",
    "emoji-with-joiner": "👩\u200d💻",
}
INVALID = {
    "lone-continuation-first": "80",
    "lone-continuation-last": "bf",
    "two-byte-cut": "c3",
    "two-byte-without-continuation": "c3 28",
    "three-byte-cut": "e2 82",
    "three-byte-without-continuation": "e2 28 a1",
    "four-byte-cut": "f0 9f 92",
    "four-byte-without-continuation": "f0 28 8c bc",
    "overlong-slash-2": "c0 af",
    "overlong-slash-3": "e0 80 af",
    "overlong-slash-4": "f0 80 80 af",
    "overlong-maximum-2": "c1 bf",
    "overlong-maximum-3": "e0 9f bf",
    "overlong-maximum-4": "f0 8f bf bf",
    "surrogate-first": "ed a0 80",
    "surrogate-last": "ed bf bf",
    "surrogate-pair": "ed a0 bd ed b8 80",
    "above-unicode": "f4 90 80 80",
    "five-byte": "f8 88 80 80 80",
    "six-byte": "fc 84 80 80 80 80",
    "byte-fe": "fe",
    "byte-ff": "ff",
    "valid-then-invalid": "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64",
}


@pytest.mark.requirement("utf8.valid-text")
@pytest.mark.parametrize("text", VALID.values(), ids=VALID.keys())
async def test_valid_text_is_delivered_unchanged(target: Target, text: str) -> None:
    async with target.connect() as peer:
        peer.send_text(heartbeat(target, text))
        await expect_back(target, await peer.reply_to("text"), text)


@pytest.mark.requirement("utf8.split-character")
@pytest.mark.parametrize(
    "text", [pytest.param("é€😀", id="2-3-4-bytes"), pytest.param("κόσμε", id="greek-word")]
)
async def test_characters_split_over_fragments_are_put_together(target: Target, text: str) -> None:
    async with target.connect() as peer:
        content = heartbeat(target, text)
        peer.send_fragments([content[at : at + 1] for at in range(len(content))])
        await expect_back(target, await peer.reply_to("text"), text)


@pytest.mark.requirement("utf8.split-character")
async def test_characters_split_over_segments_are_put_together(target: Target) -> None:
    async with target.connect() as peer:
        data = Frame(TEXT, heartbeat(target, "é€😀")).encode()
        await peer.send_slowly([data[at : at + 1] for at in range(len(data))])
        await expect_back(target, await peer.reply_to("text"), "é€😀")


@pytest.mark.requirement("utf8.invalid-text")
@pytest.mark.parametrize("sequence", INVALID.values(), ids=INVALID.keys())
async def test_invalid_text_fails_the_connection(target: Target, sequence: str) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(TEXT, target.harmless("é€😀")))
        peer.send(Frame(TEXT, b"before " + bytes.fromhex(sequence) + b" after"))
        await peer.expect_failed(code=1007)


@pytest.mark.requirement("utf8.invalid-text")
@pytest.mark.parametrize("cut", ["c3", "e2 82", "f0 9f 92"], ids=["2-byte", "3-byte", "4-byte"])
async def test_character_cut_at_the_end_fails_the_connection(target: Target, cut: str) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(TEXT, target.harmless("é€😀")))
        peer.send(Frame(TEXT, b"end: " + bytes.fromhex(cut)))
        await peer.expect_failed(code=1007)


@pytest.mark.requirement("utf8.invalid-text")
async def test_invalid_text_with_a_frame_behind_fails_the_connection(target: Target) -> None:
    async with target.abused() as peer:
        await peer.twin(Frame(TEXT, target.harmless("é€😀")), Frame(PING, b"behind"))
        peer.send(Frame(TEXT, b"\xe2\x82"), Frame(PING, b"behind"))
        await peer.expect_failed(code=1007)


@pytest.mark.requirement("utf8.invalid-across-fragments")
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"\xe2\x82", b"\x28"], id="broken-by-second"),
        pytest.param([b"ok", b"\xff"], id="second-invalid"),
        pytest.param([b"\xed", b"\xa0", b"\x80"], id="surrogate-byte-by-byte"),
        pytest.param([b"ok", b"\xf0\x9f\x92"], id="cut-at-the-end"),
    ],
)
async def test_invalid_text_across_fragments_fails_the_connection(target: Target, parts: list[bytes]) -> None:
    async with target.abused() as peer:
        content = target.harmless("é€😀")
        await peer.twin(*fragments([content[:-8], content[-8:]]))
        peer.send_fragments(parts)
        await peer.expect_failed(code=1007)


@pytest.mark.requirement("utf8.close-reason")
@pytest.mark.parametrize("sequence", ["ff", "ed a0 80", "e2 82"], ids=["byte-ff", "surrogate", "cut"])
async def test_invalid_close_reason_is_an_error(target: Target, sequence: str) -> None:
    async with target.abused() as peer:
        peer.send(Frame(CLOSE, close_payload(4000, b"reason " + bytes.fromhex(sequence))))
        await peer.expect_close_refused(sent=4000, code=1007)


def heartbeat(target: Target, text: str) -> bytes:
    """Return a heartbeat with the text in its raw UTF-8, not as JSON escapes where JSON allows it."""
    message = {"type": "heartbeat", "id": "text", "data": {"t": text}}
    return target.spoken(json.dumps(message, ensure_ascii=False).encode())


async def expect_back(target: Target, reply: dict[str, object], text: str) -> None:
    """Expect the text in a heartbeat's answer."""
    data = reply.get("data")
    target.expect(
        isinstance(data, dict) and data.get("t") == text,
        "text came back changed",
        expected=[repr(text)],
        actual=repr(data),
    )
