"""Servers that are right in another way than the reference server: nothing of theirs may turn red."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from reference_server import events, server, session
from reference_server.handshake import Refusal
from tests.defects.echo import echo_path
from tests.defects.framing import frames
from tests.defects.jwt_tokens import Verifier, speaks
from tests.defects.registry import around
from tests.defects.session import confirmed_as, confirming, greetings

FILES = ("protocol", "session", "auth", "routing", "events")
HANDSHAKES = tuple(
    f"protocol/{one}.py"
    for one in (
        "test_handshake_accepted",
        "test_handshake_bodies",
        "test_handshake_bytes",
        "test_handshake_early",
        "test_handshake_malformed",
        "test_handshake_offers",
        "test_handshake_refusals",
        "test_handshake_refused",
        "test_handshake_size",
        "test_deflate_offers",
    )
)
MANNERS: dict[str, Callable[[], None]] = {}
# What a manner is shown to, where it is not everything.
SHOWN: dict[str, tuple[str, ...]] = {}


def manner(apply: Callable[[], None]) -> Callable[[], None]:
    """Register a server that is right in its own way."""
    MANNERS[apply.__name__.replace("_", "-")] = apply
    return apply


def handshake_manner(apply: Callable[[], None]) -> Callable[[], None]:
    """Register a server whose opening handshakes alone are right in their own way."""
    SHOWN[apply.__name__.replace("_", "-")] = HANDSHAKES
    return manner(apply)


@manner
def refuses_everything_with_403() -> None:
    """As ASGI servers do, whatever the application's reason was."""

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        try:
            return original(self, connection, request)
        except Refusal as refusal:
            if refusal.status in {401, 403, 404}:
                raise Refusal(403, "") from None
            raise


@manner
def refuses_tokens_behind_the_upgrade() -> None:
    """By Close 4401, the only refusal that a browser's script can read."""

    @around(server, "identify")
    def identify(original, state, channel, **how):
        try:
            return original(state, channel, **how)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            chosen = "bearer" if "bearer" in how["subprotocols"] else None
            return server.Identity(None, (), None, chosen), refusal

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        answer = original(self, connection, request)
        if isinstance(getattr(connection, "identity", None), tuple):
            connection.identity, connection.refusal = connection.identity
        return answer

    @around(server.PermissionsServer, "converse")
    async def converse(original, self, websocket):
        if hasattr(websocket, "refusal"):
            await websocket.close(4401, "A valid token is required.")
        else:
            await original(self, websocket)


@manner
def says_more_than_it_has_to() -> None:
    """More members in messages, more features, and one more confirmation in answer to `connect`."""
    confirming(
        lambda message, _: message | {"version": 2, "features": message["features"] | {"presence": True}}
    )

    @around(session, "encode")
    def encode(original, message):
        return original({**message, "x-trace": "0af7651916cd43dd"})

    greetings(lambda _state, identity, _message: confirmed_as(identity, identity.user_id))


@manner
def adds_members_that_nobody_knows_to_every_object() -> None:
    """In every message and at every level but inside what a client gave and gets back."""
    more = {
        "x-trace": "0af7651916cd43dd",
        "x-cause": {"type": "error", "id": "other", "data": {"code": "internal", "allowed": True}},
        "x-announces": ["permission_changed", "connection_confirmed"],
        "ключ": None,
    }

    def richer(value):
        if isinstance(value, dict):
            return {**{name: richer(one) for name, one in value.items()}, **more}
        return [richer(one) for one in value] if isinstance(value, list) else value

    @around(session, "encode")
    def encode(original, message):
        given = {"data": message["data"]} if message["type"] == "heartbeat_ack" and "data" in message else {}
        return original(richer(message) | given)

    events.encode = session.encode


@manner
def adds_such_members_to_what_a_browser_hears() -> None:
    adds_members_that_nobody_knows_to_every_object()


SHOWN["adds-such-members-to-what-a-browser-hears"] = ("browser",)


@manner
def is_stricter_with_bytes_than_it_has_to_be() -> None:
    """An empty Close is answered by 1000, lengths must be minimal, broken text fails at its first byte."""

    @around(Protocol, "send_frame")
    def send_frame(original, self, frame):
        if frame.opcode is Opcode.CLOSE and not frame.data:
            frame = Frame(Opcode.CLOSE, b"\x03\xe8")
        original(self, frame)

    decoders = {}

    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        pieces = []

        def read(size):
            piece = yield from read_exact(size)
            pieces.append(bytes(piece))
            length = pieces[0][1] & 0x7F
            if (
                len(pieces) == 2
                and length > 125
                and int.from_bytes(piece, "big") < {126: 126, 127: 65536}[length]
            ):
                raise ProtocolError("the length is not minimal")
            return piece

        return (yield from original(read, **how))

    def fail_fast(protocol, frame):
        if frame.opcode is Opcode.TEXT and not frame.fin:
            decoders[protocol.id] = codecs.getincrementaldecoder("utf-8")()
        if frame.opcode in {Opcode.TEXT, Opcode.CONT} and protocol.id in decoders:
            decoders[protocol.id].decode(bytes(frame.data), final=frame.fin)
            if frame.fin:
                del decoders[protocol.id]
        return frame

    frames(fail_fast)


@manner
def verifies_hs256_tokens() -> None:
    speaks(Verifier())


@manner
def verifies_eddsa_tokens() -> None:
    class Asymmetric(Verifier):
        algorithm = "EdDSA"

    speaks(Asymmetric())


@manner
def has_an_echo_path_too() -> None:
    """Beside the permissions protocol, and unknown to the profile unless it is told."""
    echo_path()
