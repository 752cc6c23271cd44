"""An echo server whose process may open few files, and holds them all: ``PORT``."""

import asyncio
import logging
import os
import resource
import sys

from websockets.asyncio.server import serve

logging.disable(logging.CRITICAL)


async def main():
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", int(sys.argv[1])) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
        held = []
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            await server.serve_forever()


asyncio.run(main())
