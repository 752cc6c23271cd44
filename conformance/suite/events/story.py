"""What the tests of events are told with: changes, their announcements, and who sees them when."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.client.matching import AnyOrder, says
from conformance.client.session import EVENTS, Client, Json
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.ending import came
from conformance.wire.events import Close, End, Event, Message

FLAGS = {
    "permission_changed": "permission_notifications",
    "role_updated": "role_updates",
    "menu_access_updated": "menu_access_updates",
    "cache_invalidated": "cache_invalidation",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change that the control interface can make, and the event that has to announce it."""

    action: str
    parameters: dict[str, object]
    event: str
    data: dict[str, Any]

    def announced_by(self, message: Json) -> bool:
        """Whether a message is this change's event: its type, and every member of its data."""
        wanted = {
            name: AnyOrder(tuple(value)) if isinstance(value, list) else value
            for name, value in self.data.items()
        }
        return says(message, {"type": self.event, "data": wanted})

    def __str__(self) -> str:
        """Describe the event as a person expects it."""
        return f"{self.event} {json.dumps(self.data, ensure_ascii=False)}"


class Story:
    """The changes of one test: real ones, told from everybody else's by a mark in their names.

    Permissions that were granted are revoked at the end; roles and menus keep the names given last.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.mark = f"t{secrets.token_hex(4)}"
        self._serial = 0
        self._granted: dict[tuple[int, str], Change] = {}
        self._made: dict[int, tuple[Change, float, float]] = {}
        self._seen: dict[Client, set[str]] = {}

    # Changes.

    def name(self, suffix: str = "") -> str:
        """Return a name that nobody used before."""
        self._serial += 1
        return f"{self.mark}.{self._serial}{suffix}"

    def permission(self, user: Credential, name: str | None = None, *, granted: bool = True) -> Change:
        """Grant or revoke a permission, a new one where no name is given."""
        name = name or self.name()
        data = {"user_id": user.user_id, "permission": name, "granted": granted}
        action = "grant" if granted else "revoke"
        return Change(action, {"user_id": user.user_id, "permission": name}, "permission_changed", data)

    def run(self, user: Credential, count: int) -> list[Change]:
        """Grant and revoke one permission in turns."""
        name = self.name()
        return [self.permission(user, name, granted=turn % 2 == 0) for turn in range(count)]

    def roles(self, user: Credential) -> Change:
        """Give a user two roles."""
        return self._names("set-roles", "roles", "role_updated", user)

    def menus(self, user: Credential) -> Change:
        """Give a user two menus."""
        return self._names("set-menus", "menus", "menu_access_updated", user)

    def _names(self, action: str, member: str, event: str, user: Credential) -> Change:
        names = [self.name("a"), self.name("b")]
        parameters = {"user_id": user.user_id, member: ",".join(names)}
        return Change(action, parameters, event, {"user_id": user.user_id, member: names})

    def cache(self, user: Credential | None) -> Change:
        """Invalidate the cache of one user, or of all."""
        keys = [self.name("k"), self.name("l")]
        parameters: dict[str, object] = {"scope": "user" if user else "all", "keys": ",".join(keys)}
        if user is not None:
            parameters["user_id"] = user.user_id
        return Change(
            "invalidate-cache", parameters, "cache_invalidated", {"scope": parameters["scope"], "keys": keys}
        )

    def of_each_type(self, user: Credential) -> list[Change]:
        """Return one change of each type, all of one user."""
        return [self.permission(user), self.roles(user), self.menus(user), self.cache(user)]

    async def cause(self, *changes: Change) -> None:
        """Make changes, each visible before the next is made."""
        for change in changes:
            asked = time.perf_counter()
            await self.target.control(change.action, **change.parameters)
            self._made[id(change)] = (change, asked, time.perf_counter())
            if change.event == "permission_changed":
                key = (change.data["user_id"], change.data["permission"])
                if change.data["granted"]:
                    self._granted[key] = change
                else:
                    self._granted.pop(key, None)

    async def undo(self) -> None:
        """Revoke what is still granted."""
        for user_id, name in list(self._granted):
            await self.target.control.status("revoke", user_id=user_id, permission=name)

    # Connections.

    @contextlib.asynccontextmanager
    async def connect(
        self,
        user: Credential | None,
        path: str | None = None,
        *,
        events: Iterable[str] = ("permission_changed",),
        carrier: str | None = None,
    ) -> AsyncIterator[Client]:
        """Open a connection that is confirmed as ``user`` and delivers these events.

        Raises:
            Inconclusive: it was confirmed as somebody else.
            NotApplicable: it says by its features that one of the events is not delivered.

        """
        path = path or (self.target.anonymous_path if user is None else self.target.at(OWN))
        async with self.target.connect(path, user=user, carrier=carrier) as client:
            wanted = user.user_id if user else None
            if client.user_id != wanted:
                raise Inconclusive(
                    f"a connection that this test needs was confirmed as {client.user_id}, not as {wanted}"
                )
            for event in events:
                client.dialect.needs(event)
                if not delivers(client, event):
                    raise NotApplicable(f"connection_confirmed says {FLAGS[event]}: false")
            yield client

    # Announcements.

    def tells(self, message: Json) -> bool:
        """Whether a message is an event of this story, and not of somebody else's."""
        return message.get("type") in EVENTS and self.mark in json.dumps(message.get("data"))

    async def next(self, client: Client) -> tuple[Json, Event | None]:
        """Return the next event of this story, or an empty object and what came instead."""
        last: Event | None = None
        deadline = time.monotonic() + 2 * client.limits.event  # however much comes of other stories
        while True:
            bound = min(client.limits.event, deadline - time.monotonic())
            event = client.inbox.pop(0) if client.inbox else await client.connection.event(bound)
            if isinstance(event, Close):
                client.inbox.insert(0, event)
            if event is None or isinstance(event, Close | End):
                return {}, event or last
            message = client.decode(event)
            if self.tells(message):
                return message, event
            if isinstance(event, Message):
                last = event

    async def tell(self, clients: Sequence[Client], *changes: Change, once: bool = False) -> None:
        """Make changes one by one and expect each one's event on each connection before the next."""
        for change in changes:
            await self.cause(change)
            for client in clients:
                await self.expect(client, change, once=once)

    async def prove(self, client: Client, *changes: Change) -> None:
        """Make changes and prove that they are announced to whom they concern.

        Raises:
            Inconclusive: they are not, so that it proves nothing when others hear nothing.

        """
        try:
            await self.tell([client], *changes)
        except Nonconformance as fault:
            raise Inconclusive(f"a change was not announced to its own user: {fault.actual}") from None

    async def expect(self, client: Client, *changes: Change, once: bool = False) -> list[Json]:
        """Expect the events of these changes next, in this order, and nothing of this story between them.

        A second copy of an event is passed over, unless ``once`` says that it is what is judged.
        """
        return [await self._expect(client, change, once=once) for change in changes]

    async def _expect(self, client: Client, change: Change, *, once: bool) -> Json:
        seen = self._seen.setdefault(client, set())
        message, event = await self.next(client)
        while str(message.get("event_id")) in seen and not change.announced_by(message) and not once:
            message, event = await self.next(client)
        if not message:
            raise Nonconformance("an event did not come", expected=[str(change)], actual=came(event))
        if not change.announced_by(message):
            data = message.get("data") or {}
            if str(message.get("event_id")) in seen:
                what = "an event came twice on one connection"
            elif data.get("user_id", client.user_id) != client.user_id:
                what = (
                    f"an event of user {data['user_id']} came to a connection of {client.user_id or 'nobody'}"
                )
            else:
                what = "another event came where this one was due"
            found = json.dumps({"type": message.get("type"), "data": data}, ensure_ascii=False)
            raise Nonconformance(what, expected=[str(change)], actual=found[:300])
        seen.add(str(message.get("event_id")))
        self._judge_delay(client, change, event)
        return message

    def _judge_delay(self, client: Client, change: Change, event: Event | None) -> None:
        made = self._made.get(id(change))
        if made is not None and event is not None:
            came = client.connection.transcript.began + event.time
            self.target.recorder.sample("event after its change was asked for", max(came - made[1], 0.0))
            delay = came - made[2]
            self.target.recorder.charge(
                "events.prompt",
                kept=delay <= client.limits.prompt,
                message=f"{change.event} came {delay:.1f} s after its change",
            )


def delivers(client: Client, event: str) -> bool:
    """Whether the confirmation's features promise an event."""
    features = client.confirmation.get("features")
    promised = isinstance(features, dict) and features.get(FLAGS[event]) is not False
    return promised and not client.dialect.lacks(event)
