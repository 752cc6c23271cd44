"""Before anything is judged: whether the target is there, how long a round trip is, what it can do."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from dataclasses import replace

import psutil

from conformance.client.peer import Limits
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.net.endpoint import Endpoint
from conformance.target import jwt
from conformance.target.connector import PROTOCOL
from conformance.target.echo import echoing, find_echo
from conformance.target.endpoint import Tried, chosen, fault_of
from conformance.target.http2 import offered
from conformance.target.launch import addresses_of
from conformance.target.manners import learn_manners
from conformance.target.profile import CARRIERS, Credential, Profile
from conformance.target.sizing import measured
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.target.tls import tls_context
from conformance.target.unreachable import alone, no_websocket, reason, served_elsewhere, silence_of
from conformance.target.url import ServerURL

# What cannot be looked for on a target that answers wrongly.
UNSEEN = ("session", "heartbeat", "echo", "echo-binary", "deflate", "http2", "http2-websocket")
SAMPLE = 32 * 1024  # octets of the message that tells what the way carries


def endpoint_of(url: ServerURL, profile: Profile) -> Endpoint:
    """Resolve a URL's host.

    Returns:
        Where to connect.

    Raises:
        Unreachable: the name does not resolve.

    """
    try:
        addresses = tuple(address for _, address in addresses_of(url.host))
    except (socket.gaierror, UnicodeError) as error:
        raise Unreachable(f"the host name {url.host!r} does not resolve ({error})") from None
    return Endpoint(url.host, url.port, tls_context(profile) if url.secure else None, addresses=addresses)


def scaled(round_trip: float, scale: float) -> Limits:
    """Return the bounds of a run: their floors plus some round trips, times ``--time-scale``."""
    extra = min(20 * round_trip, 10.0)
    base = Limits()
    return Limits(
        handshake=(base.handshake + extra) * scale,
        reply=(base.reply + extra) * scale,
        close=(base.close + extra) * scale,
        event=(base.event + extra) * scale,
        prompt=(base.prompt + extra) * scale,
        idle=base.idle * scale,
    )


async def probe(target: Target, *, scale: float) -> float:
    """Find out what the target can do and set its bounds.

    Returns:
        The round trip in seconds.

    Raises:
        Unreachable: it does not answer, or not as a WebSocket server.
        Inconclusive: what is needed to find out cannot be had.

    """
    with target.tidied():  # what is open when a part of it fails is shut
        return await _probed(target, scale)


async def _probed(target: Target, scale: float) -> float:
    target.learn(limits=scaled(0.0, scale), addresses=target.endpoint.addresses)
    try:
        one, asked = await chosen(target)
        if one is None and (fault := fault_of(asked)) is not None:
            return await _broken(target, fault)
        one = one or await _by_another_connection(target, asked)
    except Unreachable as fault:
        local = is_local(target.endpoint.addresses)
        raise Unreachable(await asyncio.to_thread(reason, str(fault), target, local=local)) from None
    return await _measure(target, one, asked, scale)


async def _by_another_connection(target: Target, asked: list[Tried]) -> Tried:
    """Try again what was refused: two servers behind one URL answer by chance, or by address.

    Returns:
        The one that is accepted.

    Raises:
        Unreachable: nobody accepts an opening handshake.

    """
    silence = next((silence_of(target, one) for one in asked if one.kind == "silent"), "")
    if is_local(target.endpoint.addresses) and not (silence and await alone(target)):
        one = await served_elsewhere(target, asked)
        if one is not None:
            return one
    raise Unreachable(silence or no_websocket(asked))


async def _broken(target: Target, fault: Tried) -> float:
    """Take a target that answers, and does so wrongly: what shows just that is judged, and nothing else.

    Returns:
        0: no round trip was measured.

    """
    response = fault.attempt.response
    why = str(fault)
    target.learn(
        *(Capability(name, present=False, evidence=why) for name in UNSEEN),
        *_declared(target),
        *_surroundings(target),
        path=fault.path,
        user=fault.user.name if fault.user else None,
        server=response.get("Server") if response is not None else None,
        fault=why,
        fault_in="frames" if fault.attempt.upgraded else "handshake",
        round_trip=0.0,
    )
    await fault.client.leave()
    return 0.0


async def _measure(target: Target, one: Tried, asked: list[Tried], scale: float) -> float:
    response = one.attempt.response
    assert response is not None
    assert one.session is not None
    client, round_trip, profile = one.client, one.round_trip, target.profile
    target.learn(
        one.session,
        path=one.path,
        user=one.user.name if one.user else None,
        server=response.get("Server"),
        limits=scaled(round_trip, scale),
        round_trip=round_trip,
        instead=_instead(target, one, asked),
    )
    client.limits = target.limits
    try:
        if target.has("session"):
            target.learn(await _heartbeat(client))
    finally:
        await client.leave()
    elsewhere = profile.echo is not None and profile.echo != one.path
    echo = await find_echo(target, profile.echo or one.path) if elsewhere or not one.echo else one.echo
    target.learn(*echoing(target, echo))
    minding = asyncio.create_task(learn_manners(target))
    target.learn(await _deflate(target), *_declared(target), *_surroundings(target), *await offered(target))
    target.learn(limits=replace(target.limits, rate=await _rate(target, round_trip)), manners=await minding)
    target.learn(sizes=await measured(target), sole_subprotocol=await _sole_subprotocol(target))
    return round_trip


async def _sole_subprotocol(target: Target) -> str | None:
    """Return how another subprotocol beside the profile's is refused, or nothing where it is not."""
    if not target.profile.subprotocols:
        return None
    extra = [(PROTOCOL, "conformance-unknown")]
    attempt = await target.attempt(target.opening(extra=extra))
    attempt.connection.shut()
    if not attempt.upgraded:
        return f"with another one beside it the handshake was answered {attempt}"
    try:
        async with target.connect(extra=extra) as peer:  # some answer 101, and end the connection after it
            await peer.ping()
            ending = await peer.failing(target.limits.prompt)
    except Nonconformance as error:
        return f"with another one beside it the server ended the connection: {error.actual}"
    if ending.close is None and ending.end is None:
        return None
    return f"with another one beside it the server ended the connection: {ending}"


