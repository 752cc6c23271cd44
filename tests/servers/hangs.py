"""A WebSocket server that stops answering anybody after some connections: ``python hangs.py PORT LIVES``."""

import asyncio
import itertools
import signal
import sys

from websockets.asyncio.server import ServerConnection, serve

count = itertools.count(1)


async def handler(connection: ServerConnection) -> None:
    if next(count) > int(sys.argv[2]):
        signal.pause()  # blocks the whole loop, as a deadlocked server does
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    async with serve(handler, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
