"""A WebSocket server of a few lines that speaks no permissions protocol: ``python plain.py PORT [LIVES]``.

With LIVES it exits after so many connections, as a server does that crashes under test.
"""

import asyncio
import itertools
import os
import sys

from websockets.asyncio.server import ServerConnection, serve

LIVES = int(sys.argv[2]) if len(sys.argv) > 2 else None
count = itertools.count(1)


async def handler(connection: ServerConnection) -> None:
    if LIVES is not None and next(count) > LIVES:
        os._exit(3)
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    async with serve(handler, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
