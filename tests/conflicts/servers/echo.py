"""A WebSocket echo server: ``python echo.py PORT [--address A] [--sockets N] [--share] [--workers N]``.

``--sockets`` above 1 gives it several listening sockets at one address (SO_REUSEPORT), ``--workers`` forks
after binding one.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import socket

from websockets.asyncio.server import serve

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--address", default="127.0.0.1")
parser.add_argument("--sockets", type=int, default=1)
parser.add_argument("--share", action="store_true")
parser.add_argument("--workers", type=int, default=0)
options = parser.parse_args()


def bound() -> socket.socket:
    one = socket.socket(socket.AF_INET6 if ":" in options.address else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.share or options.sockets > 1:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind((options.address, options.port))
    one.listen(100)
    return one


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main(sockets):
    async with contextlib.AsyncExitStack() as stack:
        for one in sockets:
            await stack.enter_async_context(serve(echo, sock=one))
        await asyncio.Event().wait()


listening = [bound() for _ in range(options.sockets)]
workers = []
for _ in range(options.workers):
    pid = os.fork()
    if pid == 0:
        asyncio.run(main(listening))
    workers.append(pid)
if workers:
    signal.pause()
else:
    asyncio.run(main(listening))
