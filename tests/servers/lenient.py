"""An echo server that takes what its command line names: ``python lenient.py PORT method:HEAD unmasked:9 …``.

``method:NAME`` is a method that counts as GET, ``unmasked:OPCODE`` a kind of frame that need not be masked.
Each is one way to break a rule, so that a known way can be told from a further one.
"""

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame
from websockets.http11 import Request

MASKED = 0x80
Read = Callable[[int], Generator[None, None, bytes | bytearray]]
taken = set(sys.argv[2:])
parse_request, parse = Request.parse, Frame.parse


def parse_request_also(read_line: Any) -> Generator[None, None, Request]:
    begun = False

    def again(*limits: Any) -> Generator[None, None, bytes | bytearray]:
        nonlocal begun
        line = yield from read_line(*limits)
        method, _, rest = bytes(line).partition(b" ")
        named = not begun and f"method:{method.decode('latin-1')}" in taken
        begun = True
        return b"GET " + rest if named else line

    return (yield from parse_request(again))


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
    Request.parse = parse_request_also  # type: ignore[method-assign,assignment]
    Frame.parse = parse_also  # type: ignore[method-assign,assignment]
    async with serve(echo, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
