"""Which path is tested: the one that was named, unless the permissions protocol is found where none was.

The URL that was given is asked first, as it was given. The permissions protocol's own paths are asked after
it, and one of them is taken only where it sends ``connection_confirmed`` and the named path does not serve:
it refuses, or the user named a server and no path, or declares that the backend speaks that protocol. A
path that hangs, resets or refuses is no reason not to judge another.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.target.attempt import Attempt
from conformance.target.echo import Echo, find_echo
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.wire.events import Close, End

PINGS = 8
# How a path takes an opening handshake and a Ping behind it. `leaves`: it accepts, and ends the connection
# by itself. `wrong`: it answers, in a way that no right server does.
Kind = Literal["serves", "wrong", "leaves", "refuses", "silent"]


@dataclass(slots=True)
class Tried:
    """What became of an opening handshake on one path, with the token of one user."""

    path: str
    user: Credential | None
    attempt: Attempt
    client: Client
    kind: Kind
    what: str = ""
    round_trip: float = 0.0
    session: Capability | None = None
    echo: Echo | None = None
    misfit: Inconclusive | None = None

    @property
    def speaks(self) -> bool:
        """Whether it speaks the permissions protocol, be it in other words than the profile says."""
        return self.misfit is not None or (self.session is not None and self.session.present)

    def __str__(self) -> str:
        """Return what was asked and what came, as a person says it."""
        by = f" with the token of {self.user.name}" if self.user else ""
        came = "was accepted" if self.kind == "serves" else f"was answered {self.attempt}"
        return f"{self.path}{by} {self.what or came}"


async def tried(target: Target, path: str, user: Credential | None) -> Tried:
    """Open a path, and send a Ping where it is accepted; the caller leaves the client.

    Args:
        target: the server under test.
        path: the path.
        user: whose token is sent, if any.

    Returns:
        What the path is like.

    Raises:
        Unreachable: no connection could be made.

    """
    attempt = await target.attempt(target.opening(path, token=user.token if user else None))
    return await looked_at(target, path, user, attempt)


async def looked_at(target: Target, path: str, user: Credential | None, attempt: Attempt) -> Tried:
    """Return what a path is like whose opening handshake was answered so.

    Args:
        target: the server under test.
        path: the path.
        user: whose token is sent, if any.
        attempt: how its opening handshake was answered.

    """
    client = target.client(attempt.connection)
    made = Tried(path, user, attempt, client, "refuses")
    if attempt.upgraded:
        try:
            # Here, and not later: an application may end a connection on which nobody logs in.
            made.round_trip = statistics.median([await _ping_time(client) for _ in range(PINGS)])
            made.kind = "serves"
        except Nonconformance as error:
            made.kind, made.what = await _unanswered(target, made, error.actual)
    elif attempt.claims_to_switch:
        made.kind = "wrong"
        made.what = f"answered a legal opening handshake wrongly: {attempt}"
    elif attempt.response is None:
        made.kind = "silent"
    return made


async def _ping_time(client: Client) -> float:
    began = client.connection.transcript.now()
    return (await client.ping()).time - began


async def _unanswered(target: Target, made: Tried, actual: str) -> tuple[Kind, str]:
    """Return whether a server breaks on a Ping, or an application sends away whom it does not know."""
    connection = made.client.connection
    left = connection.gone or any(frame.opcode == 0x8 for frame in connection.received_frames)
    if left and await _leaves_by_itself(target, made):
        return "leaves", f"accepts an opening handshake and then ends the connection: {actual}"
    return "wrong", f"accepted an opening handshake, but a Ping was not answered by its Pong: {actual}"


async def _leaves_by_itself(target: Target, made: Tried) -> bool:
    """Return whether a connection on which nothing is said is ended too, so that no Ping is to blame."""
    attempt = await target.attempt(made.attempt.request)
    client = target.client(attempt.connection)
    try:
        if not attempt.upgraded:
            return True
        event = await client.take(lambda one: isinstance(one, Close), target.limits.prompt)
        return isinstance(event, Close | End)
    finally:
        await client.leave()


async def hear(target: Target, one: Tried, *, claimed: bool) -> None:
    """Find out whether a path that serves speaks the permissions protocol, and whether it echoes.

    What gives back any text does not begin to speak by itself: there the confirmation is not waited for.

    Args:
        target: the server under test.
        one: the path, which is given what is found.
        claimed: whether the profile says that it speaks the protocol.

    """
    waiting = asyncio.create_task(session_of(one.client, one.path, claimed=claimed))
    one.echo = await find_echo(target, one.path, one.user)
    if one.echo.text_back and not claimed:
        waiting.cancel()
        await asyncio.wait([waiting])
        one.session = no_session(f"{one.path} gives back what it is sent")
        return
    try:
        one.session = await waiting
    except Inconclusive as misfit:  # which matters where this path is the one that is tested
        one.misfit, one.session = misfit, no_session(str(misfit))


async def session_of(client: Client, path: str, *, claimed: bool) -> Capability:
    """Return whether a path sends ``connection_confirmed``.

    Args:
        client: an open connection.
        path: the path that it was opened on.
        claimed: whether the profile says that it speaks the protocol.

    Raises:
        Inconclusive: the first message shows that the profile's dialect does not fit.

    """
    try:
        await client.confirmed()
    except Nonconformance as error:
        if client.first is not None and (misfit := client.dialect.misfit(client.first.content)):
            raise Inconclusive(f"the dialect does not fit the backend: {misfit}") from None
        evidence = f"the first message on {path} was {error.actual}, not connection_confirmed"
        return no_session(evidence, claim="session.confirmation-first" if claimed else None)
    if client.first is not None and (misfit := client.dialect.misfit(client.first.content)):
        raise Inconclusive(f"the dialect does not fit the backend: {misfit}")
    return Capability("session", present=True, evidence=f"{path} sent connection_confirmed")


def no_session(evidence: str, claim: str | None = None) -> Capability:
    """Return the capability of a server without the permissions protocol."""
    unlock = "serve the permissions protocol"
    return Capability("session", present=False, evidence=evidence, unlock=unlock, claim=claim)


def claims(target: Target) -> bool:
    """Return whether the profile says that the backend speaks the permissions protocol.

    Credentials, carriers and origins say nothing of the kind: every backend may have them.
    """
    profile = target.profile
    return bool(profile.controlled or profile.dialect or profile.routes != type(profile.routes)())


def users_of(target: Target) -> Sequence[Credential | None]:
    """Return with whose tokens a path is tried: nobody's, then the first user's."""
    return (None, *target.users[:1])


def others(target: Target) -> list[str]:
    """Return the paths on which the permissions protocol may be, beside the one that was named."""
    return [one for one in dict.fromkeys((target.at(OWN), target.anonymous_path)) if one != target.url.path]


async def elsewhere(target: Target, *, claimed: bool) -> list[Tried]:
    """Ask the permissions protocol's paths, all at once.

    One that cannot be reached, hangs or misbehaves is left out: it was not named.

    Returns:
        Those that serve, in their order.

    """
    asked = [(path, user) for path in others(target) for user in users_of(target)]
    made = await asyncio.gather(*(_one_elsewhere(target, *one, claimed=claimed) for one in asked))
    return [one for one in made if one is not None]


async def _one_elsewhere(
    target: Target, path: str, user: Credential | None, *, claimed: bool
) -> Tried | None:
    try:
        one = await tried(target, path, user)
    except Unreachable:
        return None
    if one.kind == "serves":
        await hear(target, one, claimed=claimed)
        return one
    await one.client.leave()
    return None


async def chosen(target: Target) -> tuple[Tried | None, list[Tried]]:
    """Return the path that is tested, its connection open, and what became of those that were named.

    Raises:
        Inconclusive: the profile's dialect does not fit what the chosen path says.
        Unreachable: no connection could be made.

    """
    claimed = claims(target)
    asked: list[Tried] = []
    best = await _first_that_serves(target, target.url.path, asked)
    confirmed: list[Tried] = []
    if best is None:
        confirmed = await elsewhere(target, claimed=claimed)
    elif claimed or not target.url.names_a_path:
        confirmed, _ = await asyncio.gather(
            elsewhere(target, claimed=claimed), hear(target, best, claimed=claimed)
        )
    else:
        await hear(target, best, claimed=claimed)
    if best is None or not best.speaks:
        found = next((one for one in confirmed if one.speaks), None)
        if found is None and best is None and claimed:
            found = next(iter(confirmed), None)  # it is to speak, and does not: that is judged
        best = found or best
    if best is None and target.profile.echo is not None:
        best = await _first_that_serves(target, target.profile.echo, asked)
        if best is not None:
            await hear(target, best, claimed=claimed)
    for one in (*asked, *confirmed):
        if one is not best:
            await one.client.leave()
    if best is not None and best.misfit is not None:
        await best.client.leave()
        raise best.misfit
    return best, asked


async def _first_that_serves(target: Target, path: str, asked: list[Tried]) -> Tried | None:
    for user in users_of(target):
        one = await tried(target, path, user)
        asked.append(one)
        if one.kind == "serves":
            return one
        if one.kind == "silent":
            break  # the bound of a handshake is not suffered again
    return None


def fault_of(asked: Sequence[Tried]) -> Tried | None:
    """Return the named path that answers wrongly, where one does: that much can be judged."""
    return next((one for one in asked if one.kind == "wrong"), None)
