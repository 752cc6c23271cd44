"""An echo path for the reference server, which has none: what comes back on it may be changed."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

from websockets.exceptions import ConnectionClosed

from reference_server import server
from reference_server.handshake import check_handshake, check_http
from tests.defects.registry import around

ECHO = {"anonymous = true": 'anonymous = true\necho = "/echo"'}


def echo_path(change=lambda message: message) -> None:
    """Give back each message on ``/echo``, changed."""

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if request.path != "/echo":
            return original(self, connection, request)
        check_http(request)
        check_handshake(request.headers)
        connection.identity = SimpleNamespace(subprotocol=None)
        connection.echoes = True
        return None

    @around(server.PermissionsServer, "converse")
    async def converse(original, self, websocket):
        if not hasattr(websocket, "echoes"):
            await original(self, websocket)
            return
        with contextlib.suppress(ConnectionClosed):
            while True:
                await websocket.send(change(await websocket.recv()))
