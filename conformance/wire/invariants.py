"""Passive invariants: rules that every byte of a server keeps, whatever is being tested.

A :class:`Monitor` watches one connection. It never stops anything; a breach is reported under the
requirement it breaks, and charged there wherever in the run it was seen.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.spec import registries
from conformance.wire import deflate, handshake
from conformance.wire.frames import (
    CLOSE,
    CONTINUATION,
    CONTROL_OPCODES,
    DATA_OPCODES,
    MAX_LENGTH,
    TEXT,
    ReceivedFrame,
)


@dataclass(frozen=True, slots=True)
class Breach:
    """One requirement seen broken, with what was seen.

    ``part`` names the field of the frame, or of the response, that is at fault; ``frame`` is how the frame
    begins. ``kind`` is what is the same in every run: the message without the bytes, and where they stood.
    """

    requirement: str
    message: str
    part: str = field(default="", compare=False)
    frame: bytes = field(default=b"", compare=False)
    kind: str = field(default="", compare=False)


_SENDABLE = registries.valid_close_codes()
MAX_MESSAGE = MAX_LENGTH
FRAGMENT = 256  # bytes that each fragment counts as, were it empty: it costs us as much
MOST_TOLD, LONGEST = 3, 300  # of lines that are no header field: a head may hold thousands


def valid_close_code(code: int) -> bool:
    """Return whether a status code may stand in a Close frame (RFC 6455 §7.4 and the dated registry)."""
    return code in _SENDABLE


class Monitor:
    """Judge the server's side of one connection, frame by frame.

    ``report`` is called with each :class:`Breach`; ``on_message`` with opcode and content of each whole
    data message, inflated where compression is in force. ``unread`` says why a message is not read to its
    end: nothing that follows it can be judged.
    """

    def __init__(self, report: Callable[[Breach], None], on_message: Callable[[int, bytes], None]) -> None:
        self._report = report
        self._on_message = on_message
        self._inflater: deflate.Inflater | None = None
        self._opcode: int | None = None
        self._compressed = False
        self._parts: list[bytes] = []
        self._size = 0
        self.unread = ""
        self._closed = False
        self._judged: ReceivedFrame | None = None
        self._frame_at = 0
        self._offset = 0
        self.checked = 0

    def _breach(self, requirement: str, message: str, part: str, where: str = "", kind: str = "") -> None:
        frame, begins = self._judged, b""
        if frame is not None:
            # Where to look: in the transcript, or in a capture of one's own.
            begins = frame.header + frame.payload[:8]
            more = " …" if len(frame.payload) > 8 else ""
            place = f"frame {self.checked}, at byte {self._frame_at} behind the response"
            where = where or f" ({place}: {begins.hex(' ')}{more})"
        self._report(Breach(requirement, message + where, part, begins, kind or message))

    def overrun(self, length: int) -> None:
        """Judge a declared length that no parser waits for: its most significant bit has to be 0."""
        if length >= 1 << 63:
            self._breach(
                "framing.server-minimal-length",
                f"the 64-bit length {length:#x} has its top bit set",
                "payload length",
                f" (in the frame at byte {self._offset} behind the response)",
            )

    def response(self, request: handshake.Request, response: handshake.Response) -> None:
        """Judge a 101 response against the request it answers (RFC 6455 §4.2.2 step 5).

        A request that asks for no WebSocket, or asks for it in a way that has to be refused, has no right
        answer among 101 responses: that it was upgraded at all is another requirement's failure.
        """
        if response.status != 101 or not _asks_for_websocket(request, response):
            return
        for part, message in check_upgrade_headers(response):
            self._breach("handshake.response-headers", message, part)
        key = request.get("Sec-WebSocket-Key") or ""
        expected = handshake.accept_for(key)
        given = response.all("Sec-WebSocket-Accept")
        # A key that is folded over two lines may be read with its space: no other part of the rule is broken.
        if given != [expected] and "\n" not in key:
            self._breach(
                "handshake.accept-value",
                f"Sec-WebSocket-Accept {given}, expected {expected!r} once",
                "Sec-WebSocket-Accept",
                kind=f"{len(given)} Sec-WebSocket-Accept, not the one that is right",
            )
        self.negotiated(request, response)

    def negotiated(self, request: handshake.Request, response: handshake.Response) -> None:
        """Judge what a response chose of a request's offers, and hold the server to it from here on."""
        whole, malformed = offered_subprotocols(request)
        for message in check_subprotocol(whole, response):
            self._breach(
                "handshake.subprotocol-from-malformed" if malformed else "handshake.subprotocol-from-offer",
                message,
                "Sec-WebSocket-Protocol",
            )
        unread = offered_extensions(request) is None
        for message in check_extensions(request, response):
            self._breach(
                "handshake.extension-from-malformed" if unread else "handshake.extension-from-offer",
                message,
                "Sec-WebSocket-Extensions",
            )
        agreed = deflate.agreement(response.get("Sec-WebSocket-Extensions"))
        self._inflater = deflate.Inflater(agreed) if agreed else None

    def frame(self, frame: ReceivedFrame) -> None:
        """Judge one frame of the server and hand on the message that it completes."""
        self.checked += 1
        self._judged, self._frame_at = frame, self._offset
        self._offset += len(frame.header) + len(frame.payload)
        if self._closed and frame.opcode in DATA_OPCODES | {CLOSE}:
            # A Ping may still have to be answered: only a Close that was received ends that duty (§5.5.2).
            self._breach(
                "closing.nothing-after-close",
                f"opcode 0x{frame.opcode:X} after its own Close frame",
                "opcode",
            )
        if frame.mask is not None:
            self._breach(
                "framing.server-unmasked",
                f"masked frame, header {frame.header.hex(' ')}",
                "MASK",
                kind="masked frame",
            )
        self._reserved_bits(frame)
        if _minimal_form(frame.declared_length) != frame.length_form:
            self._breach(
                "framing.server-minimal-length",
                f"{frame.declared_length} bytes in the {frame.length_form}-bit form",
                "payload length",
                kind=f"the {frame.length_form}-bit form where a shorter one would do",
            )
        if frame.opcode in CONTROL_OPCODES:
            self._control(frame)
        elif frame.opcode in DATA_OPCODES:
            self._data(frame)
        else:
            self._breach("framing.server-opcodes", f"reserved opcode 0x{frame.opcode:X}", "opcode")

    def _reserved_bits(self, frame: ReceivedFrame) -> None:
        compressible = self._inflater is not None and frame.opcode in DATA_OPCODES - {CONTINUATION}
        if frame.rsv[1] or frame.rsv[2] or (frame.rsv[0] and not compressible):
            bits = "".join(str(int(bit)) for bit in frame.rsv)
            self._breach(
                "framing.server-reserved-bits", f"RSV bits {bits} that no extension gives a meaning", "RSV1-3"
            )

    def _control(self, frame: ReceivedFrame) -> None:
        if not frame.fin:
            self._breach("framing.server-control-frames", "a fragmented control frame", "FIN")
        if len(frame.payload) > 125:
            self._breach(
                "framing.server-control-frames",
                f"a control frame of {len(frame.payload)} bytes",
                "payload length",
            )
        if frame.opcode == CLOSE:
            self._closed = True
            self._close(frame)

    def _close(self, frame: ReceivedFrame) -> None:
        if len(frame.payload) == 1:
            self._breach(
                "closing.server-close-payload", "a Close frame with a payload of one byte", "payload"
            )
        elif frame.close_code is not None and not valid_close_code(frame.close_code):
            self._breach(
                "closing.server-close-payload",
                f"close code {frame.close_code} may not be sent",
                "status code",
                kind=f"a close code {_range_of(frame.close_code)} may not be sent",
            )
        if not _is_utf8(frame.close_reason):
            self._breach(
                "closing.server-close-payload",
                f"reason is not UTF-8: {frame.close_reason[:40].hex(' ')}",
                "reason",
                kind="reason is not UTF-8",
            )

    def _data(self, frame: ReceivedFrame) -> None:
        if frame.opcode == CONTINUATION:
            if self._opcode is None:
                self._breach(
                    "framing.server-fragments", "a continuation frame with no message to continue", "opcode"
                )
                return
        else:
            if self._opcode is not None:
                self._breach("framing.server-fragments", "a new message inside a fragmented one", "opcode")
            self._opcode, self._parts, self._size = frame.opcode, [], 0
            self._compressed = frame.rsv[0] and self._inflater is not None
        self._parts.append(frame.payload)
        self._size += len(frame.payload) + FRAGMENT
        if self._size > MAX_MESSAGE:
            self.unread = f"a message of more than {MAX_MESSAGE >> 20} MiB without an end"
        elif frame.fin:
            opcode, self._opcode = self._opcode, None
            self._message(opcode or 0, b"".join(self._parts))

    def _message(self, opcode: int, content: bytes) -> None:
        if self._compressed and self._inflater is not None:
            try:
                content = self._inflater.inflate(content)
            except deflate.Unread:
                self.unread = f"a message that inflates to more than {deflate.MAX_INFLATED >> 20} MiB"
                return
            except zlib.error as error:
                self._breach(
                    "deflate.server-stream",
                    f"a message does not inflate in the agreed window: {error}",
                    "payload",
                )
                return
        if opcode == TEXT and not _is_utf8(content):
            self._breach(
                "utf8.server-text",
                f"a text message is not UTF-8: {content[:40].hex(' ')}",
                "payload",
                kind="a text message is not UTF-8",
            )
        self._on_message(opcode, content)


