"""An echo server with a message limit of its own: ``python limited.py PORT LIMIT [WAY …]``.

``text-only`` and ``frames`` say what the limit is for: text messages, or single frames, so that messages in
fragments may be larger. ``ends``, ``drops`` and ``protocol-error`` say what becomes of a message above it,
where it is not Close 1009: TCP ends, the message is lost, or it is called malformed.
"""

import asyncio
import sys
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol

LIMIT, WAYS = int(sys.argv[2]), frozenset(sys.argv[3:])
WIDE = 2**24
OWN = bool(WAYS & {"frames", "text-only", "drops"})
CODES = {"ends": CloseCode.ABNORMAL_CLOSURE, "protocol-error": CloseCode.PROTOCOL_ERROR}
CODE = next((code for way, code in CODES.items() if way in WAYS), CloseCode.MESSAGE_TOO_BIG)

fail, recv_frame = Protocol.fail, Protocol.recv_frame


def fails(self: Protocol, code: int, reason: str = "") -> None:
    fail(self, CODE if code == CloseCode.MESSAGE_TOO_BIG else code, reason)


def limited(self: Protocol, frame: Frame) -> None:
    if ("frames" in WAYS or frame.opcode is Opcode.TEXT) and len(frame.data) > LIMIT:
        if "drops" in WAYS:
            return
        raise PayloadTooBig(len(frame.data), LIMIT)
    recv_frame(self, frame)


patched: Any = Protocol
patched.fail = fails
if OWN:
    patched.recv_frame = limited


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    async with serve(handler, "127.0.0.1", int(sys.argv[1]), max_size=WIDE if OWN else LIMIT) as server:
        await server.serve_forever()


asyncio.run(main())
