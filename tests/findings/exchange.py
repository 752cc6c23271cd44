"""A conversation over a raw socket: an opening handshake with one change, frames, what comes back."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
# For an answer of a busy machine; silence is only what lasts so long.
PATIENCE = 5.0
LINES = (
    "Host: 127.0.0.1:{port}",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)


@dataclass(frozen=True)
class Opening:
    """A legal opening handshake but for its request line, fields that are left out, and fields at its end."""

    line: str = "GET / HTTP/1.1"
    without: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def bytes(self, port: int) -> bytes:
        """Return the request."""
        kept = [one for one in LINES if one.partition(":")[0] not in self.without]
        lines = [self.line, *kept, *self.more]
        return ("\r\n".join(lines) + "\r\n\r\n").replace("{port}", str(port)).encode("latin-1")


@dataclass(frozen=True)
class Sent:
    """What is sent: an opening handshake, bytes in its own segment, and bytes behind the answer to it.

    With ``awaited`` the answer is read until so many bytes have come behind the response; without, until the
    end of TCP or until ``silence`` seconds are over. ``raw`` takes the handshake's place: bytes, each with
    what all that has come so far must fulfil before more is sent; behind the last of them go ``frames``.
    """

    opening: Opening = field(default_factory=Opening)
    at_once: bytes = b""
    frames: bytes = b""
    awaited: int = 0
    silence: float = 1.0
    raw: tuple[tuple[bytes, Callable[[bytes], bool]], ...] = ()


@dataclass(frozen=True)
class Answer:
    """The response's head, what came behind it, and how TCP ended, if it did."""

    head: bytes
    rest: bytes = b""
    end: str = ""

    @property
    def status(self) -> int:
        """The status code, 0 where none came."""
        words = self.head.split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else 0

    def field(self, name: str) -> str | None:
        """Return a header field's value, None where there is none."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def __str__(self) -> str:
        parts = [
            self.head.decode("latin-1").replace("\r\n", " | ") or "no response",
            self.rest.hex(" "),
            self.end,
        ]
        return "; ".join(part for part in parts if part)


def talk(port: int, sent: Sent) -> Answer:
    """Send, and return what came back."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
        if sent.raw:
            data, end = b"", ""
            for step, ready in sent.raw:
                one.sendall(step)
                data, end = _until(one, ready, data)
                if end:
                    return Answer(b"", data, end)
            one.sendall(sent.frames)
            return Answer(b"", *_read(one, data, sent))
        one.sendall(sent.opening.bytes(port) + sent.at_once)
        head, end = _until(one, lambda data: b"\r\n\r\n" in data)
        response, separator, rest = head.partition(b"\r\n\r\n")
        if not separator:
            return Answer(b"", head, end or "nothing more")
        if sent.frames:
            with contextlib.suppress(OSError):
                one.sendall(sent.frames)
        if sent.frames or sent.at_once:
            rest, end = _read(one, rest, sent)
        return Answer(response, rest, end)


def _until(one: socket.socket, ready: Callable[[bytes], bool], data: bytes = b"") -> tuple[bytes, str]:
    limit = time.monotonic() + PATIENCE
    while not ready(data):
        more, end = _some(one, limit)
        if end:
            return data, end
        data += more
    return data, ""


def _read(one: socket.socket, data: bytes, sent: Sent) -> tuple[bytes, str]:
    limit = time.monotonic() + (PATIENCE if sent.awaited else sent.silence)
    while not sent.awaited or len(data) < sent.awaited:
        more, end = _some(one, limit)
        if end:
            return data, end
        data += more
    return data, ""


def _some(one: socket.socket, limit: float) -> tuple[bytes, str]:
    try:
        one.settimeout(max(0.001, limit - time.monotonic()))
        data = one.recv(65536)
    except TimeoutError:
        return b"", "TCP open"
    except OSError:
        return b"", "RST"
    return data, "" if data else "FIN"
