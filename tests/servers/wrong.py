"""A WebSocket server that answers, and does so wrongly from the first byte: ``python wrong.py PORT VICE``."""

import asyncio
import base64
import hashlib
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VICE = sys.argv[2]


def response(key: bytes) -> bytes:
    """Return the answer to an opening handshake."""
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    if VICE == "wrong-accept":
        accept = base64.b64encode(hashlib.sha1(GUID + key).digest())
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return {
        "line-feeds": head.replace(b"\r\n", b"\n"),
        "two-blanks": head.replace(b" 101", b"  101"),
        "no-version": head.replace(b"HTTP/1.1 ", b""),
        "no-last-line": head[:-2],
        "another-protocol": head.replace(b": websocket", b": h2c"),
        "body": head[:-2] + b"Content-Length: 5\r\n\r\nhello",
    }.get(VICE, head)


def masked(data: bytes, key: bytes) -> bytes:
    return bytes(one ^ key[at % 4] for at, one in enumerate(data))


def pong(payload: bytes, key: bytes) -> bytes:
    """Return the answer to a Ping that was masked with ``key``."""
    head, size = bytes([0x8A, len(payload)]), len(payload)
    return {
        "ping-for-ping": bytes([0x89, size]) + payload,
        "no-pong": b"",
        "another-payload": bytes([0x8A, 1]) + b"?",
        "masked": bytes([0x8A, 0x80 | size]) + key + masked(payload, key),
        "still-masked": head + masked(payload, key),
        "close-for-ping": b"\x88\x02\x03\xea",
    }.get(VICE, head + payload)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    key = next((one.partition(b":")[2].strip() for one in lines if b"-key:" in one.lower()), b"")
    writer.write(response(key))
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        mask = await reader.readexactly(4)
        payload = masked(await reader.readexactly(size), mask)
        if first & 15 == 9:
            writer.write(pong(payload[:125], mask))
        elif first & 15 == 8:
            writer.write(b"\x88" + bytes([min(size, 125)]) + payload[:125])
            return


async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await serve(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    async with await asyncio.start_server(served, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
