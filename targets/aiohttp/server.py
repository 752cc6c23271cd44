"""The permissions service on aiohttp: `python server.py PORT`."""

import asyncio
import contextlib
import sys
from urllib.parse import parse_qsl

from aiohttp import HttpVersion11, WSCloseCode, WSMsgType, web
from control import Control
from permissions import MAX_MESSAGE_BYTES, Refusal, Service, subprotocols_of

LONGEST_QUEUE = 1000
HEARTBEAT = 8.0  # seconds between Pings; a client that does not answer within half of it is dropped
CLOSE_TIMEOUT = 2.0

service = Service()
changes = Control(service)


def header_of(request):
    return lambda name: request.headers.getall(name, [])


async def open_channel(request):
    """Refuse a handshake or accept it, and serve the connection until it ends."""
    path, _, query = request.raw_path.partition("?")
    channel = request.match_info.get("user_id") or ("anonymous" if "anonymous" in path else "own")
    if request.headers.get("Upgrade", "").lower() != "websocket" or request.version < HttpVersion11:
        raise web.HTTPUpgradeRequired(headers={"Upgrade": "websocket", "Connection": "Upgrade"})
    if "%" in path or "#" in path:
        raise web.HTTPNotFound  # routes see a path with needless escapes removed
    try:
        header = header_of(request)
        caller = service.admit(channel, query, header, subprotocols_of(header))
    except Refusal as refusal:
        return web.Response(status=refusal.status, text=str(refusal), headers=refusal.headers)
    # aiohttp refuses a message of exactly `max_msg_size`: the service says itself what is too large.
    websocket = web.WebSocketResponse(
        protocols=("bearer",), heartbeat=HEARTBEAT, timeout=CLOSE_TIMEOUT, max_msg_size=2 * MAX_MESSAGE_BYTES
    )
    await websocket.prepare(request)
    await converse(websocket, caller, request.transport)
    return websocket


async def converse(websocket, caller, transport):
    events = asyncio.Queue(LONGEST_QUEUE)
    endings = []

    def close(code):
        if not endings:
            endings.append(asyncio.create_task(end(code)))

    def push(text):
        try:
            events.put_nowait(text)
        except asyncio.QueueFull:
            close(WSCloseCode.TRY_AGAIN_LATER)  # too slow; to skip an event would be a lie

    async def end(code):
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await websocket.close(code=code)
        except TimeoutError:
            transport.abort()  # it reads nothing, so the Close frame cannot reach it

    async def deliver():
        with contextlib.suppress(ConnectionError):
            while True:
                await websocket.send_str(await events.get())

    connection = service.join(caller, push, close)
    delivery = None
    try:
        await websocket.send_str(service.confirmation(caller))
        delivery = asyncio.create_task(deliver())
        async for message in websocket:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                answer = service.answer(caller, message.data)
                if answer is not None:
                    await websocket.send_str(answer)
    except ConnectionError:
        pass
    finally:
        service.connections.discard(connection)
        if delivery is not None:
            delivery.cancel()
        await asyncio.gather(*endings, return_exceptions=True)


async def control(request):
    status = changes.answer(
        request.match_info["action"],
        parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True),
        client=request.remote,
        header=header_of(request),
    )
    return web.Response(status=status)


async def close_all(app):
    for connection in list(service.connections):
        connection.close(WSCloseCode.GOING_AWAY)


def application():
    app = web.Application()
    app.add_routes([
        web.get("/ws/permissions/", open_channel, allow_head=False),
        web.get("/ws/permissions/anonymous", open_channel, allow_head=False),
        web.get("/ws/permissions/anonymous/", open_channel, allow_head=False),
        web.get("/ws/permissions/{user_id:[1-9][0-9]{0,18}}/", open_channel, allow_head=False),
        web.post("/control/{action}", control),
    ])  # fmt: skip
    app.on_shutdown.append(close_all)
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