def _asks_for_websocket(request: handshake.Request, response: handshake.Response) -> bool:
    keys = [value for name, value in request.headers if name.lower() == "sec-websocket-key"]
    protocols, options = _members(request, "upgrade"), _members(request, "connection")
    # Of several protocols the server chooses: a 101 to another of them is none of ours.
    chosen = {"websocket"} if protocols == {"websocket"} else {(response.get("Upgrade") or "").lower()}
    return (
        request.version == "HTTP/1.1"
        and request.method == "GET"
        and len(keys) == 1
        and "upgrade" in options
        and "websocket" in protocols & chosen
    )


def _members(request: handshake.Request, field: str) -> set[str]:
    lines = [value.lower() for name, value in request.headers if name.lower() == field]
    return {one for line in lines for one in line.replace(",", " ").split()}


def check_upgrade_headers(response: handshake.Response) -> list[tuple[str, str]]:
    """Return what is wrong with a 101 response's head: which part of it, if it is one, and what was seen."""
    wrong = [("", f"no header field: {line[:LONGEST]!r}") for line in response.defects[:MOST_TOLD]]
    if response.bare:
        wrong.append(("", f"{response.bare} of its lines end with LF alone, expected CR LF"))
    if response.version != "HTTP/1.1":
        wrong.append(("status line", f"status line says {response.version}"))
    if [value.lower() for value in response.all("Upgrade")] != ["websocket"]:
        wrong.append(("Upgrade", f"Upgrade is {response.all('Upgrade')}, expected websocket"))
    options = {option.strip().lower() for option in (response.get("Connection") or "").split(",")}
    if "upgrade" not in options:
        wrong.append(("Connection", f"Connection is {response.all('Connection')}, expected Upgrade"))
    if response.get("Transfer-Encoding") is not None:
        wrong.append(("Transfer-Encoding", "a 101 response has no body, yet Transfer-Encoding is set"))
    if (length := response.get("Content-Length")) is not None:  # not even 0: RFC 9110 §8.6
        wrong.append(("Content-Length", f"a 101 response has no body, yet Content-Length is {length}"))
    return wrong


