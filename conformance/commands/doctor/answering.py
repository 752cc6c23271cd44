"""The HTTP layer: whether the server answers at all, and whether it is the same one every time."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from conformance.commands.doctor.answers import answers_itself
from conformance.commands.doctor.case import NOBODY, Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.encryption import (
    client_certificate,
    needs_tls,
    speaks_tls,
    wants_certificate,
)
from conformance.commands.doctor.findings import Finding, Step, broken, ok
from conformance.commands.doctor.hanging import hanging
from conformance.commands.doctor.ownership import caught_by, described, list_owners
from conformance.commands.doctor.programs import FORWARDERS, program_of
from conformance.ports.listeners import listeners
from conformance.target.attempt import Attempt

SAMPLES = 11  # they miss one of two equal halves once in a thousand times
MANY_SAMPLES = 66  # and these a tenth, where the kernel says that several sockets share an address
REMOTE_SAMPLES = 4
OVERLOAD = {429, 503}
_BUSY = re.compile(r"^HTTP/\d\.\d (429|5\d\d)\b")
PROXIES = (
    "nginx",
    "openresty",
    "apache",
    "caddy",
    "envoy",
    "cloudflare",
    "traefik",
    "haproxy",
    "awselb",
    "varnish",
)


async def http(case: Case) -> Finding:
    """Ask every address for HTTP and for the upgrade, then again: it should always be the same server.

    Returns:
        The finding of this layer.

    """
    requests = {
        (kind, address): case.plainly() if kind == "plain" else case.request()
        for address in case.reached
        for kind in ("plain", "upgrade")
        if kind == "plain" or address not in case.upgrades
    }
    found = await asyncio.gather(*(case.ask(one, address) for (_, address), one in requests.items()))
    for (kind, address), attempt in zip(requests, found, strict=True):
        if attempt is not None:
            (case.plain if kind == "plain" else case.upgrades)[address] = attempt
    answered = [one for one in (*case.plain.values(), *case.upgrades.values()) if one.response is not None]
    if not answered:
        return await _unanswered(case)
    if case.url.secure is False and await _refused_as_plain(case, answered):
        return needs_tls(
            case, (f"a plain GET is answered {case.clean(line_of(answered[0]))}: {_said(answered[0])}",)
        )
    differing = await _differing(case)
    if differing is not None:
        return differing
    plain = case.plain.get(case.address)
    if plain is None or plain.response is None:
        return ok("http", "a handshake is answered, a plain GET is not")
    return await _behind_proxy(case, plain) or ok(
        "http", f"a plain GET is answered {case.clean(line_of(plain))}"
    )


async def _refused_as_plain(case: Case, answered: list[Attempt]) -> bool:
    responses = [one.response for one in answered if one.response is not None]
    suspect = any(one.status in {400, 497} and b"https" in one.body.lower() for one in responses)
    return suspect and bool(await speaks_tls(case))


def _said(attempt: Attempt) -> str:
    return "it asks for HTTPS" if attempt.response is not None else str(attempt)


async def _behind_proxy(case: Case, plain: Attempt) -> Finding | None:
    response = plain.response
    assert response is not None
    upgrade = case.upgrades.get(case.address)
    gateway = {502, 503, 504}
    if response.status not in gateway or upgrade is None or upgrade.status not in gateway:
        return None
    if response.status == 503 and program_of(case, plain).name == "nginx" and answers_itself(response):
        return None  # nginx says 502 or 504 of a server that it does not reach; 503 is a limit of its own
    by = (response.get("Server") or response.get("Via") or "").lower()
    if response.status == 503 and not any(name in by for name in PROXIES):
        return None
    return broken(
        "http",
        Cause.PROXY_UPSTREAM,
        "A proxy answers, but it cannot reach the server behind it.",
        evidence=(
            f"a plain GET is answered {case.clean(line_of(plain))}",
            f"a handshake is answered {case.clean(line_of(upgrade))}",
        ),
        steps=(
            Step("Start the server behind the proxy, or correct its address in the proxy's configuration."),
            Step("Then ask that server directly", "conformance doctor ws://ADDRESS-BEHIND-THE-PROXY"),
        ),
    )


async def _unanswered(case: Case) -> Finding:
    attempts = [*case.plain.values(), *case.upgrades.values()]
    lines = tuple(
        f"{kind}: {case.clean(str(one))}"
        for kind, group in (("plain GET", case.plain), ("handshake", case.upgrades))
        for one in group.values()
    )
    garbage = next((one.connection.garbage for one in attempts if one.connection.garbage), None)
    broken_tls = next((one.connection.tls_fault for one in attempts if one.connection.tls_fault), "")
    if wants_certificate(broken_tls):
        return client_certificate(case, f"TLS ended after its handshake: {broken_tls}")
    held = caught_by(await asyncio.to_thread(listeners, case.url.port), case.address) if case.local else []
    ended = any(one.connection.end is not None for one in attempts)
    if not ended and any(one.waiting for one in held):
        return await hanging(case, held, lines, full=False)
    if not case.url.secure and (evidence := await speaks_tls(case)):
        return needs_tls(case, (*lines, evidence))
    if garbage is not None:
        owners = described(case, caught_by(case.listeners, case.address))
        return broken(
            "http",
            Cause.HTTP_NOT_HTTP,
            f"What answers on port {case.url.port} does not speak HTTP.",
            evidence=(f"its first bytes: {case.clean(repr(garbage[:60]))}", *owners),
            steps=(Step("Check the port: another service has it."), list_owners(case.url.port)),
        )
    if ended and not any(one.connection.first_byte for one in attempts):
        forwarded = _forwarded(case, attempts, lines)
        if forwarded is not None:
            return forwarded
    if ended:
        return broken(
            "http",
            Cause.HTTP_ENDED,
            "The server accepts connections and ends them without an answer.",
            evidence=lines,
            steps=(
                Step("Read the server's log: it fails, or it wants another protocol (TLS, HTTP/2, PROXY)."),
            ),
        )
    return broken(
        "http",
        Cause.HTTP_SILENT,
        "The server accepts connections and never answers: neither a GET nor a handshake, "
        f"within {case.timeout:g} s.",
        evidence=(*lines, *described(case, held)),
        steps=(
            Step("Read the server's log: it hangs, or waits for something (a database, a lock)."),
            Step("If it is only slow, wait longer", f"conformance doctor {case.bare()} --timeout 10"),
        ),
    )


def _forwarded(case: Case, attempts: list[Attempt], lines: tuple[str, ...]) -> Finding | None:
    """Return the finding of a forwarder with nobody behind it, which drops what it takes."""
    program = program_of(case, None)
    if case.local and case.listeners and program.name not in FORWARDERS:
        return None
    hidden = not case.listeners
    ends = [one.connection.end for one in attempts if one.connection.end is not None]
    if not ends or not (program.name in FORWARDERS or (hidden and all(one.kind == "reset" for one in ends))):
        return None
    name = program.name or "A forwarder (a container's published port, a tunnel)"
    return broken(
        "http",
        Cause.FORWARD_NOBODY,
        f"{name} takes the connection and drops it at once: nobody listens where it forwards to.",
        evidence=(*lines, *described(case, caught_by(case.listeners, case.address))),
        steps=(
            Step(
                "Let the server inside the container listen on 0.0.0.0, not on its own 127.0.0.1 or "
                "localhost."
            ),
            Step(
                "Compare the ports: the second number of -p OUTER:INNER is the one that the server listens on"
            ),
            Step("See where the server listens, inside", "docker exec CONTAINER ss -ltn"),
        ),
    )


Face = tuple[str, str]


async def _face(case: Case, address: str) -> Face | None:
    """Return how a server accepts and how it refuses; ``None`` where an answer is missing."""
    accepted, refused = await asyncio.gather(
        case.ask(case.request(), address), case.ask(case.request(NOBODY), address)
    )
    if accepted is None or refused is None or accepted.response is None or refused.response is None:
        return None  # time-outs tell nothing about who is there
    if refused.status in OVERLOAD:
        return None
    return line_of(accepted), line_of(refused)


async def _differing(case: Case) -> Finding | None:
    """Compare the answers of all addresses, and of many connections to the first one.

    Returns:
        The finding of answers that differ.

    """
    if len(case.reached) > 1:
        faces = await asyncio.gather(*(_face(case, one) for one in case.reached))
        by_address = {one: face for one, face in zip(case.reached, faces, strict=True) if face is not None}
        if len(_servers(by_address.values())) > 1:
            return _several(case, Cause.PORT_ADDRESSES_DIFFER, by_address)
    held = caught_by(case.listeners, case.address)
    crowd = len(held) > 1 and not all(one.pids for one in held)
    samples = MANY_SAMPLES if crowd else SAMPLES if case.local else REMOTE_SAMPLES
    seen: Counter[Face] = Counter()
    for begin in range(0, samples, SAMPLES):
        with case.sampling():  # held open meanwhile, so that workers take turns
            batch = await asyncio.gather(
                *(_face(case, case.address) for _ in range(min(SAMPLES, samples - begin)))
            )
        seen.update(one for one in batch if one is not None)
        if len(_servers(seen)) > 1:
            return _several(
                case, Cause.PORT_ANSWERS_DIFFER, {f"{seen[face]} x": face for face in _servers(seen)}
            )
    return None


def _servers(faces: Iterable[Face]) -> set[Face]:
    """Return the different servers: one that is overloaded or fails for a moment still refuses as before."""
    found = set(faces)
    failing = {
        one
        for one in found
        if _BUSY.search(one[0]) and any(other[1] == one[1] and not _BUSY.search(other[0]) for other in found)
    }
    return found - failing


def _several(case: Case, cause: Cause, faces: Mapping[str, Face]) -> Finding:
    what = {
        Cause.PORT_ADDRESSES_DIFFER: f"The addresses of {case.url.host} are answered by different servers: "
        "which one a client reaches depends on the client.",
        Cause.PORT_ANSWERS_DIFFER: f"Connections to {case.address} are answered by different servers, by "
        "chance.",
    }[cause]
    hidden = any(not one.pids for one in case.listeners)
    steps: tuple[Step, ...] = (
        list_owners(case.url.port, other_user=hidden),
        Step("Stop the one that should not be there."),
    )
    if not case.local:
        steps = (Step("Look for a node behind the name or the balancer that runs something else."),)
    owners = described(case, case.listeners) if case.local else []
    return broken(
        "http",
        cause,
        what,
        evidence=(
            *(
                f"{who} handshake: {case.clean(yes)} — unknown path: {case.clean(no)}"
                for who, (yes, no) in faces.items()
            ),
            *dict.fromkeys(owners),
        ),
        steps=steps,
    )
