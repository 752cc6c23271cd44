"""A WebSocket echo server as uvicorn runs several: ``python spawned.py PORT [WORKERS] [--each]``.

The parent only starts and watches its workers, which multiprocessing spawns. They share the parent's socket,
or with ``--each`` have one each (SO_REUSEPORT), as Granian's do.
"""

import asyncio
import multiprocessing
import signal
import socket
import sys

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main(listening):
    async with serve(echo, sock=listening) as server:
        await server.serve_forever()


def bound(port, each):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if each:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    one.listen(100)
    return one


def work(port, listening):
    asyncio.run(main(listening or bound(port, each=True)))


if __name__ == "__main__":
    port, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    shared = None if "--each" in sys.argv else bound(port, each=False)
    context = multiprocessing.get_context("spawn")
    for _ in range(count):
        context.Process(target=work, args=(port, shared), daemon=True).start()
    signal.pause()