def offered_subprotocols(request: handshake.Request) -> tuple[list[str], list[str]]:
    """Return the subprotocols that a request offers: those that are tokens, and the malformed members."""
    members = [
        name.strip()
        for key, value in request.headers
        if key.lower() == "sec-websocket-protocol"
        for name in value.split(",")
    ]
    whole = [name for name in members if handshake.TOKEN.fullmatch(name)]
    return whole, [name for name in members if name and name not in whole]


def check_subprotocol(offered: list[str], response: handshake.Response) -> list[str]:
    """Return what is wrong with the chosen subprotocol: it is one of those offered, or there is none."""
    chosen = response.all("Sec-WebSocket-Protocol")
    if chosen and (len(chosen) > 1 or chosen[0] not in offered):
        return [f"chose {_short(chosen)}, of {len(offered)} offered"]
    return []


def offered_extensions(request: handshake.Request) -> set[str] | None:
    """Return the names of the extensions that a request offers, or None where their list is malformed."""
    offers = ", ".join(v for k, v in request.headers if k.lower() == "sec-websocket-extensions")
    if not offers.strip(", \t"):
        return set()
    parsed = handshake.parse_extensions(offers)
    return None if parsed is None else {name for name, _ in parsed}


def check_extensions(request: handshake.Request, response: handshake.Response) -> list[str]:
    """Return what is wrong with the extensions in a response: each was offered, each once."""
    value = response.get("Sec-WebSocket-Extensions")
    if value is None:
        return []
    chosen = handshake.parse_extensions(value)
    if chosen is None:
        return [f"not an extension list: {value!r}"]
    offered = offered_extensions(request)
    if offered is None:
        return [f"{name} was accepted out of a malformed list" for name, _ in chosen]
    names = [name for name, _ in chosen]
    wrong = [f"{name} was not offered" for name in names if name not in offered]
    if len(set(names)) != len(names):
        wrong.append(f"an extension is accepted twice: {value!r}")
    return wrong


def _range_of(code: int) -> str:
    """Return in which range of RFC 6455 §7.4.2 a close code lies that may not be sent."""
    if code < 1000:
        return "below 1000"
    if code in {1004, 1005, 1006, 1015}:
        return "that is reserved"
    return "from 1000 to 2999 that is not assigned" if code < 3000 else "above 4999"


def _short(values: list[str]) -> str:
    # A server that echoes a token as its subprotocol must not make us print that token.
    return ", ".join(repr(value if len(value) < 12 else value[:6] + "…") for value in values)


def _minimal_form(length: int) -> int:
    return 7 if length < 126 else 16 if length < 0x1_0000 else 64


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
