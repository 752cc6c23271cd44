"""A stream of HTTP/2 used as if it were TCP (RFC 8441 §5), and the request that opens it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from conformance.net.connection import Connection
from conformance.wire.handshake import Request, Response
from conformance.wire.invariants import Breach

# What HTTP/1.1 needs to switch protocols and HTTP/2 does not know (RFC 8441 §5).
LEFT_OUT = frozenset({"host", "upgrade", "connection", "sec-websocket-key"})
CONNECTION_SPECIFIC = frozenset(
    {"connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"}
)
_STATUS = re.compile(r"[0-9]{3}")
Fields = list[tuple[str, str]]
Report = Callable[[Breach], None]


class Http2Response(Response):
    """A response over HTTP/2: any 2xx to an extended CONNECT opens the tunnel (RFC 9110 §9.3.6)."""

    @property
    def upgraded(self) -> bool:
        """Whether the stream is a WebSocket from here on."""
        return 200 <= self.status < 300


def extended_connect(request: Request, *added: tuple[str, str], **pseudo: str | None) -> Fields:
    """Return the fields of an extended CONNECT that asks for what an HTTP/1.1 handshake asks for.

    Args:
        request: the HTTP/1.1 handshake.
        added: fields that follow the others as they are.
        pseudo: changes pseudo-header fields by their names without the colon; ``None`` leaves one out.

    """
    path = request.target if isinstance(request.target, str) else request.target.decode("latin-1")
    values: dict[str, str | None] = {
        "method": "CONNECT",
        "protocol": "websocket",
        "scheme": "http",
        "path": path,
        "authority": request.get("Host"),
    }
    values |= pseudo
    fields = [(f":{name}", value) for name, value in values.items() if value is not None]
    lines = [(name.lower(), value) for name, value in request.headers if name.lower() not in LEFT_OUT]
    return [*fields, *lines, *added]


class Link(Protocol):
    """The HTTP/2 connection, as far as one of its streams knows it."""

    def pump(self, stream: Stream) -> None:
        """Send what waits on a stream as far as the server's windows allow."""

    def reset(self, stream: Stream) -> None:
        """Send RST_STREAM with CANCEL."""


class Stream(Connection):
    """One stream of an HTTP/2 connection, used as if it were the TCP connection of RFC 6455 (RFC 8441 §5)."""

    beneath = "the stream"

    def __init__(self, link: Link, stream_id: int, label: str, report: Report) -> None:
        super().__init__(label, report)
        self.stream_id = stream_id
        self.pending: deque[bytes] = deque()
        self.ending = False
        self.holding = False
        self.received = 0
        self._link = link

    def responded(self, fields: Iterable[tuple[str, str]]) -> None:
        """Take the response's fields, judged against RFC 9113 §8.2.2 and RFC 8441 §5."""
        found = list(fields)
        status = next((value for name, value in found if name == ":status"), "")
        lines = [(name, value) for name, value in found if not name.startswith(":")]
        self.transcript.add("event", note=f"received HEADERS: {listed(found)}")
        response = Http2Response(
            int(status) if _STATUS.fullmatch(status) else 0, "", "HTTP/2", lines, repr(found).encode()
        )
        for breach in breaches_of(response):
            self._report(breach)
        if response.upgraded and self._request is not None:
            self._monitor.negotiated(self._request, response)
        self.response = response
        self._upgraded = response.upgraded
        self.transcript.answered = True
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Feed a DATA frame's content to the frame parser; behind a refusal it is a body."""
        self.received += len(data)
        self.transcript.add("received", data)
        if self.first_byte is None:
            self.first_byte = self.transcript.now()
        if self.response is None:
            return
        if self._upgraded:
            self._feed_frames(data)
        else:
            self.response.take(data)
        self._wake()

    def finish(self, kind: str) -> None:
        """Note the end of the stream, in HTTP/2's own words."""
        self._finish(kind)
        self._writable.set()

    def _say(self, data: bytes) -> None:
        # In a DATA frame of its own, or in several where the server's limits ask for it.
        if self._half_closed:
            return
        self.transcript.add("sent", data)
        self.pending.append(data)
        self._link.pump(self)

    def settle(self) -> None:
        """Let ``drain`` wait as long as something waits for the server's flow control window."""
        if self.pending and self.end is None:
            self.pause_writing()
        elif not self._writable.is_set():
            self.resume_writing()

    def half_close(self) -> None:
        """Send END_STREAM, which is what a FIN is to TCP, and keep reading."""
        self.transcript.add("event", note="we sent END_STREAM")
        self._half_closed = True
        self.ending = True
        self._link.pump(self)

    def reset(self) -> None:
        """Send RST_STREAM with CANCEL, which is what a RST is to TCP."""
        self.transcript.add("event", note="we sent RST_STREAM CANCEL")
        self._half_closed = True
        self._link.reset(self)

    @property
    def talking(self) -> bool:
        """Whether neither side has ended the stream, nor begun to close the WebSocket on it."""
        return self.end is None and not self._half_closed and not self.close_sent

    @property
    def ended_by_server(self) -> bool:
        """Whether the server has sent END_STREAM."""
        return self.end is not None and self.end.kind == "END_STREAM"

    def shut(self) -> None:
        """Leave the stream; one that has not ended on both sides is cancelled."""
        if not self._half_closed or self.end is None:
            self._half_closed = True
            self._link.reset(self)


def listed(fields: Iterable[tuple[str, str]]) -> str:
    """Return header fields on one line."""
    return ", ".join(f"{name}: {value}" for name, value in fields)


def breaches_of(response: Response) -> Iterator[Breach]:
    """Judge the fields of a response to an extended CONNECT (RFC 9113 §8.2; RFC 8441 §5).

    Yields:
        What it breaks.

    """
    wrong = []
    names = [name for name, _ in response.headers]
    for name in names:
        if name != name.lower():
            wrong.append(f"the field name {name!r} is not in lower case")
        elif name in CONNECTION_SPECIFIC:
            wrong.append(f"the field {name!r} belongs to HTTP/1.1 alone")
    if not 200 <= response.status <= 599:
        wrong.append(f":status is {response.status}")
    if response.upgraded and "content-length" in names:
        wrong.append("an open tunnel has no content-length")
    for message in wrong:
        yield Breach("http2.response-headers", message)
    if response.upgraded and "sec-websocket-accept" in names:
        yield Breach("http2.no-accept", "sec-websocket-accept is in the response")
