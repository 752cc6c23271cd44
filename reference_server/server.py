"""The server: from an HTTP request to an open connection, and to its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from .events import CLOSE_TIMEOUT, Hub, Peer
from .handshake import (
    SERVER_HEADER,
    Refusal,
    StrictConnection,
    asks_for_upgrade,
    check_handshake,
    check_http,
    is_authority,
    upgrade_required,
)
from .identity import Identity, identify
from .origin import check_origin
from .page import page_response
from .routes import match_channel, split_target
from .session import answer, confirmation

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Sequence

    from websockets.http11 import Request, Response

    from .state import State

STOP_TIMEOUT = 0.5  # seconds


class Connection(StrictConnection):
    """A connection that knows who it is, from the handshake on, and that its server can find."""

    server_open: set[Connection]
    identity: Identity

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection from its first moment, so that it can be dropped at the end."""
        super().connection_made(transport)
        self.server_open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.server_open.discard(self)


class PermissionsServer:
    """The WebSocket server of the protocol, on sockets that listen already.

    `origins` are canonical; `max_message_bytes` bounds a message after inflating; `ping_interval` is how
    often, and half of how long, an idle client is waited for, in seconds.
    """

    def __init__(
        self,
        state: State,
        hub: Hub,
        *,
        origins: Collection[str] = (),
        max_message_bytes: int = 1048576,
        ping_interval: float = 20.0,
    ) -> None:
        self.state = state
        self.hub = hub
        self.origins = origins
        self.max_message_bytes = max_message_bytes
        self.ping_interval = ping_interval
        self._servers: list[Server] = []
        self._open: set[Connection] = set()

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to answer on the sockets."""
        for listener in sockets:
            server = await serve(
                self.converse,
                sock=listener,
                backlog=1024,
                create_connection=self._create_connection,  # type: ignore[arg-type]  # a factory will do
                process_request=self.process_request,
                select_subprotocol=lambda connection, _: select_subprotocol(connection),
                server_header=SERVER_HEADER,
                max_size=self.max_message_bytes,
                # Ours instead, in `keep_alive`: the library closes a silent client with 1011.
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT,
                open_timeout=2 * self.ping_interval,
            )
            self._servers.append(server)

    async def stop(self) -> None:
        """Close the listening sockets, and every connection with 1001; drop those that do not follow."""
        for server in self._servers:
            server.close(code=1001, reason="The server is going away.")
        ended = asyncio.gather(*(server.wait_closed() for server in self._servers))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), STOP_TIMEOUT)
        for connection in list(self._open):
            connection.transport.abort()
        await ended

    def _create_connection(self, *args: Any, **kwargs: Any) -> Connection:
        connection = Connection(*args, **kwargs)
        connection.server_open = self._open
        return connection

    def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request by HTTP, or return None to let the handshake go on."""
        try:
            return self.admit(cast("Connection", connection), request)
        except Refusal as refusal:
            return refusal.response(connection)

    def admit(self, connection: Connection, request: Request) -> Response | None:
        """Decide about a request. Raises `Refusal`; sets the connection's identity when it is admitted."""
        headers = request.headers
        check_http(request)
        authority, path, query = split_target(request.path)
        if authority is None:
            authority = headers["Host"]
        elif not is_authority(authority):
            raise Refusal(400, "The request target is malformed.")
        channel = match_channel(path)
        if not asks_for_upgrade(headers):
            if path == "/":
                return page_response(connection)
            if channel is not None:
                raise upgrade_required("This is a WebSocket endpoint.")
        if channel is None:
            raise Refusal(404, "There is nothing here.")
        subprotocols = check_handshake(headers)
        connection.identity = identify(
            self.state,
            channel,
            headers=headers,
            query=query,
            subprotocols=subprotocols,
            from_page=check_origin(headers, authority, self.origins),
        )
        return None

    async def converse(self, websocket: ServerConnection) -> None:
        """Serve one open connection until it ends."""
        identity = cast("Connection", websocket).identity
        if identity.token is not None and not identity.token.good:
            # It was good when the handshake was answered; a moment is enough.
            await websocket.close(4401, "The token is no longer valid.")
            return
        peer = Peer(websocket, identity)
        self.hub.join(peer, confirmation(identity))
        parts = [
            asyncio.create_task(part) for part in (peer.write(), self.listen(peer), self.keep_alive(peer))
        ]
        try:
            finished, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in finished:
                # A fault of ours is raised here, logged by the library, and closes with 1011.
                part.result()
        finally:
            self.hub.leave(peer)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def listen(self, peer: Peer) -> None:
        """Answer the client's messages one after the other, in their order."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                text = answer(self.state, peer.identity, await peer.websocket.recv())
                if text is not None:
                    await peer.reply(text)

    async def keep_alive(self, peer: Peer) -> None:
        """Ping an open connection now and then; close it when no Pong comes."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(self.ping_interval)
                try:
                    async with asyncio.timeout(self.ping_interval):
                        # Even the Ping may have to wait: a dead client's send buffer is full.
                        await (await peer.websocket.ping())
                except TimeoutError:
                    self.hub.leave(peer)
                    await peer.close(4408, "No Pong came.")
                    return


def select_subprotocol(connection: ServerConnection) -> Subprotocol | None:
    """Answer `bearer` to the client that used it, nothing to others: never one that was not offered."""
    chosen = cast("Connection", connection).identity.subprotocol
    return None if chosen is None else Subprotocol(chosen)
