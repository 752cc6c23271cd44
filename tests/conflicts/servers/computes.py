"""An echo server whose event loop is blocked by a computation once it listens: ``PORT``."""

import asyncio
import sys

from websockets.asyncio.server import serve


async def main():
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", int(sys.argv[1])):
        while True:
            pass


asyncio.run(main())
