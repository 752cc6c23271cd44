"""Tiny servers on loopback: a coroutine that says what one connection of the server does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct

from conformance.client.peer import Limits, Peer
from conformance.client.recorder import Recorder
from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint
from conformance.wire.events import Message
from conformance.wire.handshake import opening

BOUND = 5.0
ENOUGH = Limits(handshake=BOUND, reply=BOUND, close=BOUND, event=BOUND, prompt=BOUND)
QUICK = Limits(handshake=0.1, reply=0.1, close=0.1, event=0.1, prompt=0.1)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NUMBER = b"912345678901"  # that no other message has


class Served:
    """The server's end of one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.head = b""

    async def accept(self, behind=""):
        """Answer the opening handshake by a 101, with frames (as hex) behind it in the same segment."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")
        key = self.head.lower().partition(b"sec-websocket-key: ")[2]
        key = self.head[len(self.head) - len(key) :].partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + bytes.fromhex(behind)
        )

    def say(self, wire):
        self.writer.write(bytes.fromhex(wire))

    async def frame(self):
        """Return opcode and payload of the next frame of the client."""
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "the client's frame is not masked"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        key = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))

    async def pong(self):
        """Read one frame, which must be a Ping, and answer it."""
        opcode, payload = await self.frame()
        assert opcode == 0x9
        self.say(f"8a {len(payload):02x} {payload.hex()}")

    def fin(self):
        self.writer.write_eof()

    def reset(self):
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self):
        """Stay open, saying nothing, until the client is gone."""
        while await self.reader.read(65536):
            pass


@contextlib.asynccontextmanager
async def serving(script, *, tls=None):
    """Serve each connection by ``script(served)``; yield the port. What a script raises fails the test."""
    tasks, faults = [], []

    async def serve(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(BOUND):
                await script(Served(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went first
        except Exception as error:  # noqa: BLE001 - raised below, in the test
            faults.append(error)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=BOUND)
        await server.wait_closed()
    if faults:
        raise faults[0]


@contextlib.asynccontextmanager
async def connected(script, *, report=lambda breach: None):
    """Yield a TCP connection to a server that follows ``script``."""
    async with serving(script) as port:
        connection = await Connection.open(
            Endpoint("127.0.0.1", port), label="test", report=report, timeout=BOUND
        )
        try:
            yield connection
        finally:
            connection.shut()


@contextlib.asynccontextmanager
async def upgraded(script, limits=ENOUGH, *, behind=""):
    """Yield a peer behind its opening handshake, which is answered before ``script`` begins."""

    async def whole(served):
        await served.accept(behind)
        await script(served)

    recorder = Recorder()
    async with connected(whole, report=recorder.breach) as connection:
        connection.send_request(opening("/", "h"))
        response = await connection.read_response(BOUND)
        assert response is not None
        assert response.status == 101
        yield Peer(connection, limits, recorder)


async def message_of(peer):
    """Return the next message of the server."""
    message = await peer.take(lambda event: isinstance(event, Message), BOUND)
    assert isinstance(message, Message)
    return message


def charged(peer):
    return sorted(peer.recorder.record.charges)


async def stay(served):
    await served.gone()


async def end(served):
    await served.frame()


def answering(wire, then="fin"):
    """A server that answers the first frame by these frames, and then by FIN, RST or nothing."""

    async def script(served):
        await served.frame()
        served.say(wire)
        if then == "reset":
            await served.writer.drain()
            served.reset()
        elif then == "open":
            await served.gone()

    return script
