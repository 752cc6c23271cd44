"""A client that speaks the permissions protocol: confirmation, requests with their replies, events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from conformance.client.dialect import Dialect
from conformance.client.matching import Returned, says
from conformance.client.messages import faults
from conformance.client.nonce import given_back
from conformance.client.peer import Limits, Peer, describe
from conformance.client.recorder import Recorder
from conformance.client.sizes import Sizes
from conformance.core.errors import Nonconformance
from conformance.net.connection import Connection
from conformance.wire.ending import came
from conformance.wire.events import Close, Event, Message, happened
from conformance.wire.frames import TEXT

REPLIES = ("heartbeat_ack", "permission_result", "error")
EVENTS = ("permission_changed", "role_updated", "menu_access_updated", "cache_invalidated")
DEEPEST = 100
Json = dict[str, Any]
numbers = itertools.count(1)  # of requests, and of all that must not be taken for another


def _integer(digits: str) -> int | str:
    # Python refuses to read integers of thousands of digits; giving them back is no fault of the server's.
    return int(digits) if len(digits) <= 4000 else digits


def _deep(content: bytes, value: Any) -> bool:
    """Return whether a value is nested deeper than can be written again, RecursionError or not."""
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return False
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [each for one in inner for each in one if isinstance(each, (dict, list))]
    return bool(level)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_READER = json.JSONDecoder(parse_int=_integer, parse_constant=_no_json)


class Speaker(Peer):
    """A :class:`Peer` that also speaks the permissions protocol.

    Every message of the server is checked against the message schema and charged to
    ``session.message-schema``. Events and replies wait in ``inbox`` until a verb asks for them.
    What is said and heard passes the backend's ``dialect``.
    """

    confirmation: Json
    first: Message | None = None
    speaks = True
    echoes = False  # this path gives back each message as it came
    chatty = False  # it also sends messages of its own
    sizes = Sizes()  # how large a message may be
    confirms = False  # it begins with connection_confirmed

    def __init__(
        self, connection: Connection, limits: Limits, recorder: Recorder, dialect: Dialect | None = None
    ) -> None:
        super().__init__(connection, limits, recorder)
        self.dialect = dialect or Dialect()
        self._carried: dict[bytes, Json] = {}

    async def _renew(self) -> None:
        await super()._renew()
        if self.confirms:
            await self.confirmed()

    def answering(self, events: Sequence[Event], *, said: bytes = b"") -> list[Message]:
        """Return the messages that answer what was sent since the last control, known by their content.

        An echo gives back what was said, with or without what is no UTF-8 in it; a server of the permissions
        protocol sends nothing but replies and events.
        """
        meant = [*self.said, b"".join(self.said), *([said] if said else [])] if self.said or said else []
        back = {one for content in meant for one in given_back(content)} if self.echoes else set()
        marked = super().answering(events, said=said)
        return [
            one
            for one in events
            if isinstance(one, Message) and (one in marked or one.content in back or self._replies(one))
        ]

    def _replies(self, message: Message) -> bool:
        return self.speaks and not self.echoes and self.decode(message).get("type") in REPLIES

    def unasked(self, event: Event) -> bool:
        """Return whether a message is an event: somebody may cause one at any time."""
        if self.echoes:
            return self.chatty
        return self.decode(event).get("type") in EVENTS

    def answers(self, event: Event) -> bool:
        """Return whether an event answers what was sent.

        That is a Close frame, or a message that nobody else caused.
        """
        if isinstance(event, Message):
            return self.echoes or not self.unasked(event)
        return isinstance(event, Close)

    def decode(self, event: Event | None) -> Json:
        """Return a message's JSON object, or an empty one for anything else."""
        if not isinstance(event, Message) or event.opcode != TEXT:
            return {}
        try:
            value = _READER.decode(self.heard(event).decode())
            if _deep(event.content, value):
                return {}
        except RecursionError:
            return {}  # nested deeper than this reader goes, which breaks no rule
        except ValueError:
            value = None
        wrong = "" if self.echoes else faults(value)  # an echo is no message of the server's own
        self.recorder.charge(
            "session.message-schema", kept=not wrong, message=f"{wrong} in {describe(event)}" if wrong else ""
        )
        return value if isinstance(value, dict) else {}

    def heard(self, message: Message) -> bytes:
        """Return the content of a server's message in the specification's words, its values unread."""
        return self.dialect.heard(message.content)

    async def confirmed(self) -> Json:
        """Expect ``connection_confirmed`` as the first message, without asking for it.

        Returns:
            The message.

        Raises:
            Nonconformance: another message came first, or none in time.

        """
        event = await self.take(lambda e: isinstance(e, Message), self.limits.reply)
        self.first = event if isinstance(event, Message) else None
        message = self.decode(event)
        if message.get("type") != "connection_confirmed":
            raise Nonconformance(
                "the first message is not connection_confirmed",
                expected=["connection_confirmed, unasked"],
                actual=describe(event),
                happened=happened(event),
            )
        self.confirmation = message
        return message

    @property
    def user_id(self) -> int | None:
        """The identity that the server confirmed: a user's id, or ``None`` for anonymous."""
        return self.confirmation.get("user_id")

    def say(self, kind: str, **members: Any) -> None:
        """Send a message of a type with these members."""
        self.tell(json.dumps({"type": kind, **members}))

    def tell(self, text: str | bytes) -> None:
        """Send a text message that is written in the specification's words.

        Raises:
            NotApplicable: it is longer than the server takes.

        """
        content = self.dialect.spoken(text if isinstance(text, bytes) else text.encode())
        self.sizes.need(len(content))
        self.send_text(content)

    async def reply_to(self, identity: str, timeout: float | None = None) -> Json:
        """Expect the reply that carries this ``id``.

        Args:
            identity: the ``id`` of the request.
            timeout: seconds; by default the bound of a reply.

        Returns:
            The reply.

        Raises:
            Nonconformance: no such message came in time.

        """
        found: Json = {}

        def wanted(event: Event) -> bool:
            nonlocal found
            message = self.decode(event)
            if message.get("id") == identity:
                found = message
                return True
            return False

        event = await self.take(wanted, timeout or self.limits.reply)
        if not found:
            raise Nonconformance(
                "there was no reply with the request's id",
                expected=[f"a message with the id {identity!r}"],
                actual=came(self.inbox[-1] if self.inbox else event),
                happened=happened(event),
            )
        return found

    async def ask(self, kind: str, **members: Any) -> Json:
        """Send a request with an id of its own and return its reply.

        Args:
            kind: the type of the request.
            members: its other members.

        Returns:
            The reply.

        """
        identity = f"r{next(numbers)}"
        self.say(kind, id=identity, **members)
        return await self.reply_to(identity)

    async def heartbeat(self, data: Json | None = None) -> Json:
        """Send a heartbeat and expect its ``heartbeat_ack`` with the same data.

        Where the profile says that the backend has none, a Ping stands in for one without data.

        Returns:
            The reply; an empty object where a Ping stood in.

        Raises:
            Nonconformance: the reply does not hold the same data.

        """
        if data is None and self.dialect.lacks("heartbeat"):
            await self.ping()
            return {}
        members = {} if data is None else {"data": data}
        reply = await self.ask("heartbeat", **members)
        if not says(reply, {"type": "heartbeat_ack"} | self.returned(**members)):
            raise Nonconformance(
                "a heartbeat was not given back",
                expected=["heartbeat_ack with the same data"],
                actual=json.dumps(reply)[:300],
            )
        return reply

    def returned(self, **members: Any) -> Json:
        """Return which members a heartbeat's reply has, where the heartbeat had these.

        Where a dialect lets the members of ``data`` stand beside the type, unknown ones stand among them.
        """
        flat = "heartbeat_ack" in self.dialect.flat
        return {
            name: value if flat and name == "data" else Returned(value) for name, value in members.items()
        }

    async def allowed(self, permission: str) -> bool:
        """Ask whether a permission is held.

        Returns:
            What the server says.

        Raises:
            Nonconformance: the reply does not say it.

        """
        reply = await self.ask("check_permission", data={"permission": permission})
        data = reply.get("data")
        answer = data.get("allowed") if isinstance(data, dict) else None
        if reply.get("type") != "permission_result" or not isinstance(answer, bool):
            raise Nonconformance(
                "check_permission was not answered",
                expected=["permission_result with data.allowed"],
                actual=json.dumps(reply)[:300],
            )
        return answer

    async def expect_no_event(self) -> None:
        """Expect that no event is waiting: a heartbeat's reply must be the next thing that comes.

        Raises:
            Nonconformance: an event came first.

        """
        await self.heartbeat()
        events = [m for m in map(self.decode, self.inbox) if m.get("type") in EVENTS]
        if events:
            raise Nonconformance(
                "an event came that belongs to somebody else, or came twice",
                expected=["no event before the reply to a later heartbeat"],
                actual=json.dumps(events[0])[:300],
            )
