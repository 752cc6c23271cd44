"""Servers whose applications have rules of their own: ``python ruled.py PORT KIND [WORDS…]``.

Each keeps RFC 6455, for the library below it does; ``KINDS`` says what its application does about messages.
``greets-text``, ``greets-binary`` and ``pushes-MS`` behind the kind make it speak on its own, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from reference_server.handshake import (
    Refusal,
    StrictConnection,
    asks_for_upgrade,
    check_handshake,
    check_http,
    upgrade_required,
)

Application = Callable[[ServerConnection], Awaitable[None]]
LOGIN = 2.0
LIMIT = 8 * 1024


async def echo(connection: ServerConnection) -> None:
    """Give back everything."""
    async for message in connection:
        await connection.send(message)


async def ignores(connection: ServerConnection) -> None:
    """Take everything, say nothing."""
    async for _ in connection:
        pass


async def strict(connection: ServerConnection) -> None:
    """Close 4400 on anything but its own messages."""
    async for message in connection:
        if message != "the one message":
            await connection.close(4400, "bad request")


async def protests(connection: ServerConnection) -> None:
    """Close 1002 on anything but its own messages, as if the protocol had been broken."""
    async for message in connection:
        if message != "the one message":
            await connection.close(1002, "unknown message")


async def wants_json(connection: ServerConnection) -> None:
    """Take JSON objects, close 1007 on everything else."""
    async for message in connection:
        try:
            json.loads(message)
        except ValueError:
            await connection.close(1007, "not JSON")


async def reads_stream(connection: ServerConnection) -> None:
    """Read all messages as one stream of its own protocol, and close 1007 on what cannot stand in it."""
    stream = b""
    async for message in connection:
        stream += message if isinstance(message, bytes) else message.encode()
        if any(byte not in b"\r\n\t" and not 0x20 <= byte < 0xF0 for byte in stream):
            await connection.close(1007, "unexpected character")


async def login(connection: ServerConnection) -> None:
    """Close 4408 without a login message in two seconds, 4401 upon a wrong one."""
    try:
        first = await asyncio.wait_for(connection.recv(), LOGIN)
    except TimeoutError:
        await connection.close(4408, "no login")
        return
    if first != "login":
        await connection.close(4401, "who are you?")


async def login_alone(connection: ServerConnection) -> None:
    """Close 4408 without a login message in two seconds; ignore every other message meanwhile."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOGIN):
            while await connection.recv() != "login":
                pass
            return
    await connection.close(4408, "no login")


async def login_ends(connection: ServerConnection) -> None:
    """End TCP without a login message in two seconds, and without a word."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOGIN):
            while await connection.recv() != "login":
                pass
            return
    connection.transport.abort()


async def drops(connection: ServerConnection) -> None:
    """End TCP 5 ms after an unknown message."""
    async for _ in connection:
        await asyncio.sleep(0.005)
        connection.transport.abort()


async def drops_late(connection: ServerConnection) -> None:
    """End TCP 40 ms after an unknown message, with a FIN."""
    async for _ in connection:
        await asyncio.sleep(0.04)
        connection.transport.close()


async def accept_then_close(connection: ServerConnection) -> None:
    """Let everybody in and close 1008: nobody has the token."""
    await connection.close(1008, "no token")


async def text_only(connection: ServerConnection) -> None:
    """Give back texts, close 1003 on binary data."""
    async for message in connection:
        if isinstance(message, bytes):
            await connection.close(1003, "text only")
        else:
            await connection.send(message)


async def binary_only(connection: ServerConnection) -> None:
    """Give back binary data, close 1003 on texts."""
    async for message in connection:
        if isinstance(message, str):
            await connection.close(1003, "binary only")
        else:
            await connection.send(message)


async def reads_pieces(connection: ServerConnection) -> None:
    """Read each message piece by piece, and close 1008 at the first piece of anything but its own."""
    while True:
        async for piece in connection.recv_streaming():
            if piece and not "the one message".startswith(str(piece)):
                await connection.close(1008, "unknown message")
                return


async def answers_errors(connection: ServerConnection) -> None:
    """Answer every message with the same complaint, and stay."""
    async for _ in connection:
        await connection.send('{"error":"unknown message"}')


KINDS: dict[str, Application] = {
    one.__name__.replace("_", "-"): one
    for one in (
        echo,
        ignores,
        strict,
        protests,
        wants_json,
        login,
        login_alone,
        login_ends,
        drops,
        drops_late,
        accept_then_close,
        text_only,
        binary_only,
        reads_pieces,
        reads_stream,
        answers_errors,
    )
} | {"small": echo, "needs-subprotocol": echo}


def strictly(connection: ServerConnection, request: Request) -> Response | None:
    """Refuse what the library lets pass in opening handshakes."""
    try:
        check_http(request)
        if not asks_for_upgrade(request.headers):
            raise upgrade_required("This is a WebSocket endpoint.")
        check_handshake(request.headers)
    except Refusal as refusal:
        return refusal.response(connection)
    return None


async def pushing(connection: ServerConnection, every: float) -> None:
    """Say something again and again."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.sleep(every)
            await connection.send('{"type":"tick"}')


async def main(port: int, kind: str, *manners: str) -> None:
    application = KINDS[kind]

    async def handler(connection: ServerConnection) -> None:
        tasks = []
        for manner in manners:
            if manner == "greets-text":
                await connection.send("Welcome!")
            elif manner == "greets-binary":
                await connection.send(b"\x00\x01Welcome\xff")
            else:
                every = int(manner.removeprefix("pushes-")) / 1000
                tasks.append(asyncio.create_task(pushing(connection, every)))
        with contextlib.suppress(ConnectionClosed):
            await application(connection)
        for task in tasks:
            task.cancel()

    how = {
        "small": {"max_size": LIMIT},
        "needs-subprotocol": {"subprotocols": ["x-conformance-needed"]},
    }.get(kind, {})
    async with serve(
        handler,
        "127.0.0.1",
        port,
        create_connection=StrictConnection,
        process_request=strictly,
        ping_interval=None,
        backlog=1024,
        **how,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
