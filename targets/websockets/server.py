"""The permissions service on the library `websockets`: `python server.py PORT [CONTROL_PORT]`."""

import asyncio
import re
import signal
import sys
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from control import Control
from permissions import MAX_MESSAGE_BYTES, Refusal, Service, subprotocols_of
from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed

LARGEST_BACKLOG = 4 * MAX_MESSAGE_BYTES  # bytes that a client has not read
CHANNEL = re.compile(
    r"(?:https?://[^/?#]+)?/ws/permissions/(?:(?P<anonymous>anonymous)/?|(?P<user_id>[1-9][0-9]{0,18})/)?"
)

service = Service()
changes = Control(service)
closings = set()


def admit(websocket, request):
    """Let the handshake go on, or answer it by HTTP."""
    path, _, query = request.path.partition("?")
    route = CHANNEL.fullmatch(path)
    if route is None:
        return websocket.respond(404, "There is nothing here.\n")
    channel = route["user_id"] or route["anonymous"] or "own"
    try:
        header = request.headers.get_all
        websocket.caller = service.admit(channel, query, header, subprotocols_of(header))
    except Refusal as refusal:
        response = websocket.respond(refusal.status, f"{refusal}\n")
        response.headers.update(refusal.headers)
        return response
    return None


async def converse(websocket):
    """Serve one open connection until it ends."""

    def push(text):
        # Never waits. What a client does not read piles up, but only so far: to skip an event would be a lie.
        broadcast([websocket], text)
        if websocket.transport.get_write_buffer_size() > LARGEST_BACKLOG:
            close(1013)

    def close(code):
        closing = asyncio.create_task(websocket.close(code))
        closings.add(closing)
        closing.add_done_callback(closings.discard)

    broadcast([websocket], service.confirmation(websocket.caller))
    connection = service.join(websocket.caller, push, close)
    try:
        async for received in websocket:
            answer = service.answer(websocket.caller, received)
            if answer is not None:
                await websocket.send(answer)
    except ConnectionClosed:
        pass
    finally:
        service.connections.discard(connection)


async def control(reader, writer):
    """Answer one request of the control interface, by hand: the library answers no POST."""
    try:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        target = urlsplit(request.split(" ")[1])
        headers = [line.partition(":")[::2] for line in lines]
        status = changes.answer(
            target.path.removeprefix("/control/"),
            parse_qsl(target.query, keep_blank_values=True),
            client=writer.get_extra_info("peername")[0],
            header=lambda name: [value.strip() for key, value in headers if key.lower() == name],
        )
        writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, IndexError):
        pass
    finally:
        writer.close()


async def main(port, control_port=None):
    if control_port is not None:
        await asyncio.start_server(control, "127.0.0.1", control_port)
    async with serve(
        converse,
        "127.0.0.1",
        port,
        process_request=admit,
        select_subprotocol=lambda websocket, _: websocket.caller.subprotocol,
        max_size=MAX_MESSAGE_BYTES,
        ping_interval=5,
        ping_timeout=8,
        close_timeout=2,
    ) as server:
        # Closes every connection with 1001.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
        await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
