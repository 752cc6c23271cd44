"""An echo server that takes what its command line names: ``python lenient.py PORT version:013 unmasked:9 …``.

``version:VALUE`` is a Sec-WebSocket-Version that counts as 13, ``unmasked:OPCODE`` a kind of frame that need
not be masked. Each is one way to break a rule, so that a known way can be told from a further one.
"""

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

VERSION, MASKED = "Sec-WebSocket-Version", 0x80
Read = Callable[[int], Generator[None, None, bytes | bytearray]]
taken = set(sys.argv[2:])
accept, parse = ServerProtocol.accept, Frame.parse


def accept_also(self: ServerProtocol, request: Request) -> Response:
    if f"version:{request.headers.get(VERSION)}" in taken:
        del request.headers[VERSION]
        request.headers[VERSION] = "13"
    return accept(self, request)


def parse_also(read: Read, *, mask: bool, **more: Any) -> Generator[None, None, Frame]:
    head = yield from read(2)
    left = [head]

    def again(length: int) -> Generator[None, None, bytes | bytearray]:
        return left.pop() if left else (yield from read(length))

    unmasked = not head[1] & MASKED and f"unmasked:{head[0] & 15}" in taken
    return (yield from parse(again, mask=mask and not unmasked, **more))


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    ServerProtocol.accept = accept_also  # type: ignore[method-assign]
    Frame.parse = parse_also  # type: ignore[method-assign,assignment]
    async with serve(echo, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
