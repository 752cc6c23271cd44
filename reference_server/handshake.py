"""Whether a request is an opening handshake (RFC 6455 section 4.2.1), checked strictly.

`websockets` makes most of these checks itself. They are repeated here, first, for three reasons: some
are stricter (Host, a list in Upgrade, the version's status code), the answers are complete HTTP
responses, and no answer quotes the request, which may carry a token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidHeader, InvalidMessage
from websockets.headers import parse_connection, parse_extension, parse_subprotocol, parse_upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.datastructures import Headers
    from websockets.http11 import Request, Response

SERVER_HEADER = "reference-server"

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_SIXTEEN_BYTES_IN_BASE64 = re.compile(r"[A-Za-z0-9+/]{22}==")
_END_OF_HEAD = b"\r\n\r\n"


class Refusal(Exception):
    """An HTTP answer in place of an upgrade: status code, one line of text, further headers."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self, connection: ServerConnection) -> Response:
        """Build the response; `respond` adds Content-Length and `Connection: close`."""
        response = connection.respond(self.status, self.text + "\n" if self.text else "")
        for name, value in self.headers.items():
            if name in response.headers:
                del response.headers[name]
            response.headers[name] = value
        return response


def check_http(request: Request) -> None:
    """Raise `Refusal` when the request is not one this server answers at all, page or WebSocket."""
    if request.protocol != "HTTP/1.1":
        raise Refusal(505, "HTTP/1.1 is required.")
    if request.method != "GET":
        # An answer to HEAD has no body (RFC 9110 section 9.3.2).
        raise Refusal(405, "" if request.method == "HEAD" else "Only GET is allowed.", Allow="GET")
    hosts = request.headers.get_all("Host")
    if len(hosts) != 1 or not is_authority(hosts[0]):
        raise Refusal(400, "Exactly one valid Host header is required.")
    if "#" in request.path:
        raise Refusal(400, "A request target has no fragment.")


def is_authority(text: str) -> bool:
    """Whether the text is a host with an optional port."""
    return _AUTHORITY.fullmatch(text) is not None


def asks_for_upgrade(headers: Headers) -> bool:
    """Whether the request asks for a WebSocket: item 3 of section 4.2.1.

    The header may be a list; `websockets` wants the one word, so a list is reduced to it.
    """
    protocols = _parse(headers, "Upgrade", parse_upgrade)
    if "websocket" not in [protocol.lower() for protocol in protocols]:
        return False
    del headers["Upgrade"]
    headers["Upgrade"] = "websocket"
    return True


def upgrade_required(text: str) -> Refusal:
    """Return the answer to a request that should have been, or should be another, handshake."""
    return Refusal(426, text, Upgrade="websocket", Connection="Upgrade, close", Sec_WebSocket_Version="13")


def check_handshake(headers: Headers) -> list[str]:
    """Raise `Refusal` unless the headers are a correct handshake; return the subprotocols offered."""
    options = _parse(headers, "Connection", parse_connection)  # item 4
    if "upgrade" not in [option.lower() for option in options]:
        raise upgrade_required('The Connection header must contain "Upgrade".')
    keys = headers.get_all("Sec-WebSocket-Key")  # item 5
    if len(keys) != 1 or not _SIXTEEN_BYTES_IN_BASE64.fullmatch(keys[0]):
        raise Refusal(400, "Exactly one Sec-WebSocket-Key of 16 bytes in base64 is required.")
    versions = headers.get_all("Sec-WebSocket-Version")  # item 6
    if len(versions) != 1:
        raise Refusal(400, "Exactly one Sec-WebSocket-Version is required.")
    if versions[0] != "13":
        # Section 4.4: the versions that are understood come back with the refusal.
        raise upgrade_required("The WebSocket protocol version is 13.")
    _parse(headers, "Sec-WebSocket-Extensions", parse_extension)  # item 9
    return _parse(headers, "Sec-WebSocket-Protocol", parse_subprotocol)  # item 8


def _parse(headers: Headers, name: str, parse: Callable[[str], list[Any]]) -> list[Any]:
    """Return the items of a list header over all its lines."""
    try:
        return [item for value in headers.get_all(name) for item in parse(value)]
    except InvalidHeader:
        raise Refusal(400, f"The {name} header is malformed.") from None


class StrictConnection(ServerConnection):
    """A connection of `websockets` that keeps its manners where the library lets them go.

    * A request that is not HTTP, or has a body, is answered with 400; the library only closes.
    * Frames that come before the handshake is answered wait for the answer; the library would answer
      a Ping with a Pong in front of the 101.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last_bytes = b""
        self._head_ended = False
        self._early = b""
        self._handshake_done = False
        self._client_left = False

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Perform the opening handshake, then read what the client sent too early."""
        await super().handshake(*args, **kwargs)
        self._handshake_done = True
        early, self._early = self._early, b""
        if early:
            super().data_received(early)

    def data_received(self, data: bytes) -> None:
        """Give the library the head of the request, and nothing behind it until that is answered."""
        refused = self.response is not None and self.response.status_code != 101
        if self._handshake_done or refused or self.protocol.handshake_exc is not None:
            super().data_received(data)
        elif self._head_ended:
            self._early += data
        else:
            # The blank line may be cut by the end of a segment.
            window = self._last_bytes + data
            end = window.find(_END_OF_HEAD)
            if end < 0:
                self._last_bytes = window[-3:]
                super().data_received(data)
            else:
                self._head_ended = True
                size = end + len(_END_OF_HEAD) - len(self._last_bytes)
                self._early = data[size:]
                super().data_received(data[:size])

    def eof_received(self) -> None:
        """Remember that nobody waits for an answer."""
        self._client_left = True
        super().eof_received()

    def send_data(self) -> None:
        """Write what the library has to send, behind the 400 that it leaves out."""
        if isinstance(self.protocol.handshake_exc, InvalidMessage) and not self._client_left:
            self._client_left = True
            response = Refusal(400, "This is not a WebSocket opening handshake.").response(self)
            response.headers["Server"] = SERVER_HEADER
            self.transport.write(response.serialize())
        super().send_data()
