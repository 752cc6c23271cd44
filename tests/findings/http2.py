"""Findings on WebSocket over HTTP/2, in cleartext with prior knowledge: frames put together by hand."""

from __future__ import annotations

from collections.abc import Callable

from tests.findings.exchange import Answer, Sent
from tests.findings.table import Finding

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
CLOSE = bytes.fromhex("88 82 00 00 00 00 03 e8")
UNMASKED = bytes.fromhex("81 02 68 69")
END_STREAM, END_HEADERS = 1, 4
# :status 200 in the static table (RFC 7541, appendix A).
STATUS_200 = b"\x88"
# SETTINGS_ENABLE_CONNECT_PROTOCOL = 1: before it has come no client may send :protocol (RFC 8441 §3).
ENABLED = bytes.fromhex("00 08 00 00 00 01")


def frame(kind: int, payload: bytes, stream: int, flags: int = 0) -> bytes:
    """Return a frame of HTTP/2 (RFC 9113 §4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def connect(stream: int, protocol: str = "websocket") -> bytes:
    """Return the HEADERS frame of an extended CONNECT, in plain literals (RFC 7541 §6.2.2)."""
    fields = {
        ":method": "CONNECT", ":protocol": protocol, ":scheme": "http", ":path": "/",
        ":authority": "127.0.0.1", "sec-websocket-version": "13",
    }  # fmt: skip
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())
    return frame(HEADERS, block, stream, END_HEADERS)


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, b"", 0)


def received(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Return the frames that came: type, flags, stream, payload."""
    found, at = [], 0
    while at + 9 <= len(data):
        end = at + 9 + int.from_bytes(data[at : at + 3], "big")
        found.append(
            (data[at + 3], data[at + 4], int.from_bytes(data[at + 5 : at + 9], "big"), data[at + 9 : end])
        )
        at = end
    return found


def invited(data: bytes) -> bool:
    """Whether the server has said that it knows extended CONNECT."""
    settings = (payload for kind, _, _, payload in received(data) if kind == SETTINGS)
    return any(payload[at : at + 6] == ENABLED for payload in settings for at in range(0, len(payload), 6))


def responses(data: bytes) -> int:
    """Return how many responses have come."""
    return sum(kind == HEADERS for kind, *_ in received(data))


def opened(answer: Answer) -> bool:
    """A stream was answered by ``:status 200``."""
    return any(kind == HEADERS and payload[:1] == STATUS_200 for kind, _, _, payload in received(answer.rest))


def closed(answer: Answer) -> bool:
    """A Close frame came."""
    return any(kind == DATA and payload[:1] == b"\x88" for kind, _, _, payload in received(answer.rest))


def ended(answer: Answer) -> bool:
    """A stream ended: by END_STREAM, by RST_STREAM, or with everything."""
    frames = received(answer.rest)
    over = any(
        kind == RST_STREAM or (kind in {DATA, HEADERS} and flags & END_STREAM) for kind, flags, *_ in frames
    )
    return over or answer.end in {"FIN", "RST"}


def _hypercorn(
    requirement: str,
    what: str,
    breach: Callable[[Answer], bool],
    opening: bytes,
    behind: bytes = b"",
    streams: int = 1,
) -> Finding:
    steps = ((PREFACE, invited), (opening, lambda data: responses(data) >= streams))
    sent = Sent(raw=steps, frames=behind, silence=2.0)
    return Finding(requirement, what, sent, breach, ("hypercorn",))


HTTP2 = (
    _hypercorn("http2.unknown-protocol", ":protocol x-conformance", opened, connect(1, "x-conformance")),
    _hypercorn(
        "http2.close", "a Close on a stream", lambda answer: closed(answer) and not ended(answer),
        connect(1), frame(DATA, CLOSE, 1),
    ),
    _hypercorn(
        "http2.masking", "an unmasked frame on a stream",
        lambda answer: opened(answer) and not closed(answer) and not ended(answer),
        connect(1), frame(DATA, UNMASKED, 1),
    ),
)  # fmt: skip
