"""What the tests of permessage-deflate share: offers, what became of them, and data that comes back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from conformance.client.peer import fragments
from conformance.client.session import Client
from conformance.core.errors import NotApplicable
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.frames import TEXT, Frame

HEADER = "Sec-WebSocket-Extensions"
PLAIN = "permessage-deflate"
OFFERS = [
    PLAIN,
    f"{PLAIN}; client_max_window_bits",
    f"{PLAIN}; client_max_window_bits=10",
    f"{PLAIN}; server_max_window_bits=9",
    f"{PLAIN}; server_max_window_bits=10",
    f"{PLAIN}; server_no_context_takeover; server_max_window_bits=15",
    f"{PLAIN}; server_no_context_takeover",
    f"{PLAIN}; client_no_context_takeover",
    f"{PLAIN}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
]


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
    """Open a connection on which messages come back, with compression in force, and say what was agreed.

    Raises:
        NotApplicable: the offer was declined.

    """
    async with target.upgraded(target.echo_opening(extra=[(HEADER, offer)])) as peer:
        agreement = agreed(peer)
        if target.has("session") and not peer.echoes:
            await peer.confirmed()
        yield peer, agreement


def packed(payload: bytes, *, fin: bool = True, opcode: int = TEXT) -> Frame:
    """Return the first or only frame of a compressed message."""
    return Frame(opcode, payload, fin=fin, rsv1=True)


def in_parts(parts: Iterable[bytes], opcode: int = TEXT) -> list[Frame]:
    """Return the frames of a fragmented compressed message: RSV1 stands on the first of them only."""
    first, *rest = fragments(parts, opcode)
    return [replace(first, rsv1=True), *rest]
