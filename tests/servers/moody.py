"""A WebSocket server that leaves every third Ping of 125 bytes without an answer: ``python … PORT``."""

import asyncio
import itertools
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

answer = ServerProtocol.recv_frame
count = itertools.count(1)


def recv_frame(self: ServerProtocol, frame: Frame) -> None:
    if frame.opcode is not Opcode.PING or len(frame.data) < 125 or next(count) % 3:
        answer(self, frame)


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    ServerProtocol.recv_frame = recv_frame
    async with serve(handler, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
