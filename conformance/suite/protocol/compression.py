"""What the tests of permessage-deflate share: offers, what became of them, and data that comes back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping

from conformance.errors import NotApplicable
from conformance.session.client import Client
from conformance.target.target import Target
from conformance.wire import deflate

HEADER = "Sec-WebSocket-Extensions"
PLAIN = "permessage-deflate"


async def settle(target: Target, peer: Client) -> None:
    """Prove that a compressed connection works before a fault is tried on it."""
    agreed(peer)
    if target.has("session"):
        await peer.confirmed()
    await peer.alive()
    peer.inbox.clear()


def agreed(peer: Client) -> deflate.Agreement:
    """Return the agreement of a connection on which compression was accepted a moment ago."""
    response = peer.connection.response
    found = deflate.agreement(response.get(HEADER) if response else None)
    if found is None:
        raise NotApplicable("this offer was declined, which a server may do")
    return found


async def answer_to(target: Target, *lines: str) -> str | None:
    """Return the extensions that a server accepts of an offer in one or more header lines.

    ``None`` where it accepts none, or refuses the handshake.
    """
    attempt = await target.attempt(target.opening(extra=[(HEADER, line) for line in lines]))
    attempt.connection.shut()
    return attempt.response.get(HEADER) if attempt.upgraded and attempt.response else None


@contextlib.asynccontextmanager
async def compressed(target: Target, offer: str = PLAIN) -> AsyncIterator[tuple[Client, deflate.Agreement]]:
    """Open a confirmed connection with compression in force, and say what was agreed.

    Raises:
        NotApplicable: the offer was declined.

    """
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        agreement = agreed(peer)
        await peer.confirmed()
        yield peer, agreement


def heartbeat(target: Target, identity: str, data: Mapping[str, object]) -> bytes:
    """Return a heartbeat's content."""
    return target.spoken(json.dumps({"type": "heartbeat", "id": identity, "data": data}).encode())


async def expect_data(target: Target, peer: Client, identity: str, data: Mapping[str, object]) -> None:
    """Expect a heartbeat's data back."""
    reply = await peer.reply_to(identity)
    target.expect(
        reply.get("data") == data,
        "a message came back changed",
        expected=[str(data)[:120]],
        actual=str(reply)[:200],
    )
