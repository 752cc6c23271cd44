"""A tiny server of the suite's own that makes the faults which browsers judge differently.

It judges browsers and nobody else: the target has no part in it. A connection's path names the fault.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from conformance.wire.frames import TEXT, Frame, close_payload
from conformance.wire.handshake import accept_for

GREETING = b"greeting"
BOUND = 5.0


@dataclass(frozen=True, slots=True)
class ServerFault:
    """What is wrong with a server: what script offers it, and the bytes behind the handshake."""

    what: str
    sent: bytes
    offered: tuple[str, ...] = ()


def _text(mask: bytes | None = None, **wrong: bool | int) -> bytes:
    return Frame(TEXT, GREETING, mask=mask, **wrong).encode()  # type: ignore[arg-type]


RIGHT = ServerFault("nothing", _text())
FAULTS: Mapping[str, ServerFault] = {
    "masked": ServerFault("a masked frame (RFC 6455 §5.1)", _text(b"\x01\x02\x03\x04")),
    "none-chosen": ServerFault(
        "no subprotocol chosen of one offered (§4.1)", _text(), ("conformance.unknown",)
    ),
    "longer-length": ServerFault("a length in more bytes than it needs (§5.2)", _text(length_form=64)),
    "reserved-bit": ServerFault("a reserved bit (§5.2)", _text(rsv2=True)),
    "close-1005": ServerFault("Close with 1005 (§7.4.1)", Frame(8, close_payload(1005), mask=None).encode()),
}


@contextlib.asynccontextmanager
async def faulty_server() -> AsyncIterator[str]:
    """Serve on loopback, each fault under its own path.

    Yields:
        The URL that a fault's name is put after, and ``right`` for none.

    """
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(BOUND):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
            fault = FAULTS.get(first.split(" ")[1].removeprefix("/"), RIGHT)
            response = (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept_for(fields.get('sec-websocket-key', ''))}\r\n\r\n"
            )
            writer.write(response.encode() + fault.sent)
            while await reader.read(4096):
                pass  # until the browser ends it
    writer.close()
