"""A client of the permissions protocol: confirmation, requests with their replies, events."""

from __future__ import annotations

import itertools
import json
from typing import Any

from conformance.errors import Inconclusive, Nonconformance
from conformance.recorder import Recorder
from conformance.session.dialect import Dialect
from conformance.session.messages import faults
from conformance.wire.connection import Connection, Event, Message
from conformance.wire.frames import TEXT
from conformance.wire.peer import Limits, Peer, describe

EVENTS = ("permission_changed", "role_updated", "menu_access_updated", "cache_invalidated")
_ids = itertools.count(1)
Json = dict[str, Any]


def _integer(digits: str) -> int | str:
    # Python refuses to read integers of thousands of digits; giving them back is no fault of the server's.
    return int(digits) if len(digits) <= 4000 else digits


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, true and 1 told apart."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Client(Peer):
    """A :class:`Peer` that also speaks the permissions protocol.

    Every message of the server is checked against the message schema and charged to
    ``session.message-schema``. Events and replies wait in ``inbox`` until a verb asks for them.
    What is said and heard passes the backend's ``dialect``.
    """

    confirmation: Json
    first: Message | None = None
    speaks = True

    def __init__(
        self, connection: Connection, limits: Limits, recorder: Recorder, dialect: Dialect | None = None
    ) -> None:
        super().__init__(connection, limits, recorder)
        self.dialect = dialect or Dialect()

    def unasked(self, event: Event) -> bool:
        """Whether a message is an event: somebody may cause one at any time."""
        return self.decode(event).get("type") in EVENTS

    def decode(self, event: Event | None) -> Json:
        """Return a message's JSON object, or an empty one for anything else."""
        if not isinstance(event, Message) or event.opcode != TEXT:
            return {}
        try:
            value = json.loads(self.heard(event).decode(), parse_int=_integer, parse_constant=_no_json)
        except RecursionError:
            return {}  # nested deeper than this reader goes, which breaks no rule
        except ValueError:
            value = None
        wrong = faults(value)
        self.recorder.charge(
            "session.message-schema", kept=not wrong, message=f"{wrong} in {describe(event)}" if wrong else ""
        )
        return value if isinstance(value, dict) else {}

    def heard(self, message: Message) -> bytes:
        """Return the content of a server's message in the specification's words, its values unread."""
        return self.dialect.heard(message.content)

    async def confirmed(self) -> Json:
        """Expect ``connection_confirmed`` as the first message, without asking for it."""
        event = await self.take(lambda e: isinstance(e, Message), self.limits.reply)
        self.first = event if isinstance(event, Message) else None
        message = self.decode(event)
        if message.get("type") != "connection_confirmed":
            raise Nonconformance(
                "the first message is not connection_confirmed",
                expected=["connection_confirmed, unasked"],
                actual=describe(event),
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
        """Send a text message that is written in the specification's words."""
        self.send_text(self.dialect.spoken(text if isinstance(text, bytes) else text.encode()))

    async def reply_to(self, identity: str) -> Json:
        """Expect the reply that carries this ``id``."""
        found: Json = {}

        def wanted(event: Event) -> bool:
            nonlocal found
            message = self.decode(event)
            if message.get("id") == identity:
                found = message
                return True
            return False

        event = await self.take(wanted, self.limits.reply)
        if not found:
            raise Nonconformance(
                "there was no reply with the request's id",
                expected=[f"a message with the id {identity!r}"],
                actual=describe(self.inbox[-1] if self.inbox else event),
            )
        return found

    async def ask(self, kind: str, **members: Any) -> Json:
        """Send a request with an id of its own and return its reply."""
        identity = f"r{next(_ids)}"
        self.say(kind, id=identity, **members)
        return await self.reply_to(identity)

    async def heartbeat(self, data: Json | None = None) -> Json:
        """Send a heartbeat and expect its ``heartbeat_ack`` with the same data.

        Where the profile says that the backend has none, a Ping stands in for one without data.
        """
        if data is None and self.dialect.lacks("heartbeat"):
            await self.ping()
            return {}
        members = {} if data is None else {"data": data}
        reply = await self.ask("heartbeat", **members)
        if reply.get("type") != "heartbeat_ack" or (data is not None and not same(reply.get("data"), data)):
            raise Nonconformance(
                "a heartbeat was not given back",
                expected=["heartbeat_ack with the same data"],
                actual=json.dumps(reply)[:300],
            )
        return reply

    async def alive(self) -> None:
        """Prove by Ping and heartbeat that connection and application work before a fault is tried."""
        await super().alive()
        if not self.speaks:
            return
        try:
            await self.heartbeat()
        except Nonconformance as error:
            raise Inconclusive(f"the control failed before the fault was sent: {error.actual}") from error

    async def allowed(self, permission: str) -> bool:
        """Ask whether a permission is held."""
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

    async def expect_event(self, kind: str, timeout: float | None = None) -> Json:
        """Expect the next event, which must be of this type; replies are left in the inbox."""
        found: Json = {}

        def wanted(event: Event) -> bool:
            nonlocal found
            message = self.decode(event)
            if message.get("type") in EVENTS:
                found = message
                return True
            return False

        event = await self.take(wanted, timeout or self.limits.event)
        if found.get("type") != kind:
            raise Nonconformance(
                f"the event {kind} did not come",
                expected=[kind],
                actual=describe(event) if not found else str(found),
            )
        return found

    async def expect_no_event(self) -> None:
        """Expect that no event is waiting: a heartbeat's reply must be the next thing that comes."""
        await self.heartbeat()
        events = [m for m in map(self.decode, self.inbox) if m.get("type") in EVENTS]
        if events:
            raise Nonconformance(
                "an event came that belongs to somebody else, or came twice",
                expected=["no event before the reply to a later heartbeat"],
                actual=json.dumps(events[0])[:300],
            )
