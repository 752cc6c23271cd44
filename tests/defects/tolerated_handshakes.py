"""Opening handshakes that are right in another way than the reference server's."""

from __future__ import annotations

import re

from websockets import http11
from websockets.server import ServerProtocol

from conformance.wire.handshake import TOKEN, parse_extensions
from reference_server import server
from reference_server.handshake import Refusal, StrictConnection
from tests.defects.handshake import changed_response
from tests.defects.handshake_bytes import heads
from tests.defects.handshake_refusals import answered, worded
from tests.defects.refusals import lenient
from tests.defects.registry import around
from tests.defects.tolerated import MANNERS, SHOWN, handshake_manner

__all__ = ["MANNERS"]

EXTENSIONS = "Sec-WebSocket-Extensions"
STATUS_LINE = b"HTTP/1.1 101 Switching Protocols\r\n"


def written(change) -> None:
    """Change the bytes of every 101."""

    @around(http11.Response, "serialize")
    def serialize(original, self):
        data = original(self)
        return change(data) if data.startswith(STATUS_LINE) else data


@handshake_manner
def words_its_101_in_another_way() -> None:
    """Another reason phrase, names in lower case, another order, more options, fields of its own."""

    def change(headers):
        headers["x-request-id"] = "0af7651916cd43dd"
        headers["Cache-Control"] = "no-store"
        headers["Set-Cookie"] = "visited=1; Path=/"

    changed_response(lambda _, headers: change(headers))

    def rewritten(data):
        lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
        fields = [re.sub(rb"^[\w-]+", lambda name: name[0].lower(), one) for one in reversed(lines)]
        text = b"\r\n".join([b"HTTP/1.1 101 Web Socket Protocol Handshake", *fields, b"", b""])
        return text.replace(b"upgrade: websocket", b"upgrade:WebSocket").replace(
            b"connection: Upgrade", b"connection: keep-alive\r\nconnection: upgrade"
        )

    written(rewritten)


@handshake_manner
def says_no_reason_and_sends_each_byte_of_its_101_alone() -> None:
    """Behind an interim response, which every 1xx but 101 is."""
    written(
        lambda data: (
            b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + data.replace(b" Switching Protocols", b" ")
        )
    )

    @around(StrictConnection, "send_data")
    def send_data(original, self):
        if self._handshake_done:
            original(self)
            return
        write = self.transport.write
        try:
            self.transport.write = lambda data: [write(data[at : at + 1]) for at in range(len(data))]
            original(self)
        finally:
            del self.transport.write


@handshake_manner
def refuses_with_400_and_nothing_else() -> None:
    """Neither 426 nor 405 nor 505, no body, no length: the connection ends with the refusal."""

    def change(refusal, _):
        if refusal.status in {405, 426, 505}:
            refusal.status = 400
            for name in ("Allow", "Upgrade", "Connection"):
                refusal.headers.pop(name, None)

    worded(change)

    def response(_, made):
        made.body = b""
        del made.headers["Content-Length"]

    answered(response)


@handshake_manner
def is_strict_where_it_may_be() -> None:
    """Exact base64, its own host names, no close beside Upgrade, no bytes beyond ASCII, each name once."""

    @around(server, "check_handshake")
    def check_handshake(original, headers):
        offered = original(headers)
        host = headers["Host"].partition(":")[0]
        keys = headers.get_all("Sec-WebSocket-Key")
        for wrong in (
            keys[0][21] not in "AQgw",
            host not in {"127.0.0.1", "localhost"},
            any("close" in one.lower() for one in headers.get_all("Connection")),
            any(not value.isascii() for _, value in headers.raw_items()),
            len(set(offered)) < len(offered),
        ):
            if wrong:
                raise Refusal(421 if host == "other.example" else 400, "No.")
        return offered


@handshake_manner
def is_lenient_where_it_may_be() -> None:
    """Folds, single LFs, any later HTTP, any Host, websocket/13, frames before the 101 dropped."""
    heads(lambda head, _: re.sub(rb"(?<=[^\r\n])\r\n[ \t]+(?![Uu]pgrade:)", b" ", head))

    lenient("Upgrade", lambda values: [one.replace("websocket/13", "websocket") for one in values])
    lenient("Host", lambda values: [one or "localhost" for one in values])

    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        if data.startswith(b"GET ") and b"\r" not in data:
            data = data.replace(b"\n", b"\r\n")
        original(self, re.sub(rb" HTTP/(1\.2|2\.0)(?=\r\n)", b" HTTP/1.1", data))
        self._early = b""


@handshake_manner
def passes_over_what_is_malformed_in_a_list() -> None:
    """No extension out of a malformed list, and only whole tokens of the subprotocols: strict only."""
    lenient(EXTENSIONS, lambda values: values if parse_extensions(", ".join(values)) else [])
    lenient(
        "Sec-WebSocket-Protocol",
        lambda values: list(filter(None, [", ".join(filter(TOKEN.fullmatch, names(one))) for one in values])),
    )


SHOWN["passes-over-what-is-malformed-in-a-list"] += ("auth/test_malformed_pair.py",)


def names(value):
    return [one.strip() for one in value.split(",")]


@handshake_manner
def understands_drafts_and_declines_everything_else() -> None:
    """Versions 7 and 8 are spoken and named; no extension is accepted."""
    drafts = {"7", "8"}
    lenient("Sec-WebSocket-Version", lambda values: ["13" if one in drafts else one for one in values])

    @around(ServerProtocol, "process_extensions")
    def process_extensions(original, self, headers):
        original(self, headers)
        return None, []

    def change(refusal, _):
        if "Sec-WebSocket-Version" in refusal.headers:
            refusal.headers["Sec-WebSocket-Version"] = "13, 8, 7"

    worded(change)


@handshake_manner
def ends_a_handshake_that_comes_in_more_than_64_segments() -> None:
    """As tungstenite does: it takes it for an attack."""

    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        self.segments = getattr(self, "segments", 0) + 1
        if self.segments > 64 and not self._handshake_done:
            self.transport.abort()
        else:
            original(self, data)
