"""A target that accepted no opening handshake: whether another connection fares better, and who is there.

Two programs behind one URL answer by chance, or by address. A run that gave up at the first refusal would
be a verdict by chance too, and the chapter on the port could not say what is wrong.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable

from conformance.ports.identity import attempt_at
from conformance.ports.listeners import listeners
from conformance.ports.programs import who_holds
from conformance.target.profile import Credential
from conformance.target.target import Attempt, Target

TRIES = 11  # one of two equal halves is missed by all of them once in 2000 times


async def upgraded_elsewhere(
    target: Target, tried: Iterable[tuple[str, Credential | None]]
) -> Attempt | None:
    """Try more connections, to each address of the target; from then on use the one that upgrades.

    ``tried`` are the paths and users that were refused. Silence costs the bound of one handshake, and is
    suffered again only where somebody else can answer: at another address, or from another listening socket.
    """
    for path, user in tried:
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
            target.learn(path=path, user=user.name if user else None, address=chosen[0])
            return chosen[1]
        if not any(one.response for _, one in attempts):
            return None
    return None


async def alone(target: Target) -> bool:
    """Whether one listening socket is all that can answer."""
    return (
        len(target.endpoint.addresses) == 1 and len(await asyncio.to_thread(listeners, target.url.port)) == 1
    )


def reason(fault: str, target: Target, *, local: bool) -> str:
    """Return why there is nothing to judge, who holds the port as far as it is seen, and where to ask."""
    holders = who_holds(target.url.port) if local else ""
    command = shlex.join(["conformance", "doctor", str(target.url)])
    return " ".join(
        filter(None, [f"{fault.rstrip('.')}.", holders, f"Run `{command}` for the cause and what to do."])
    )
