"""The permissions service on Starlette: an ASGI application, for any server of one process."""

import asyncio
from urllib.parse import parse_qsl

from control import Control
from permissions import Refusal, Service
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

LONGEST_QUEUE = 1000

service = Service()
changes = Control(service)


async def refuse(websocket: WebSocket, refusal: Refusal) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        response = PlainTextResponse(str(refusal), refusal.status, refusal.headers)
        await websocket.send_denial_response(response)
    else:
        await websocket.close()  # the server makes a 403 of it


async def open_channel(websocket: WebSocket) -> None:
    """Refuse a handshake or accept it, and serve the connection until it ends."""
    scope = websocket.scope
    channel = scope["path"].split("/")[3] or "own"
    query = scope["query_string"].decode("latin-1")
    # Routes see the decoded path: what is spelt otherwise is not ours.
    if scope.get("raw_path", b"").decode("latin-1") != scope["path"]:
        return await refuse(websocket, Refusal(404, "There is nothing here."))
    if scope["http_version"] in {"1.0", "1"}:  # granian writes 1
        return await refuse(websocket, Refusal(426, "WebSocket needs HTTP/1.1."))
    try:
        caller = service.admit(channel, query, websocket.headers.getlist, scope["subprotocols"])
    except Refusal as refusal:
        return await refuse(websocket, refusal)
    await websocket.accept(caller.subprotocol)
    return await converse(websocket, caller)


async def nowhere(websocket: WebSocket) -> None:
    await refuse(websocket, Refusal(404, "There is nothing here."))


async def converse(websocket: WebSocket, caller) -> None:
    events: asyncio.Queue[str] = asyncio.Queue(LONGEST_QUEUE)
    ended = asyncio.get_running_loop().create_future()

    def close(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    def push(text: str) -> None:
        try:
            events.put_nowait(text)
        except asyncio.QueueFull:
            close(1013)  # too slow; to skip an event would be a lie

    async def deliver() -> None:
        while True:
            await websocket.send_text(await events.get())

    async def listen() -> None:
        while (message := await websocket.receive())["type"] == "websocket.receive":
            text = message.get("text")
            received = message.get("bytes") or b"" if text is None else text
            answer = service.answer(caller, received)
            if answer is not None:
                await websocket.send_text(answer)

    connection = service.join(caller, push, close)
    tasks = []
    try:
        await websocket.send_text(service.confirmation(caller))
        tasks = [asyncio.create_task(deliver()), asyncio.create_task(listen())]
        await asyncio.wait([*tasks, ended], return_when=asyncio.FIRST_COMPLETED)
    except WebSocketDisconnect:
        pass
    finally:
        service.connections.discard(connection)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended.done() and websocket.client_state is WebSocketState.CONNECTED:
        await websocket.close(ended.result())


async def control(request: Request) -> Response:
    status = changes.answer(
        request.path_params["action"],
        parse_qsl(request.url.query, keep_blank_values=True),
        client=request.client.host if request.client else "",
        header=request.headers.getlist,
    )
    return Response(status_code=status)


async def upgrade_required(request: Request) -> Response:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return PlainTextResponse("This is a WebSocket endpoint.\n", 426, headers)


PATHS = (
    "/ws/permissions/",
    "/ws/permissions/anonymous",
    "/ws/permissions/anonymous/",
    "/ws/permissions/{user_id}/",
)
app = Starlette(
    routes=[
        *(WebSocketRoute(path, open_channel) for path in PATHS),
        *(Route(path, upgrade_required) for path in PATHS),
        WebSocketRoute("/{path:path}", nowhere),
        Route("/control/{action}", control, methods=["POST"]),
    ]
)
