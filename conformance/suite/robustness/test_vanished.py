"""Clients that vanished without a word are dropped: Protocol §6."""

from __future__ import annotations

import pytest

from conformance.client.peer import Peer, describe
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import Told
from conformance.net.connection import Connection
from conformance.suite.robustness.idling import Idlers
from conformance.target.target import Target
from conformance.wire.events import Close


async def _ends(target: Target, idlers: Idlers, connection: Connection | None, what: str) -> Peer:
    if connection is None:
        raise Inconclusive(f"the connection of {what} could not be opened at the start of the run")
    peer = Peer(connection, target.limits, target.recorder)
    ending = await peer.ending(idlers.left() or 0.1)
    last = ending.close or ending.end
    # A long run comes by late: what counts is when the server dropped it.
    if last is None or last.time > idlers.allowed:
        raise Nonconformance(
            f"{what} was not dropped",
            expected=[f"the end within {target.profile.idle_seconds:g} s, as the profile declares"],
            actual="the connection is open"
            if last is None
            else Told(f"{describe(last)} after {last.time:.0f} s", last.happened),
        )
    target.recorder.observe(describe(last))
    async with target.connect(label="control") as client:  # a server that drops everybody drops idlers too
        await client.alive()
    return peer


@pytest.mark.requirement("robustness.half-open")
async def test_client_that_answers_no_ping_is_dropped(target: Target, idlers: Idlers) -> None:
    peer = await _ends(target, idlers, idlers.silent, "a client that answers nothing")
    close = next((one for one in peer.inbox if isinstance(one, Close)), None)
    if close is not None:
        target.recorder.note(f"it was closed with {close.code}")


@pytest.mark.requirement("robustness.half-handshake-dropped")
async def test_half_a_handshake_is_dropped(target: Target, idlers: Idlers) -> None:
    await _ends(target, idlers, idlers.half, "a client in the middle of its handshake")
