"""Before anything is judged: whether the target is there, how long a round trip is, what it can do."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import statistics
import time
from dataclasses import replace

import psutil

from conformance.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.session.client import Client
from conformance.target import jwt
from conformance.target.echo import echoing, find_echo
from conformance.target.http2 import offered
from conformance.target.launch import addresses_of
from conformance.target.manners import learn_manners
from conformance.target.profile import CARRIERS, Credential, Profile
from conformance.target.refused import alone, reason, upgraded_elsewhere
from conformance.target.sizing import measured
from conformance.target.target import OWN, Attempt, Capability, Target
from conformance.target.tls import WANTS_OURS, tls_context
from conformance.target.url import ServerURL
from conformance.wire.connection import Endpoint
from conformance.wire.peer import Limits

PINGS = 8
SAMPLE = 32 * 1024  # octets of the message that tells what the way carries


def endpoint_of(url: ServerURL, profile: Profile) -> Endpoint:
    """Resolve a URL's host.

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
    """Find out what the target can do and set its bounds; return the round trip in seconds.

    Raises:
        Unreachable: it does not answer, or not as a WebSocket server.

    """
    target.learn(limits=scaled(0.0, scale), addresses=target.endpoint.addresses)
    try:
        attempt = await _first_upgraded(target)
    except Unreachable as fault:
        local = is_local(target.endpoint.addresses)
        raise Unreachable(await asyncio.to_thread(reason, str(fault), target, local=local)) from None
    return await _measure(target, attempt, target.path, scale)


async def _first_upgraded(target: Target) -> Attempt:
    refusals = []
    silence = ""
    candidates = _candidates(target)
    for path, user in candidates:
        attempt = await target.attempt(target.opening(path, token=user.token if user else None))
        if attempt.upgraded:
            target.learn(path=path, user=user.name if user else None)
            return attempt
        refusals.append((path, attempt))
        if attempt.response is None:
            silence = _silence(target, attempt)
        attempt.connection.shut()
        if silence:
            break
    if is_local(target.endpoint.addresses) and not (silence and await alone(target)):
        found = await upgraded_elsewhere(target, candidates[: len(refusals)])
        if found is not None:
            return found
    raise Unreachable(silence or _no_websocket(refusals))


def _candidates(target: Target) -> list[tuple[str, Credential | None]]:
    own = [target.at(OWN), target.anonymous_path]
    echo = [target.profile.echo] if target.profile.echo else []
    return [
        (path, user)
        for path in dict.fromkeys([*own, target.url.path, *echo])
        for user in (None, *target.users[:1])
    ]


def _silence(target: Target, attempt: Attempt) -> str:
    garbage = attempt.connection.garbage
    if garbage is not None and garbage[:1] in {b"\x15", b"\x16"}:  # a TLS record: an alert, or a handshake
        return f"{target.url} answers with TLS. Give the URL as wss://"
    if garbage is not None:
        return f"{target.url} answers, but not with HTTP: {garbage[:40]!r}"
    if attempt.connection.tls_fault:
        return f"{target.url} ended TLS behind its handshake ({attempt.connection.tls_fault}). " + WANTS_OURS
    if attempt.connection.end is not None:
        hint = WANTS_OURS if target.url.secure else "Does this port speak TLS? Then the URL is wss://"
        return f"{target.url} accepts TCP and ends it without an answer. {hint}"
    bound = target.limits.handshake
    return f"{target.url} accepts TCP but gave no answer to an opening handshake within {bound:g} s"


def _no_websocket(refusals: list[tuple[str, Attempt]]) -> str:
    path, attempt = refusals[0]
    assert attempt.response is not None
    server = attempt.response.get("Server")
    by = f" by {server!r}" if server else ""
    hint = {
        404: "An HTTP server without WebSocket routes, or another server than you think, holds the port.",
        401: "Give credentials and carriers in a profile (--profile).",
        403: "Give credentials, or allowed_origins, in a profile (--profile).",
        426: "The server wants another upgrade than WebSocket version 13.",
    }.get(attempt.response.status, "Check path and server.")
    return f"no opening handshake was accepted: {path} was answered {attempt.response.line!r}{by}. {hint}"


async def _measure(target: Target, attempt: Attempt, path: str, scale: float) -> float:
    assert attempt.response is not None
    target.learn(server=attempt.response.get("Server"))
    client = target.client(attempt.connection)
    try:
        times = [await _ping_time(client) for _ in range(PINGS)]
        round_trip = statistics.median(times)
        target.learn(limits=scaled(round_trip, scale), round_trip=round_trip)
        client.limits = target.limits
        profile = target.profile
        claimed = bool(profile.carriers or profile.credentials or profile.controlled or profile.dialect)
        waiting = asyncio.create_task(_session(client, path, claimed=claimed))
        echo = await find_echo(target, profile.echo or path)
        if echo.text_back and echo.path == path and not claimed:
            waiting.cancel()  # what gives back any text will not begin to speak by itself
            await asyncio.wait([waiting])
            target.learn(_no_session(f"{path} gives back what it is sent"))
        else:
            target.learn(await waiting)
        if target.has("session"):
            target.learn(await _heartbeat(client))
    finally:
        await client.leave()
    target.learn(*echoing(target, echo))
    minding = asyncio.create_task(learn_manners(target))
    target.learn(await _deflate(target), *_declared(target), *_surroundings(target), *await offered(target))
    target.learn(limits=replace(target.limits, rate=await _rate(target, round_trip)), manners=await minding)
    target.learn(sizes=await measured(target))
    return round_trip


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


async def _ping_time(client: Client) -> float:
    began = client.connection.transcript.now()
    try:
        pong = await client.ping()
    except Nonconformance as error:
        raise Unreachable(
            f"the handshake was accepted, but a Ping was not answered: {error.actual}"
        ) from None
    return pong.time - began


async def _session(client: Client, path: str, *, claimed: bool) -> Capability:
    try:
        await client.confirmed()
    except Nonconformance as error:
        if client.first is not None and (misfit := client.dialect.misfit(client.first.content)):
            raise Inconclusive(f"the dialect does not fit the backend: {misfit}") from None
        evidence = f"the first message on {path} was {error.actual}, not connection_confirmed"
        return _no_session(evidence, claim="session.confirmation-first" if claimed else None)
    if client.first is not None and (misfit := client.dialect.misfit(client.first.content)):
        raise Inconclusive(f"the dialect does not fit the backend: {misfit}")
    return Capability("session", present=True, evidence=f"{path} sent connection_confirmed")


def _no_session(evidence: str, claim: str | None = None) -> Capability:
    unlock = "serve the permissions protocol"
    return Capability("session", present=False, evidence=evidence, unlock=unlock, claim=claim)


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
    """Whether every address is a loopback address, so that whoever tests disturbs nobody else."""
    return bool(addresses) and all(
        ipaddress.ip_address(address.split("%")[0]).is_loopback for address in addresses
    )


def is_local(addresses: tuple[str, ...]) -> bool:
    """Whether every address is one of this machine's own."""
    own = {str(one.address).split("%")[0] for each in psutil.net_if_addrs().values() for one in each}
    return bool(addresses) and all(
        ipaddress.ip_address(address.split("%")[0]).is_loopback or address.split("%")[0] in own
        for address in addresses
    )
