"""A WebSocket server that leaves its first handshake without an answer, and serves all others: ``PORT``."""

import asyncio
import sys

from websockets.asyncio.server import serve

seen = []


async def process_request(connection, request):
    seen.append(request.path)
    if len(seen) == 1:
        await asyncio.sleep(3600)


async def handler(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    async with serve(
        handler, "127.0.0.1", int(sys.argv[1]), process_request=process_request, open_timeout=None
    ) as server:
        await server.serve_forever()


asyncio.run(main())
