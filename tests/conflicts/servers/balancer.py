"""A balancer of TCP connections, in turn: ``python balancer.py PORT NODE_PORT…``."""

import asyncio
import contextlib
import itertools
import sys

nodes = itertools.cycle(map(int, sys.argv[2:]))


async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def balance(reader, writer):
    node_reader, node_writer = await asyncio.open_connection("127.0.0.1", next(nodes))
    await asyncio.gather(copy(reader, node_writer), copy(node_reader, writer))
    writer.close()
    node_writer.close()


async def main():
    async with await asyncio.start_server(balance, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
