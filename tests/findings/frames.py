"""Findings behind the opening handshake: frames, compressed messages, and handshakes through nginx."""

from __future__ import annotations

from collections.abc import Callable

from tests.findings.exchange import Answer, Opening, Sent
from tests.findings.table import EVERYBODY, WSPROTO, Finding, refused

PING = bytes.fromhex("89 85 00 00 00 00 65 61 72 6c 79")
PONG = bytes.fromhex("8a 05 65 61 72 6c 79")
COMPRESSION = Opening(more=("Sec-WebSocket-Extensions: permessage-deflate",))
# "hi there", compressed, cut in two, masked with zeros.
FIRST = bytes.fromhex("41 84 00 00 00 00 ca c8 54 28")
SECOND = bytes.fromhex("80 86 00 00 00 00 c9 48 2d 4a 05 00")
EMPTY = bytes.fromhex("81 00")
IN_TWO_LINES = Opening(without=("Connection",), more=("Connection: keep-alive", "Connection: Upgrade"))
MASKED_EMPTY = bytes.fromhex("81 80 00 00 00 00")


def _aiohttp(
    requirement: str, what: str, frames: str, breach: str, opening: Opening | None = None
) -> Finding:
    wanted = bytes.fromhex(breach)
    sent = Sent(opening or Opening(), frames=bytes.fromhex(frames), awaited=len(wanted))
    return Finding(requirement, what, sent, _starts(wanted), ("aiohttp",), ("websockets",))


def _starts(wanted: bytes) -> Callable[[Answer], bool]:
    return lambda answer: answer.rest.startswith(wanted)


def _lost(answer: Answer) -> bool:
    """The message, in two fragments with a Ping in between, did not come back: TCP ended behind the Pong."""
    return answer.status == 101 and answer.end in {"FIN", "RST"} and len(answer.rest) <= len(PONG)


def _swallowed(answer: Answer) -> bool:
    """The Ping behind the empty message was answered, the message did not come back."""
    return PONG in answer.rest and EMPTY not in answer.rest.replace(PONG, b"")


FRAMES = (
    Finding(
        "handshake.early-data-once", "a Ping in the handshake's segment",
        Sent(at_once=PING, awaited=len(PONG)), lambda answer: answer.head.startswith(PONG),
        ("websockets",), ("uvicorn websockets-sansio", "aiohttp"),
    ),
    _aiohttp("framing.unmasked", "an unmasked Ping", "89 02 68 69", "8a 02 68 69"),
    _aiohttp("framing.unmasked", "an unmasked text", "81 02 68 69", "81 02 68 69"),
    _aiohttp("framing.unmasked", "an unmasked Close", "88 02 03 e8", "88 02 03 e8"),
    *(
        _aiohttp("closing.invalid-code", f"Close {int(code, 16)}", f"88 82 00 00 00 00 {code}", "88 02 03 e8")
        for code in ("03ee", "1388", "8000", "e803", "ffff")
    ),
    _aiohttp(
        "deflate.reserved-bit-control", "a Ping with RSV1", "c9 84 00 00 00 00 68 69 68 69",
        "8a 04 68 69 68 69", COMPRESSION,
    ),
    Finding(
        "deflate.compressed-message", "a Ping between two compressed fragments",
        Sent(COMPRESSION, frames=FIRST + PING + SECOND, awaited=len(PONG) + 3), _lost,
        (WSPROTO, "hypercorn"), ("websockets", "aiohttp", "ws"),
    ),
    Finding(
        "framing.empty-message", "an empty text, then a Ping",
        Sent(frames=MASKED_EMPTY + PING, awaited=len(EMPTY + PONG)), _swallowed,
        ("daphne",), tuple(one for one in EVERYBODY if one != "daphne"),
    ),
)  # fmt: skip
NGINX = (
    Finding(
        "handshake.connection-list", "keep-alive and Upgrade in two lines", Sent(IN_TWO_LINES), refused,
        ("nginx",), ("websockets",),
    ),
)  # fmt: skip