def _instead(target: Target, one: Tried, asked: list[Tried]) -> str | None:
    """Return why another path than the named one is tested, where that is so."""
    if one.path == target.url.path or not asked:
        return None
    why = f"{one.path} sent connection_confirmed" if one.speaks else f"{one.path} was accepted"
    return f"{why}; {asked[0]}"


async def _rate(target: Target, round_trip: float) -> float | None:
    """Return how many octets a second a message makes on its way there and back."""
    if not target.has("echo"):
        return None
    declared = target.profile.max_message_bytes or SAMPLE
    # The first of them may be larger than the server takes.
    for size in (min(one, declared // 2) for one in (SAMPLE, SAMPLE // 16)):
        try:
            async with target.echoing() as client:
                content = client.sized(size)
                began = time.perf_counter()
                client.send_text(content)
                await client.expect_back(content)
                took = time.perf_counter() - began
        except (Nonconformance, Inconclusive, ValueError):
            continue
        return 2 * size / max(took - round_trip, 1e-4)
    return None


async def _heartbeat(client: Client) -> Capability:
    try:
        client.dialect.needs("heartbeat")
        await client.heartbeat({"probe": 1})
    except NotApplicable as reason:
        return Capability("heartbeat", present=False, evidence=str(reason))
    except Nonconformance as error:
        return Capability("heartbeat", present=False, evidence=f"a heartbeat was answered by {error.actual}")
    return Capability("heartbeat", present=True, evidence="a heartbeat was answered by heartbeat_ack")


async def _deflate(target: Target) -> Capability:
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    attempt = await target.attempt(target.opening(extra=[offer]))
    attempt.connection.shut()
    answer = attempt.response.get("Sec-WebSocket-Extensions") if attempt.response else None
    present = attempt.upgraded and "permessage-deflate" in (answer or "")
    return Capability(
        "deflate", present, f"an offer was answered {answer!r}" if attempt.upgraded else str(attempt)
    )


def _declared(target: Target) -> list[Capability]:
    """Return what the profile declares; each line that it lacks is named as what would unlock more."""
    profile, users = target.profile, target.users
    held = profile.public_permissions or [user for user in users if user.permissions]
    number = f"{len(users)} users in the profile"
    offered = f"offered: {', '.join(profile.carriers)}"
    size = profile.max_message_bytes
    rows: list[tuple[str, object, str, str]] = [
        ("anonymous", profile.anonymous, "anonymous access is on", "[target] anonymous = true"),
        ("credentials", users, number, "[credentials.NAME] with user_id and token"),
        ("two-users", len(users) > 1, number, "a second [credentials.NAME]"),
        ("permissions", held, "listed in the profile", "[credentials.NAME] permissions = […]"),
        ("bad-tokens", profile.bad_tokens, ", ".join(profile.bad_tokens), "[bad_tokens] expired, revoked, …"),
        ("allowed-origins", profile.allowed_origins, ", ".join(profile.allowed_origins),
         "[target] allowed_origins = […]"),
        ("control", profile.controlled, f"declared as {profile.controlled}", "[control] http = …"),
        ("nodes", profile.nodes, f"{len(profile.nodes) + 1} nodes",
          "--server-url given twice, or [target] nodes = […]"),
        ("start-command", profile.start, "the profile starts it", "[target] start = […]"),
        ("jwt-public-key", profile.jwt_public_key, "in the profile", '[jwt] public_key = "FILE"'),
        ("idle-limit", profile.idle_seconds, f"{profile.idle_seconds or 0:g} s", "[limits] idle_seconds"),
        ("limits", size, f"{size} bytes", "[limits] max_message_bytes"),
    ]  # fmt: skip
    for carrier in CARRIERS:
        unlock = f'[carriers] offered = ["{carrier}"] with [credentials.NAME]'
        rows.append((f"carrier-{carrier}", carrier in profile.carriers and users, offered, unlock))
    return [
        _jwt(users),
        *(
            Capability(name, present=True, evidence=evidence)
            if present
            else Capability(name, present=False, evidence="not in the profile", unlock=unlock)
            for name, present, evidence, unlock in rows
        ),
    ]


def _jwt(users: list[Credential]) -> Capability:
    found = jwt.parts(users[0].token) if users else None
    if found is None:
        evidence = "the profile's tokens are no JSON Web Tokens" if users else "no token in the profile"
        unlock = "[credentials.NAME] with a token that is a JSON Web Token"
        return Capability("jwt", present=False, evidence=evidence, unlock=unlock)
    return Capability(
        "jwt", present=True, evidence=f"the token of {users[0].name} is one ({found[0]['alg']})"
    )


def _surroundings(target: Target) -> list[Capability]:
    local = is_local(target.endpoint.addresses)
    started = target.instance is not None
    return [
        Capability(
            "local",
            local,
            f"{target.url.host} is {', '.join(target.endpoint.addresses)}",
            None if local else "run the suite on the target's machine",
        ),
        Capability(
            "own-process",
            started,
            "started by this run" if started else "not started by this run",
            None if started else "[target] start = […], without --server-url",
        ),
    ]


def is_loopback(addresses: tuple[str, ...]) -> bool:
    """Return whether every address is a loopback address, so that whoever tests disturbs nobody else."""
    return bool(addresses) and all(
        ipaddress.ip_address(address.split("%")[0]).is_loopback for address in addresses
    )


def is_local(addresses: tuple[str, ...]) -> bool:
    """Return whether every address is one of this machine's own."""
    own = {str(one.address).split("%")[0] for each in psutil.net_if_addrs().values() for one in each}
    return bool(addresses) and all(
        ipaddress.ip_address(address.split("%")[0]).is_loopback or address.split("%")[0] in own
        for address in addresses
    )
