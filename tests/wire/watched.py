"""A monitor that keeps what it reports and hands on, fed by bytes."""

from __future__ import annotations

from conformance.wire.frames import FrameParser
from conformance.wire.handshake import ResponseParser, opening
from conformance.wire.invariants import Monitor

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
OFFERS = [
    ("Sec-WebSocket-Protocol", "chat, superchat"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
]
CLEAN = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT}


class Watched:
    """A monitor with what it reported and handed on."""

    def __init__(self):
        self.breaches, self.messages = [], []
        self.monitor = Monitor(self.breaches.append, lambda *message: self.messages.append(message))

    @property
    def requirements(self):
        return [breach.requirement for breach in self.breaches]

    def answer(self, *lines, status="HTTP/1.1 101 Switching Protocols", without="", extra=OFFERS, key=KEY):
        """Feed a response: the clean lines but `without`, and `lines` after them."""
        kept = [f"{name}: {value}" for name, value in CLEAN.items() if name != without]
        head = "\r\n".join([status, *kept, *lines, "", ""]).encode("latin-1")
        response = ResponseParser().feed(head)
        self.monitor.response(opening("/", "h", key=key, extra=extra), response)
        return self

    def frames(self, wire):
        for frame in FrameParser().feed(bytes.fromhex(wire)):
            self.monitor.frame(frame)
        return self

    def compressed(self, *lines):
        return self.answer(", ".join(["Sec-WebSocket-Extensions: permessage-deflate", *lines]))
