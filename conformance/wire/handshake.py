"""The opening handshake of RFC 6455 §4: requests that may be wrong in any way, responses as received."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS_LINE = re.compile(rb"(HTTP/\d\.\d) (\d{3})(?: (.*))?")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")
# CRLF CRLF, or what a recipient may take for it (RFC 9112 §2.2).
_END_OF_HEAD = re.compile(rb"\r\n\r\n|\n\r?\n")
MAX_HEAD = 64 * 1024
MAX_INTERIM = 1000  # responses whose status lines are kept
MAX_BODY = 1024 * 1024


def new_key() -> str:
    """Return a fresh ``Sec-WebSocket-Key``: 16 random bytes in base64."""
    return base64.b64encode(os.urandom(16)).decode()


def accept_for(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that proves ``key`` was read (RFC 6455 §4.2.2 step 5.4)."""
    # A fold round the value, where a server accepts one, is a blank too (RFC 9112 §5.2).
    return base64.b64encode(hashlib.sha1(_bytes(key.strip(" \t\r\n")) + GUID).digest()).decode()  # noqa: S324


def chunk_behind(data: bytes, *heads: Request | Response | None) -> str:
    """Return the size of a chunk of HTTP that stands where frames should; empty where there is none.

    Args:
        data: the first bytes behind a 101.
        heads: the request and the response; one has to announce a coding, or the bytes may be a frame.

    """
    chunk = CHUNK.match(data)
    coded = any(head is not None and head.get("Transfer-Encoding") for head in heads)
    return chunk[1].decode() if chunk is not None and coded else ""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as bytes will say it: header lines keep their order, case and repetition."""

    target: str | bytes
    headers: tuple[tuple[str, str], ...]
    method: str = "GET"
    version: str = "HTTP/1.1"
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the first value of a header, or ``None``."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def without(self, *names: str) -> Request:
        """Return the request without these headers."""
        gone = {name.lower() for name in names}
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() not in gone))

    def adding(self, *pairs: tuple[str, str]) -> Request:
        """Return the request with these header lines after its own."""
        return replace(self, headers=(*self.headers, *pairs))

    def setting(self, name: str, value: str) -> Request:
        """Return the request with one header's value changed in place, or added."""
        if self.get(name) is None:
            return self.adding((name, value))
        changed = tuple((key, value if key.lower() == name.lower() else old) for key, old in self.headers)
        return replace(self, headers=changed)

    def saying(self, **changes: object) -> Request:
        """Return the request with ``target``, ``method``, ``version`` or ``body`` changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def encode(self) -> bytes:
        """Return the request's bytes; header text beyond latin-1 goes out as UTF-8."""
        target = self.target if isinstance(self.target, bytes) else _bytes(self.target)
        lines = [_bytes(self.method) + b" " + target + b" " + _bytes(self.version)]
        lines += [_bytes(name) + b": " + _bytes(value) for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


def _bytes(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def opening(
    target: str | bytes,
    host: str,
    *,
    key: str | None = None,
    extra: Iterable[tuple[str, str]] = (),
) -> Request:
    """Return a legal opening handshake (RFC 6455 §4.1).

    Args:
        target: the request target: path and query.
        host: the value of the Host header.
        key: the value of Sec-WebSocket-Key; by default a fresh one.
        extra: header lines that follow the others.

    """
    headers = (
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key or new_key()),
        ("Sec-WebSocket-Version", "13"),
        *extra,
    )
    return Request(target, headers)


@dataclass(slots=True)
class Response:
    """A response head as received, and the body as far as it came."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    defects: list[str] = field(default_factory=list)
    bare: int = 0
    body: bytes = b""
    _values: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        if not self._values:  # asked for again and again, and complete by now
            for key, value in self.headers:
                self._values.setdefault(key.lower(), []).append(value)
        return [*self._values.get(name.lower(), ())]

    def get(self, name: str) -> str | None:
        """Return a header's values joined as one list, or ``None``."""
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def upgraded(self) -> bool:
        """Whether it switches to WebSocket; a 101 without Upgrade is taken for one, h2c is not."""
        protocol = self.get("Upgrade")
        return self.status == 101 and (protocol is None or "websocket" in protocol.lower())

    @property
    def content_length(self) -> int | None:
        """The body's length as it is declared; ``None`` where that is no number, or no length of anything."""
        declared = self.get("Content-Length")
        sane = declared is not None and declared.isdecimal() and len(declared) < 19
        return int(declared or 0) if sane else None

    @property
    def whole(self) -> bool:
        """Whether the whole body is there, as far as its length or its chunks can tell (RFC 9112 §6.3)."""
        if self.status in {204, 304} or len(self.body) >= MAX_BODY:
            return True
        if (self.get("Transfer-Encoding") or "").lower().endswith("chunked"):
            return _ends_with_chunks(self.body)
        size = self.content_length
        return size is not None and len(self.body) >= size

    def take(self, data: bytes) -> None:
        """Take what arrived of the body; behind ``MAX_BODY`` bytes it is not kept."""
        self.body += data[: MAX_BODY - len(self.body)]

    @property
    def line(self) -> str:
        """The status line, as a person reads it."""
        return f"{self.version} {self.status} {self.reason}".rstrip()


def _ends_with_chunks(body: bytes) -> bool:
    """Return whether a body in chunks has its last one and its trailer section ends (RFC 9112 §7.1)."""
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = body[at:end].partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            return False
        if int(size, 16) == 0:
            return body.find(b"\r\n\r\n", end) >= 0
        at = end + 2 + int(size, 16) + 2
    return False


class ResponseParser:
    """Read one response head; what follows it is left in ``rest``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.garbage: bytes | None = None
        self.rest = b""
        self.interim: deque[str] = deque(maxlen=MAX_INTERIM)

    @property
    def received(self) -> bytes:
        """What arrived while no head is complete."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> Response | None:
        """Return the response once its head is complete; interim responses but 101 are skipped."""
        if self.garbage is not None:
            return None
        self._buffer += data
        while self.garbage is None:
            found = _END_OF_HEAD.search(self._buffer)
            if not b"HTTP/".startswith(self._buffer[:5]) and not self._buffer.startswith(b"HTTP/"):
                self.garbage = bytes(self._buffer)
                return None
            if found is None:
                if len(self._buffer) > MAX_HEAD:
                    self.garbage = bytes(self._buffer[:256])
                return None
            head = bytes(self._buffer[: found.end()])
            del self._buffer[: found.end()]
            response = parse_head(head)
            if response is None:
                self.garbage = head
                return None
            if response.status == 101 or response.status >= 200:
                self.rest = bytes(self._buffer)
                return response
            self.interim.append(response.line)
        return None


def parse_head(head: bytes) -> Response | None:
    """Parse a response head; lines that are no header field are kept as defects.

    A head whose lines end with LF alone is read too, as RFC 9112 §2.2 allows; ``bare`` counts those lines.

    Returns:
        The response; ``None`` where the first line is not a status line.

    """
    bare = 0
    if head.endswith(b"\r\n\r\n"):
        first, *lines = head[:-4].split(b"\r\n")
    else:
        first, *lines = (line.removesuffix(b"\r") for line in head.split(b"\n")[:-2])
        bare = head.count(b"\n") - head.count(b"\r\n")
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        return None
    response = Response(
        status=int(match[2]),
        reason=(match[3] or b"").decode("latin-1"),
        version=match[1].decode(),
        headers=[],
        head=head,
        bare=bare,
    )
    for line in lines:
        # Taken apart by hand: an expression that strips blanks takes minutes for a line that is full of them.
        name, colon, value = line.partition(b":")
        if not colon or b"\n" in line or _FIELD_NAME.fullmatch(name) is None:
            response.defects.append(line.decode("latin-1"))
        else:
            response.headers.append((name.decode(), value.strip(b" \t").decode("latin-1")))
    return response


def parse_extensions(value: str) -> list[tuple[str, list[tuple[str, str | None]]]] | None:
    """Parse a ``Sec-WebSocket-Extensions`` value (RFC 6455 §9.1).

    Returns:
        (name, [(parameter, value or None), …]) for each extension; ``None`` when the value breaks the
        grammar.

    """
    found = []
    for element in _split(value, ","):
        if not element:
            continue
        name, *parameters = _split(element, ";")
        if TOKEN.fullmatch(name) is None:
            return None
        pairs: list[tuple[str, str | None]] = []
        for parameter in parameters:
            key, separator, raw = parameter.partition("=")
            key, raw = key.strip(" \t"), raw.strip(" \t")
            if len(raw) >= 2 and raw[0] == raw[-1] == '"':
                raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
            if TOKEN.fullmatch(key) is None or (separator and TOKEN.fullmatch(raw) is None):
                return None
            pairs.append((key, raw if separator else None))
        found.append((name, pairs))
    return found or None


def _split(value: str, separator: str) -> list[str]:
    """Return the parts of a value between separators that stand outside quoted strings."""
    parts, quoted, current = [], False, ""
    escaped = False
    for character in value:
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = quoted and character == "\\" and not escaped
        if character == separator and not quoted:
            parts.append(current.strip(" \t"))
            current = ""
        else:
            current += character
    parts.append(current.strip(" \t"))
    return parts
