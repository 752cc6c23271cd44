"""The confirmation, heartbeats and `connect`: the session's frame."""

from __future__ import annotations

from websockets.exceptions import ProtocolError
from websockets.protocol import Protocol

from reference_server import server, session
from reference_server.events import Hub
from tests.defects.registry import around, chapter

FIRST = "session/test_confirmation.py"
defect = chapter(FIRST, "session/test_heartbeat.py", "session/test_connect.py")


def confirming(change):
    """Change the members of every connection_confirmed."""

    @around(server, "confirmation")
    def confirmation(original, identity):
        message = session.json.loads(original(identity))
        return session.encode(change(message, identity) or message)


@defect(
    "session.confirmation-first", files=(f"{FIRST}::test_confirmation_comes_first_and_unasked",), sample=False
)
def sends_news_before_the_confirmation() -> None:
    joined = []

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        joined.append(peer)
        if len(joined) > 2:  # the probe's connections are right, or there would be no session to judge
            peer.push('{"type":"news","data":{}}')
        original(self, peer, confirmation)


@defect("session.confirmation-once", files=(FIRST,))
def confirms_again_before_its_first_reply() -> None:
    @around(server.Peer, "reply")
    async def reply(original, self, text):
        if not hasattr(self, "again"):
            self.again = server.confirmation(self.identity)
            self.push(self.again)
        await original(self, text)


SCHEMA = "the schema of connection_confirmed states the same rule"


@defect("session.features", companions={"session.message-schema": SCHEMA})
def leaves_out_the_flag_of_heartbeats() -> None:
    confirming(lambda message, _: message["features"].pop("cache_invalidation") and None)


ANONYMOUS = "the same rule, judged as an identity"


@defect("session.anonymous-user-id", companions={"auth.anonymous": ANONYMOUS})
def calls_anonymous_user_0() -> None:
    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        if peer.websocket.request.path.startswith("/ws/permissions/anonymous/"):
            confirmation = confirmation.replace('"user_id":null', '"user_id":0')
        original(self, peer, confirmation)


@defect(
    "session.server-time",
    companions={"session.server-time-offset": "a moment that cannot be read has no offset to be read"},
)
def knows_a_sixtieth_second() -> None:
    confirming(lambda message, _: message.update(server_time="2026-06-30T23:59:60+00:00"))


@defect("session.server-time-offset")
def says_the_time_without_an_offset() -> None:
    confirming(lambda message, _: message.update(server_time=message["server_time"].removesuffix("+00:00")))


def heartbeats(change):
    """Change a heartbeat before it is answered."""

    @around(session, "heartbeat")
    def heartbeat(original, state, identity, message):
        change(message)
        return original(state, identity, message)

    session.HANDLERS["heartbeat"] = session.heartbeat


@defect("session.heartbeat-echo")
def loses_the_timestamp_0() -> None:
    heartbeats(lambda message: message.get("timestamp") or message.pop("timestamp", None))


@defect("session.heartbeat-echo")
def normalises_the_text_that_it_gives_back() -> None:
    @around(session, "encode")
    def encode(original, message):
        return original(message).replace("e\u0301", "\u00e9")

    server.confirmation.__globals__["encode"] = session.encode


@defect("session.heartbeat-absent-members")
def gives_back_empty_data_where_there_was_none() -> None:
    heartbeats(lambda message: message.setdefault("data", {}))


@defect("session.heartbeat-data-type")
def takes_false_for_no_data() -> None:
    @around(session, "handler_of")
    def handler_of(original, message):
        if message.get("data", {}) is False:
            del message["data"]
        return original(message)


@defect(
    "session.heartbeat-fragmented",
    companions={
        "framing.reassembly": "a message of many fragments is one of its cases",
        "utf8.split-character": "its characters come byte by byte, too",
    },
)
def gives_up_after_64_fragments() -> None:
    @around(Protocol, "recv_frame")
    def recv_frame(original, self, frame):
        self.fragments = 0 if frame.fin else getattr(self, "fragments", 0) + 1
        if self.fragments > 64:
            raise ProtocolError("too many fragments")
        original(self, frame)


def greetings(answer):
    session.HANDLERS["connect"] = answer


def confirmed_as(identity, user_id):
    message = session.json.loads(session.confirmation(identity))
    return {**message, "user_id": user_id}


@defect("session.connect-identity")
def believes_an_anonymous_client_who_it_is() -> None:
    def connect(_, identity, message):
        claimed = message.get("data", {}).get("userId")
        return confirmed_as(identity, claimed) if identity.user_id is None and claimed == 1 else None

    greetings(connect)


@defect("session.connect-identity-of-user")
def lets_a_user_become_anonymous() -> None:
    def connect(_, identity, message):
        claimed = message.get("data", {}).get("userId")
        return confirmed_as(identity, None) if identity.user_id and claimed == "anonymous" else None

    greetings(connect)


@defect("session.connect-tolerated")
def wants_a_number_or_a_text_as_user_id() -> None:
    def connect(_state, _identity, message):
        if isinstance(message.get("data", {}).get("userId"), dict):
            raise session.MessageError("invalid_message", "data.userId must be a number or a string.")

    greetings(connect)
