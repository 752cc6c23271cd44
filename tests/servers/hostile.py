"""A WebSocket server that says what would hurt whoever prints it: ``python hostile.py PORT``.

HTML, terminal escapes, workflow commands of CI services, control characters and megabytes, in reason phrases,
header fields, messages, Close reasons and in its own output. The first connections are answered in order, so
that it is taken for a WebSocket server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys

from conformance.wire.frames import CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, FrameParser, close_payload
from conformance.wire.handshake import accept_for

TEXTS = (
    "<script>document.title='owned';alert(1)</script><img src=x onerror=alert(1)>"
    "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e]]>```</code>{{ 7*7 }}"
)
LINES = TEXTS + "\n::error title=owned::owned\r\n##[error]owned\n"
ORDERLY = 12
count = itertools.count()


def response(status: str, *lines: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status} {TEXTS}", f"Server: {TEXTS}", f"X-Long: {'x' * 20_000}", *lines])
    return head.encode("utf-8", "replace") + b"\r\n\r\n" + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    number = next(count)
    print(LINES, flush=True)
    with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
        await answer(number, reader, writer)
    writer.close()


async def answer(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    lines = head.split("\r\n")
    keys = [line[18:].strip() for line in lines if line.lower().startswith("sec-websocket-key:")]
    manner = number % 4 if number >= ORDERLY else 1
    if manner == 0 or not keys or fields.get("upgrade") != "websocket":
        writer.write(response("400", "Connection: close", body=LINES.encode() * 40))
    elif manner == 3:
        writer.write(LINES.encode())
    else:
        chosen = [f"Sec-WebSocket-Protocol: {TEXTS}"] if manner == 2 else []
        accept = f"Sec-WebSocket-Accept: {accept_for(keys[0])}"
        writer.write(response("101", "Upgrade: websocket", "Connection: Upgrade", accept, *chosen))
        await talk(reader, writer, loud=manner == 2)
    await writer.drain()


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, loud: bool) -> None:
    frames = FrameParser()
    while data := await reader.read(65536):
        for frame in frames.feed(data):
            if frame.opcode == PING:
                writer.write(unmasked(PONG, frame.payload))
            elif frame.opcode == CLOSE:
                writer.write(unmasked(CLOSE, close_payload(4000, TEXTS.encode()[:100])))
                return
            elif frame.opcode in {TEXT, CONTINUATION}:
                writer.write(unmasked(TEXT, LINES.encode() * (20_000 if loud else 1)))
        await writer.drain()


def unmasked(opcode: int, payload: bytes) -> bytes:
    return Frame(opcode, payload, mask=None).encode()


async def main() -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), limit=1 << 20) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
