"""Raw twins: what a browser is about to do, done by a raw client first, so that a divergence names its side.

Raises, each of them: Inconclusive, where the raw client is served as badly; then another chapter judges it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from conformance.client.session import Client, Json
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.browser.pages import allowed_origin, visitor
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.events import Close, Message
from conformance.wire.frames import BINARY, Frame


@contextlib.asynccontextmanager
async def raw_visitor(target: Target) -> AsyncIterator[Client]:
    """Connect as the page's visitor does."""
    user = visitor(target)
    path = target.anonymous_path if user is None else target.at(OWN)
    async with target.connect(path, user=user, origin=None if user else allowed_origin(target)) as client:
        yield client


async def prove_heartbeats(target: Target, *payloads: Json) -> None:
    """Prove that a raw client's heartbeats with these data are given back."""
    async with raw_visitor(target) as client:
        try:
            for data in payloads:
                await client.heartbeat(data)
        except Nonconformance as fault:
            raise Inconclusive(
                f"the raw twin failed: {fault.actual[:100]}; see the chapter session"
            ) from None


async def prove_order(target: Target, names: Sequence[str]) -> None:
    """Prove that a raw client's heartbeats, sent at once, are answered in their order."""
    async with raw_visitor(target) as client:
        for one in names:
            client.say("heartbeat", id=one)
        for one in names:
            event = await client.take(
                lambda e: isinstance(e, Message) and not client.unasked(e), client.limits.reply
            )
            answered = client.decode(event).get("id") if event is not None else None
            if answered != one:
                raise Inconclusive(
                    f"the raw twin failed: {answered!r} in place of {one!r}; see the chapter session"
                )


async def prove_binary_refused(target: Target, content: bytes) -> None:
    """Prove that a raw client's binary message is refused."""
    async with raw_visitor(target) as client:
        client.send(Frame(BINARY, content))
        event = await client.take(
            lambda e: isinstance(e, Message | Close) and not client.unasked(e), client.limits.reply
        )
        if isinstance(event, Message) and client.decode(event).get("type") == "error":
            return
        if not isinstance(event, Close) or event.code != 1003:
            raise Inconclusive("the raw twin failed: its binary message was not refused; see session.binary")
