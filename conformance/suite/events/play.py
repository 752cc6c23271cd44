"""A story of the model, played on the target: each step is taken, then seen from every connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from conformance.client.peer import Limits
from conformance.client.session import Client, Json
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.events.model import ANONYMOUS, BURNS, ModelStep, News, World, told
from conformance.suite.events.story import Change, Story
from conformance.target.attempt import Attempt
from conformance.target.profile import Credential
from conformance.target.routes import ANONYMOUS as ANONYMOUS_PATH
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.ending import came
from conformance.wire.events import Close, Message
from conformance.wire.handshake import Request

NOT_GOOD = frozenset({401, 403})
BUSY = frozenset({1001, 1012, 1013, 4429})
T = TypeVar("T")


@dataclass(slots=True)
class Play:
    """One story on one target: the model's world, and the real connections in it."""

    target: Target
    world: World
    users: Mapping[str, Credential]
    limits: Limits
    story: Story
    bell: bool
    clients: dict[str, Client] = field(default_factory=dict)
    begun: dict[str, tuple[Attempt, bytes]] = field(default_factory=dict)
    changes: dict[News, Change] = field(default_factory=dict)
    permission: str | None = None

    async def perform(self, steps: Iterable[ModelStep]) -> None:
        """Take the steps one by one and compare the target with the model behind each.

        Raises:
            Nonconformance: the target is not as the model says; the message tells the story up to there.

        """
        taken: list[ModelStep] = []
        try:
            for step in steps:
                taken.append(step)
                await self._take(step)
            if self.bell:
                # What came to a wrong address, or came late, is in front of this on each connection.
                last = ModelStep("cache-all", "", "", "0", News("cache_invalidated", None, "0"))
                taken.append(last)
                await self._take(last)
        except Nonconformance as fault:
            raise Nonconformance(
                f"{fault.message}, behind this story:",
                expected=fault.expected,
                actual=fault.came,
                story=told(taken),
            ) from None
        finally:
            await self._end()

    async def _end(self) -> None:
        for attempt, _ in self.begun.values():
            attempt.connection.shut()
        await asyncio.gather(*(client.leave() for client in self.clients.values()))
        await self.story.undo()
        if self.world.burned:
            await self.target.control.status("reset")

    async def _take(self, step: ModelStep) -> None:
        await self._act(step)
        self.world.take(step)
        for name in set(self.clients) - set(self.world.channels):
            await self.clients.pop(name).leave()
        for name in set(self.begun) - set(self.world.channels):
            self.begun.pop(name)[0].connection.shut()
        if step.verb in {"grant", "revoke"}:
            self.permission = step.subject
        if not step.swift:
            faults = await asyncio.gather(*map(self._compare, self.world.open), return_exceptions=True)
            for fault in filter(None, faults):  # none is left behind that still listens
                raise fault
            self.permission = None

    async def _act(self, step: ModelStep) -> None:
        if step.news is not None:
            change = self.changes[step.news] = self._change(step)
            await self.story.cause(change)
        elif step.verb in BURNS:
            user = self.users[step.user]
            named = {"token": user.token} if step.verb == "revoke-token" else {"user_id": user.user_id}
            await self.target.control(step.verb, **named)
        elif step.verb in {"open", "begin", "dawdle"}:
            await self._begin(step)
            if step.verb == "open":
                await self._finish(step)
        elif step.verb == "finish":
            await self._finish(step)
        else:
            await self._use(self.clients[step.connection], step)

    def _change(self, step: ModelStep) -> Change:
        assert step.news is not None
        user = self.users[step.news.user] if step.news.user else None
        if step.verb in {"grant", "revoke"}:
            assert user is not None
            return self.story.permission(user, self._named(step.subject), granted=step.verb == "grant")
        if step.verb.startswith("cache"):
            return self.story.cache(user)
        assert user is not None
        return self.story.roles(user) if step.verb == "roles" else self.story.menus(user)

    def _named(self, subject: str) -> str:
        return f"{self.story.mark}.{subject}"

    async def _use(self, client: Client, step: ModelStep) -> None:
        if step.verb == "close":
            await client.leave()
        elif step.verb == "break":
            client.connection.reset()
        elif step.verb == "greet":
            others = [one for name, one in self.users.items() if name != step.user]
            client.say("connect", data={"userId": str(others[0].user_id if others else 1)})
        elif step.verb == "check":
            await self._agree(client, step.connection, step.subject)
        if step.verb in {"close", "break"}:
            del self.clients[step.connection]

    # Opening.

    def _request(self, step: ModelStep) -> Request:
        if step.user == ANONYMOUS:
            return self.target.opening(self.target.at(ANONYMOUS_PATH))
        user = self.users[step.user]
        path = f"{OWN}{user.user_id}/" if step.subject else OWN
        return self.target.opening(self.target.at(path), token=user.token)

    async def _begin(self, step: ModelStep) -> None:
        request = self._request(step)
        connection = await self.target.tcp(f"{step.connection}, {step.user}'s")
        encoded = request.encode()
        half = len(encoded) // 2 if step.verb == "dawdle" else len(encoded)
        connection.expect_response_to(request)
        connection.write(encoded[:half])
        self.begun[step.connection] = (Attempt(request, connection), encoded[half:])

    async def _finish(self, step: ModelStep) -> None:
        attempt, rest = self.begun[step.connection]
        attempt.connection.write(rest)
        await attempt.connection.read_response(self.limits.handshake)
        client = self.target.client(attempt.connection)
        client.limits = self.limits
        self.clients[step.connection] = client
        del self.begun[step.connection]
        if step.user in self.world.burned:
            await self._expect_nobody(attempt, client, step.user)
        else:
            await self._expect_confirmed(attempt, client, step)

    async def _expect_nobody(self, attempt: Attempt, client: Client, user: str) -> None:
        if not attempt.upgraded:
            return
        event = await client.take(lambda one: isinstance(one, Message | Close), self.limits.reply)
        if client.decode(event).get("user_id") == self.users[user].user_id:
            raise Nonconformance(
                f"the burned token of {user} opened a connection",
                expected=["a refusal", "Close 4401", "user_id null"],
                actual=came(event),
            )

    async def _expect_confirmed(self, attempt: Attempt, client: Client, step: ModelStep) -> None:
        wanted = None if step.user == ANONYMOUS else self.users[step.user].user_id
        expected = [f"{step.connection} confirmed with user_id {'null' if wanted is None else wanted}"]
        if not attempt.upgraded:
            if attempt.status in NOT_GOOD:
                raise Nonconformance(f"{step.user} was refused", expected=expected, actual=attempt)
            raise Inconclusive(f"a connection of {step.user} was refused: {attempt}")
        try:
            await client.confirmed()
        except Nonconformance as fault:
            if any(isinstance(one, Close) and one.code in BUSY for one in client.inbox):
                raise Inconclusive(f"a connection of {step.user} was closed: {fault.actual}") from None
            what = f"the first message on {step.connection} was not its confirmation"
            raise Nonconformance(what, expected=expected, actual=fault.came) from None
        if client.user_id != wanted:
            raise Nonconformance(
                f"{step.user} was confirmed as somebody else",
                expected=expected,
                actual=f"user_id {client.user_id}",
            )

    # Comparing.

    async def _compare(self, name: str) -> None:
        """Expect what is due on a connection, and behind it nothing more before the answer to a request."""
        client, channel = self.clients[name], self.world.channels[name]
        while channel.due:
            await self._hear(name, client)
        if self.permission is not None:
            await self._agree(client, name, self.permission)
        else:
            await self._answered(name, client.heartbeat({"on": name}))
        self._expect_nothing_more(name, client)

    async def _hear(self, name: str, client: Client) -> None:
        channel = self.world.channels[name]
        due = channel.due[0]
        message, event = await self.story.next(client)
        if message and self.changes[due].announced_by(message):
            channel.due.pop(0)
            channel.maybe.clear()  # an older one would now be out of order
        elif not self._perhaps(name, message):
            shown = self._news(message) if message else came(event)
            where = f"{name}, a connection of {channel.user}"
            raise Nonconformance(
                f"another event came on {where}" if message else f"an event did not come on {where}",
                expected=[f"{name}: {due}"],
                actual=shown if message or event else f"nothing in {self.limits.event:g} s",
            )

    def _perhaps(self, name: str, message: Json) -> bool:
        """Whether this is something that the connection may have heard of on its way in."""
        maybe = self.world.channels[name].maybe
        for position, one in enumerate(maybe):
            if self.changes[one].announced_by(message):
                del maybe[: position + 1]
                return True
        return False

    def _expect_nothing_more(self, name: str, client: Client) -> None:
        waiting = [message for message in map(client.decode, client.inbox) if self.story.tells(message)]
        client.inbox.clear()
        for message in waiting:
            if not self._perhaps(name, message):
                user = self.world.channels[name].user
                raise Nonconformance(
                    f"an event too many came on {name}, a connection of {user}",
                    expected=[f"{name}: nothing more"],
                    actual=self._news(message),
                )

    def _news(self, message: Json) -> str:
        """Return an event as the story calls it."""
        for news, change in self.changes.items():
            if change.announced_by(message):
                return f"{news} of {news.user}" if news.user else f"{news} of everybody"
        return json.dumps({name: message.get(name) for name in ("type", "data")}, ensure_ascii=False)[:200]

    async def _agree(self, client: Client, name: str, permission: str) -> None:
        user = self.world.channels[name].user
        allowed = self.world.allowed(user, permission)
        found = await self._answered(name, client.allowed(self._named(permission)))
        if found is not allowed:
            raise Nonconformance(
                f"check_permission on {name}, a connection of {user}, contradicts the changes",
                expected=[f"{permission} allowed: {str(allowed).lower()}"],
                actual=f"allowed: {str(found).lower()}",
            )

    async def _answered(self, name: str, asking: Awaitable[T]) -> T:
        try:
            return await asking
        except Nonconformance as fault:
            raise Nonconformance(
                f"{fault.message}, on {name}", expected=fault.expected, actual=fault.came
            ) from None
