"""One service behind every address and every connection: Protocol §7."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.ports.programs import sole_holder, who_holds
from conformance.target.identity import Identity, answer, attempt_at, differences, identify
from conformance.target.target import Target
from conformance.wire.handshake import Request

# Eleven independent connections miss one of two equal halves once in a thousand runs (2 · 0.5^11).
CONNECTIONS = 11
# Which of a sample's two connections comes first. A balancer that takes its nodes in turn would give all of
# the first to one and all of the second to another; the Thue-Morse sequence falls in step with none.
STRANGER_FIRST = [bool(number.bit_count() % 2) for number in range(CONNECTIONS)]


async def sample(target: Target, address: str) -> Identity | None:
    """Return who answers at an address, ``None`` where it refuses; what is not sure is asked again."""
    for last in (False, True):
        try:
            found = await identify(target, address)
        except TimeoutError:
            raise silent(target, address) from None
        if found is None:
            return None
        identity, connection = found
        connection.shut()
        if identity.sure or last:
            break
    return identity


def silent(target: Target, address: str) -> Nonconformance:
    """Return the failure of an address that neither refuses nor accepts TCP."""
    return Nonconformance(
        f"{address} neither accepts nor refuses TCP",
        expected=["the same service", "TCP refused"],
        actual=f"nothing within {target.limits.handshake:g} s",
    )


async def holders(target: Target) -> str:
    """Return who holds the port, as a sentence of evidence."""
    return await asyncio.to_thread(who_holds, target.url.port)


async def held_by_one(target: Target) -> bool:
    """Note who holds the port, and return whether that is one program: whoever answers is the same then."""
    alone = await asyncio.to_thread(sole_holder, target.url.port)
    if alone:
        target.recorder.observe(f"one program holds the port: {alone}")
    return bool(alone)


@pytest.mark.smoke
@pytest.mark.requirement("port.addresses-same-service")
async def test_every_address_is_the_same_service_or_refuses(target: Target) -> None:
    sampled = {address: await sample(target, address) for address in target.endpoint.addresses}
    found = {address: identity for address, identity in sampled.items() if identity is not None}
    target.recorder.observe(", ".join(f"{one} {'answers' if one in found else 'refuses'}" for one in sampled))
    if not found:
        raise Inconclusive(f"no address of {target.url.host} accepts TCP: {', '.join(sampled)}")
    shown = [one for one in found.values() if one.sure]
    if len(set(found.values())) > 1:
        told = "; ".join(f"{address}: {one.apart(found.values())}" for address, one in found.items())
        raise Nonconformance(
            f"{target.url.host} is several services, by address",
            expected=["the same service at every address", "TCP refused"],
            actual=f"{told}. {await holders(target)}",
        )
    if not any(one.upgraded for one in shown) and not await held_by_one(target):
        raise Inconclusive(f"nobody showed who it is: {next(iter(found.values()))}. {await holders(target)}")


@pytest.mark.requirement("port.repeated-connections")
async def test_repeated_connections_reach_the_same_service(target: Target) -> None:
    seen: list[Identity] = []
    async with contextlib.AsyncExitStack() as stack:
        for stranger_first in STRANGER_FIRST:
            found = await identify(target, target.endpoint.host, stranger_first=stranger_first)
            if found is None:
                raise Inconclusive(f"TCP to {target.url} was refused")
            identity, connection = found
            stack.callback(connection.shut)  # held open meanwhile, so that workers take turns
            seen.append(identity)
    sure = [one for one in seen if one.sure]
    if len(set(sure)) > 1:
        raise Nonconformance(
            f"{CONNECTIONS} connections did not all reach the same service",
            expected=["one service"],
            actual=f"{differences(sure)}. {await holders(target)}",
        )
    if len(sure) < len(seen) and await held_by_one(target):
        return
    if len(sure) < len(seen):
        raise Inconclusive(
            f"{len(seen) - len(sure)} of {len(seen)} connections showed nobody's identity: "
            f"{next(one for one in seen if not one.sure)}. {await holders(target)}"
        )
    if not any(one.upgraded for one in sure):
        raise Inconclusive(f"nobody showed who it is: {sure[0]}. {await holders(target)}")


@pytest.mark.smoke
@pytest.mark.requirement("port.http-is-websocket-too")
async def test_what_answers_http_accepts_handshakes_too(target: Target) -> None:
    lines = tuple(pair for pair in target.opening().headers if pair[0] in {"Host", "User-Agent"})
    for address in target.endpoint.addresses:
        try:
            plain = await attempt_at(target, address, Request(target.at("/"), lines))
            upgrade = await attempt_at(target, address, target.opening())
        except TimeoutError:
            raise silent(target, address) from None
        if plain is None or upgrade is None:
            continue
        plain.connection.shut()
        upgrade.connection.shut()
        target.recorder.observe(f"{address}: GET / → {plain}, a handshake → {upgrade}")
        if plain.response is not None and not upgrade.upgraded:
            raise Nonconformance(
                f"an HTTP-only server answers at {address}",
                expected=["101 Switching Protocols"],
                actual=f"a handshake → {answer(upgrade)}; GET / → {answer(plain)}. {await holders(target)}",
            )
