"""A target that accepted no opening handshake: whether another connection fares better, and who is there.

Two programs behind one URL answer by chance, or by address. A run that gave up at the first refusal would
be a verdict by chance too, and the chapter on the port could not say what is wrong.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Sequence

from conformance.ports.listeners import listeners
from conformance.ports.programs import who_holds
from conformance.target.endpoint import Tried, claims, hear, looked_at, others, users_of
from conformance.target.identity import attempt_at
from conformance.target.target import Target
from conformance.target.tls import WANTS_OURS

TRIES = 11  # one of two equal halves is missed by all of them once in 2000 times


async def served_elsewhere(target: Target, asked: Iterable[Tried]) -> Tried | None:
    """Try more connections, to each address of the target; from then on use the one that serves.

    Silence costs the bound of one handshake. It is suffered again only where somebody else can answer: at
    another address, or from another listening socket.

    Args:
        target: the server under test.
        asked: what was refused.

    Returns:
        What was accepted, or ``None``.

    """
    claimed, named = claims(target), [(one.path, one.user) for one in asked]
    own = [(path, user) for path in others(target) for user in users_of(target)]
    for path, user in dict.fromkeys([*named, *own]):
        request = target.opening(path, token=user.token if user else None)
        addresses = [address for address in target.endpoint.addresses for _ in range(TRIES)]
        found = await asyncio.gather(
            *(attempt_at(target, address, request) for address in addresses), return_exceptions=True
        )
        attempts = [
            (address, one)
            for address, one in zip(addresses, found, strict=True)
            if one is not None and not isinstance(one, BaseException)
        ]
        chosen = next((pair for pair in attempts if pair[1].upgraded), None)
        for _, one in attempts:
            if chosen is None or one is not chosen[1]:
                one.connection.shut()
        if chosen is not None:
            target.learn(address=chosen[0])
            made = await looked_at(target, path, user, chosen[1])
            if made.kind == "serves":
                await hear(target, made, claimed=claimed)
            if made.kind == "serves" and (claimed or made.speaks or (path, user) in named):
                return made
            await made.client.leave()
        elif not any(one.response for _, one in attempts):
            return None
    return None


async def alone(target: Target) -> bool:
    """Return whether one listening socket is all that can answer."""
    return (
        len(target.endpoint.addresses) == 1 and len(await asyncio.to_thread(listeners, target.url.port)) == 1
    )


def silence_of(target: Target, one: Tried) -> str:
    """Return what there was instead of an HTTP response, and what to do about it."""
    connection, url = one.attempt.connection, target.url
    garbage, bound = connection.garbage, target.limits.handshake
    begun = connection.unfinished
    if garbage is not None and garbage[:1] in {b"\x15", b"\x16"}:  # a TLS record: an alert, or a handshake
        return f"{url} answers with TLS. Give the URL as wss://"
    if garbage is not None:
        return f"{url} answers, but not with HTTP: {garbage[:40]!r}"
    if connection.tls_fault:
        return f"{url} ended TLS behind its handshake ({connection.tls_fault}). " + WANTS_OURS
    if begun:
        how = (
            "ends TCP in the middle of a response"
            if connection.end
            else "answers by a response without an end"
        )
        return f"{url} {how}, within {bound:g} s of an opening handshake: {begun[:40]!r}"
    if connection.interim:
        last = connection.interim[-1]
        return (
            f"{url} answers an opening handshake with interim responses alone, within {bound:g} s: "
            f"{len(connection.interim)}, the last {last!r}"
        )
    if connection.end is not None:
        hint = WANTS_OURS if url.secure else "Does this port speak TLS? Then the URL is wss://"
        return f"{url} accepts TCP and ends it without an answer. {hint}"
    return f"{url} accepts TCP but gave no answer to an opening handshake within {bound:g} s"


def no_websocket(asked: Sequence[Tried]) -> str:
    """Return how opening handshakes were refused, and what to do about it."""
    left = next((one for one in asked if one.kind == "leaves"), None)
    if left is not None:
        return f"{left}. Give credentials and carriers in a profile (--profile)."
    one = next(one for one in asked if one.attempt.response is not None)
    response = one.attempt.response
    assert response is not None
    server = response.get("Server")
    by = f" by {server!r}" if server else ""
    hint = {
        404: "An HTTP server without WebSocket routes, or another server than you think, holds the port.",
        401: "Give credentials and carriers in a profile (--profile).",
        403: "Give credentials, or allowed_origins, in a profile (--profile).",
        426: "The server wants another upgrade than WebSocket version 13.",
    }.get(response.status, "Check path and server.")
    return f"no opening handshake was accepted: {one.path} was answered {response.line!r}{by}. {hint}"


def reason(fault: str, target: Target, *, local: bool) -> str:
    """Return why there is nothing to judge, who holds the port as far as it is seen, and where to ask.

    Args:
        fault: why, in a sentence.
        target: the server under test.
        local: whether the port is on this machine.

    """
    holders = who_holds(target.url.port) if local else ""
    command = shlex.join(["conformance", "doctor", str(target.url)])
    return " ".join(
        filter(None, [f"{fault.rstrip('.')}.", holders, f"Run `{command}` for the cause and what to do."])
    )
