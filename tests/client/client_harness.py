"""A client of the permissions protocol without any socket: bytes are fed in, and taken out."""

from __future__ import annotations

import asyncio
import json

from conformance.client.peer import Limits
from conformance.client.recorder import Recorder
from conformance.client.session import Client
from conformance.net.connection import Connection
from conformance.wire.frames import PONG, TEXT, Frame, FrameParser
from conformance.wire.handshake import accept_for, opening

QUICK = Limits(reply=0.05, close=0.05, event=0.05, prompt=0.05)
CONFIRMED = {
    "type": "connection_confirmed",
    "user_id": 1,
    "groups": ["editors"],
    "server_time": "2026-11-22T10:00:00Z",
    "features": {
        "permission_notifications": True,
        "role_updates": True,
        "menu_access_updates": True,
        "cache_invalidation": True,
        "heartbeat": True,
    },
}


class Wire(asyncio.Transport):
    """A transport whose other side is ``answer``: it is told each frame of the client."""

    def __init__(self, answer):
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.frames, self.answer = FrameParser(), answer
        self.upgraded = False

    def write(self, data):
        if not self.upgraded:
            self.upgraded = True
            return
        for frame in self.frames.feed(data):
            self.answer(frame)

    def is_closing(self):
        return False


class Server:
    """The server's side: what it says, and how it answers messages."""

    def __init__(self, reply=None):
        self.heard, self.reply = [], reply or (lambda message: [])
        self.recorder = Recorder()
        connection = Connection("test", self.recorder.breach)
        connection.connection_made(Wire(self._answer))
        request = opening("/", "h")
        connection.send_request(request)
        connection.data_received(
            b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept_for(request.get("Sec-WebSocket-Key")).encode()
            + b"\r\n\r\n"
        )
        self.connection = connection
        self.client = Client(connection, QUICK, self.recorder)

    def _answer(self, frame):
        if frame.opcode == TEXT:
            message = json.loads(frame.payload)
            self.heard.append(message)
            for one in self.reply(message):
                self.say(one)
        elif frame.opcode == 0x9:
            self.connection.data_received(Frame(PONG, frame.payload, mask=None).encode())

    def say(self, message, opcode=TEXT):
        """Say a message: bytes as they are, anything else as JSON."""
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.connection.data_received(Frame(opcode, content, mask=None).encode())

    def schema_charge(self):
        """Return what was charged to the schema: kept, or the message of the breach."""
        charges = self.recorder.record.charges
        broken = charges.get(("session.message-schema", False))
        return broken.message if broken else ("session.message-schema", True) in charges


def acknowledge(message):
    """Answer a heartbeat as a server should."""
    ack = {"type": "heartbeat_ack", "server_time": "2026-11-22T10:00:00Z"}
    return [ack | {key: message[key] for key in ("id", "data") if key in message}]
