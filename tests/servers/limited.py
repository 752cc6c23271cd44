"""An echo server with a message limit of its own: ``python limited.py PORT LIMIT [WAY …]``.

WAY is ``ends`` (TCP ends above the limit, without a Close frame), ``text-only`` (binary messages may be
larger), ``frames`` (a limit of each frame, so that messages in fragments may be larger).
"""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

LIMIT, WAYS = int(sys.argv[2]), frozenset(sys.argv[3:])
MOST = None if "frames" in WAYS or "text-only" in WAYS else LIMIT


class Limited(ServerConnection):
    """A connection that ends without a Close frame above the limit."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if isinstance(self.protocol.parser_exc, PayloadTooBig):
            self.transport.abort()


def too_big(frame: Frame) -> bool:
    if "text-only" in WAYS:
        return frame.opcode is Opcode.TEXT and len(frame.data) > LIMIT
    return "frames" in WAYS and len(frame.data) > LIMIT


original = Protocol.recv_frame


def recv_frame(self: Protocol, frame: Frame) -> None:
    if too_big(frame):
        raise PayloadTooBig(len(frame.data), LIMIT)
    original(self, frame)


Protocol.recv_frame = recv_frame  # type: ignore[method-assign]


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    made = Limited if "ends" in WAYS else ServerConnection
    port = int(sys.argv[1])
    async with serve(handler, "127.0.0.1", port, create_connection=made, max_size=MOST) as server:
        await server.serve_forever()


asyncio.run(main())
