"""One service behind every address and every connection: Protocol §7."""

from __future__ import annotations

import contextlib

import pytest

from conformance.errors import Inconclusive, Nonconformance
from conformance.ports.identity import Identity, attempt_at, identify
from conformance.target.target import Target
from conformance.wire.handshake import Request

# Eleven independent connections miss one of two equal halves once in a thousand runs (2 · 0.5^11).
CONNECTIONS = 11


async def sample(target: Target, address: str) -> Identity | None:
    """Return who answers at an address, ``None`` where it refuses."""
    try:
        found = await identify(target, address)
    except TimeoutError:
        raise silent(target, address) from None
    if found is None:
        return None
    identity, connection = found
    connection.shut()
    return identity


def silent(target: Target, address: str) -> Nonconformance:
    """Return the failure of an address that neither refuses nor accepts TCP."""
    return Nonconformance(
        f"{address} neither accepts nor refuses TCP",
        expected=["the same service", "TCP refused"],
        actual=f"nothing within {target.limits.handshake:g} s",
    )


@pytest.mark.smoke
@pytest.mark.requirement("port.addresses-same-service")
async def test_every_address_is_the_same_service_or_refuses(target: Target) -> None:
    sampled = {address: await sample(target, address) for address in target.endpoint.addresses}
    found = {address: identity for address, identity in sampled.items() if identity is not None}
    target.recorder.observe(", ".join(f"{one} {'answers' if one in found else 'refuses'}" for one in sampled))
    if not found:
        raise Inconclusive(f"no address of {target.url.host} accepts TCP: {', '.join(sampled)}")
    if len(set(found.values())) > 1:
        raise Nonconformance(
            f"{target.url.host} is several services, by address",
            expected=["the same service at every address", "TCP refused"],
            actual="; ".join(f"{address}: {one.apart(found.values())}" for address, one in found.items()),
        )


@pytest.mark.requirement("port.repeated-connections")
async def test_repeated_connections_reach_the_same_service(target: Target) -> None:
    seen: dict[Identity, int] = {}
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            found = await identify(target, target.url.host)
            if found is None:
                raise Inconclusive(f"TCP to {target.url} was refused")
            identity, connection = found
            stack.callback(connection.shut)  # held open meanwhile, so that workers take turns
            seen[identity] = seen.get(identity, 0) + 1
    if len(seen) > 1:
        raise Nonconformance(
            f"{CONNECTIONS} connections reached {len(seen)} services",
            expected=["one service"],
            actual="; ".join(f"{count} times {one.apart(seen)}" for one, count in seen.items()),
        )


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
                actual=f"{upgrade} to a handshake, {plain} to GET /, "
                f"Server: {plain.response.get('Server') or 'not said'}",
            )
