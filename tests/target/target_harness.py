"""Tiny servers on loopback, and a target that points at one."""

from __future__ import annotations

import asyncio
import contextlib
import json

from conformance.client.recorder import Recorder
from conformance.target.probe import endpoint_of
from conformance.target.profile import Profile
from conformance.target.target import Target
from conformance.target.url import parse
from conformance.wire.handshake import accept_for

BOUND = 5.0
CONFIRMED = {
    "type": "connection_confirmed",
    "user_id": None,
    "groups": [],
    "server_time": "2026-11-22T10:00:00Z",
    "features": {
        "permission_notifications": True,
        "role_updates": True,
        "menu_access_updates": True,
        "cache_invalidation": True,
        "heartbeat": True,
    },
}


@contextlib.asynccontextmanager
async def serving(script, host="127.0.0.1", port=0, *, tls=None):
    """Serve each connection by ``script(reader, writer)``; yield the port."""
    tasks = []

    async def serve(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(BOUND):
                await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went first
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=BOUND)
        await server.wait_closed()


@contextlib.asynccontextmanager
async def target_of(script, *, path="", profile=None):
    """Yield a target whose server follows ``script``; what it kept open is closed at the end."""
    async with serving(script) as port:
        target = target_at(f"ws://127.0.0.1:{port}{path}", profile)
        try:
            yield target
        finally:
            await target.leave()
            for connection in target.opened:
                connection.shut()


class WatchedTarget(Target):
    """A target that remembers its connections, so that a test leaves none open."""

    __slots__ = ("opened",)

    async def tcp(self, label="raw TCP"):
        connection = await super().tcp(label)
        self.opened.append(connection)
        return connection


def target_at(url, profile=None):
    profile = profile or Profile()
    parsed = parse(url)
    target = WatchedTarget(
        url=parsed, profile=profile, endpoint=endpoint_of(parsed, profile), recorder=Recorder(), run_id="test"
    )
    target.opened = []
    return target


async def request_of(reader):
    """Return the request line and the headers, their names in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.split("\r\n")[:-2]
    return line, {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}


def websocket(
    *,
    accept=None,
    pong=True,
    session=None,
    heartbeat=False,
    deflate=False,
    paths=None,
    server=None,
    request=None,
):
    """Return the script of a WebSocket server with these abilities."""

    async def script(reader, writer):
        line, headers = request or await request_of(reader)
        if paths is not None and line.split()[1] not in paths:
            writer.write(b"HTTP/1.1 404 Not Found\r\nServer: tiny\r\nContent-Length: 0\r\n\r\n")
            return
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept or accept_for(headers['sec-websocket-key'])}",
        ]
        if deflate and "sec-websocket-extensions" in headers:
            lines.append("Sec-WebSocket-Extensions: permessage-deflate")
        if server:
            lines.append(f"Server: {server}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if session is not None:
            writer.write(text(session))
        await answer(reader, writer, pong=pong, heartbeat=heartbeat)

    return script


async def answer(reader, writer, *, pong, heartbeat):
    while True:
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        assert length < 126
        key = await reader.readexactly(4)
        payload = bytes(b ^ key[i % 4] for i, b in enumerate(await reader.readexactly(length)))
        opcode = first & 0x0F
        if opcode == 0x8:
            writer.write(bytes([0x88, length]) + payload)
            return
        if opcode == 0x9 and pong:
            writer.write(bytes([0x8A, length]) + payload)
        elif opcode == 0x1 and heartbeat:
            message = json.loads(payload)
            writer.write(text({**message, "type": "heartbeat_ack", "server_time": "2026-11-22T10:00:00Z"}))


def text(message):
    payload = json.dumps(message).encode()
    size = len(payload)
    head = bytes([0x81, size]) if size < 126 else bytes([0x81, 126, size >> 8, size & 0xFF])
    return head + payload
