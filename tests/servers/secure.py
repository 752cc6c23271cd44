"""``plain.py`` over TLS: ``python secure.py PORT CERTIFICATE``."""

import asyncio
import ssl
import sys

from websockets.asyncio.server import ServerConnection, serve


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2])
    async with serve(handler, "127.0.0.1", int(sys.argv[1]), ssl=context) as server:
        await server.serve_forever()


asyncio.run(main())
