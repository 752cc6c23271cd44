"""A WebSocket server without a library: ``python raw.py PORT [WORD…]``; each word is one thing that it does.

``blind-FIELD`` never looks at Upgrade, Version, Host or Key. ``fails-1000`` fails connections by Close 1000.
``second-response`` takes bytes behind the request for another request. ``small-heads`` resets requests over
1,700 bytes. ``counts-pings`` closes 1008 upon the hundredth Ping. ``version-0`` speaks that version too, and
says so. ``mute-refusals`` says nothing where others refuse by HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import struct
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*")
AUTHORITY = re.compile(rb"[A-Za-z0-9.-]+(:\d{0,5})?")
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
WORDS = frozenset(sys.argv[2:])
VERSIONS = b"13, 0" if "version-0" in WORDS else b"13"


def refusal(head: bytes) -> bytes:
    """Return why a request is refused, as a status line's end, or nothing."""
    line, *rest = head[:-4].split(b"\r\n")
    fields: dict[bytes, list[bytes]] = {}
    lax = any(one.startswith("blind") for one in WORDS)
    for one in rest:
        found = FIELD.fullmatch(one)
        if found is None and not lax:
            return b"400 Bad Request"
        if found is not None:
            fields.setdefault(found[1].lower(), []).append(found[2])
    tokens = {
        name: [part.strip().lower() for value in fields.get(name, ()) for part in value.split(b",")]
        for name in (b"upgrade", b"connection")
    }
    hosts, keys = fields.get(b"host", []), fields.get(b"sec-websocket-key", [])
    versions = fields.get(b"sec-websocket-version", [])
    known = versions == [b"13"] or ("version-0" in WORDS and versions in ([], [b""], [b"0"]))
    checks = (
        (re.fullmatch(rb"GET [!-~]+ HTTP/1\.1", line) is not None and b"#" not in line, "line"),
        (len(hosts) == 1 and AUTHORITY.fullmatch(hosts[0]) is not None, "host"),
        (b"websocket" in tokens[b"upgrade"], "upgrade"),
        (b"upgrade" in tokens[b"connection"], "connection"),
        (len(keys) == 1 and KEY.fullmatch(keys[0]) is not None, "key"),
        (known, "version"),
    )
    for kept, name in checks:
        if not kept and f"blind-{name}" not in WORDS:
            return b"426 Upgrade Required" if name == "version" else b"400 Bad Request"
    return b""


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame of a server."""
    size = len(payload)
    length = [size] if size < 126 else [126, *struct.pack("!H", size)]
    return bytes([0x80 | opcode, *length]) + payload


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer Pings and Close frames, take messages, and fail the connection upon what is wrong."""
    inside, pings = False, 0
    while True:
        first, second = await reader.readexactly(2)
        opcode, fin, size = first & 0x0F, bool(first & 0x80), second & 0x7F
        control = opcode >= 8
        wrong = first & 0x70 or not second & 0x80 or opcode not in {0, 1, 2, 8, 9, 10}
        wrong = wrong or (control and (not fin or size > 125))
        wrong = wrong or (not control and (opcode == 0) != inside)
        if not wrong and size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        if wrong or size > 1 << 20:
            break
        key = await reader.readexactly(4)
        payload = bytes(byte ^ key[at % 4] for at, byte in enumerate(await reader.readexactly(size)))
        inside = inside if control else not fin
        if opcode == 9:
            pings += 1
            if "counts-pings" in WORDS and pings > 100:
                writer.write(frame(8, struct.pack("!H", 1008) + b"Too many pings"))
                return
            writer.write(frame(10, payload))
        if opcode == 8:
            code = struct.unpack_from("!H", payload)[0] if len(payload) > 1 else 1000
            legal = len(payload) != 1 and (1000 <= code <= 1014 or 3000 <= code <= 4999)
            if not legal or code in {1004, 1005, 1006}:
                break
            writer.write(frame(8, payload[:2]))
            return
    writer.write(frame(8, struct.pack("!H", 1000 if "fails-1000" in WORDS else 1002)))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if "small-heads" in WORDS and len(head) > 1700:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if why := refusal(head):
            if "mute-refusals" in WORDS:
                await reader.read()
                return
            lines = [b"HTTP/1.1 " + why, b"Content-Length: 0", b"Connection: close"]
            lines += (
                [b"Upgrade: websocket", b"Sec-WebSocket-Version: " + VERSIONS] if why[:3] == b"426" else []
            )
            writer.write(b"\r\n".join([*lines, b"", b""]))
            return
        key = re.search(rb"(?i)sec-websocket-key:[ \t]*([^\r]*)", head)
        accept = base64.b64encode(hashlib.sha1((key[1].strip() if key else b"") + GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        if "second-response" in WORDS and (behind := reader._buffer):
            behind.clear()
            writer.write(
                b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            )
            return
        await converse(reader, writer)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), limit=1 << 20, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
