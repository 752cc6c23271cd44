"""A server that accepts TCP and never says a word: ``python silent.py PORT``."""

import asyncio
import sys


async def main() -> None:
    server = await asyncio.start_server(
        lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", int(sys.argv[1])
    )
    async with server:
        await server.serve_forever()


asyncio.run(main())
