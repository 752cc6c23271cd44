"""The first layers: the name resolves, to these addresses, and they take TCP connections."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Literal

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok
from conformance.commands.doctor.hanging import hanging
from conformance.commands.doctor.ownership import caught_by, described
from conformance.commands.doctor.page import local_access
from conformance.ports.listeners import Listener, lingering, listeners
from conformance.ports.programs import at
from conformance.target.launch import addresses_of
from conformance.target.probe import is_local

MOST_ADDRESSES = 6
Reach = Literal["accepts", "refuses", "silent", "unreachable"]


async def name(case: Case) -> Finding:
    """Resolve the host name.

    Returns:
        The finding of this layer.

    """
    host = case.url.host
    try:
        async with asyncio.timeout(case.timeout * 2):
            found = await asyncio.to_thread(addresses_of, host)
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else "it is no legal host name"
        return _unresolved(host, f"the resolver says: {why}")
    except TimeoutError:
        return _unresolved(host, f"the resolver gave no answer within {case.timeout * 2:g} s")
    case.addresses = tuple(address for _, address in found)[:MOST_ADDRESSES]
    case.target.endpoint.addresses = case.addresses
    case.local = is_local(case.addresses)
    literal = case.addresses == (host,)
    return ok("name", f"{host} is an address" if literal else f"{host} resolves")


def _unresolved(host: str, evidence: str) -> Finding:
    return broken(
        "name",
        Cause.NAME_UNRESOLVED,
        f"The host name {host} does not resolve.",
        evidence=(evidence,),
        steps=(
            Step("See what this machine makes of the name", f"getent hosts {host}"),
            Step("Check its spelling. A container's name is known only inside the containers' network."),
        ),
    )


async def addresses(case: Case) -> Finding:
    """Say which addresses the name stands for, and whose they are.

    Returns:
        The finding of this layer.

    """
    where = "this machine" if case.local else "another machine"
    notes = []
    if case.url.host == "localhost" and len(case.addresses) > 1:
        notes.append(
            "a client may take either: browsers try ::1 first, curl 127.0.0.1, others what the resolver says"
        )
    return ok("addresses", f"{', '.join(case.addresses)} ({where})", *notes, *local_access(case))


async def tcp(case: Case) -> Finding:
    """Connect to each address at once; where none takes a connection, say why not.

    Returns:
        The finding of this layer.

    """
    port = case.url.port
    case.listeners, found = await asyncio.gather(
        asyncio.to_thread(listeners, port) if case.local else _nothing(),
        asyncio.gather(*(_connect(case, one) for one in case.addresses)),
    )
    states: dict[str, Reach] = dict(zip(case.addresses, found, strict=True))
    case.reached = tuple(one for one, state in states.items() if state == "accepts")
    case.refusing = tuple(one for one, state in states.items() if state == "refuses")
    silent = [one for one, state in states.items() if state == "silent"]
    if silent:
        return await _silent(case, silent)
    lines = [f"{at(address, port)} {state}" for address, state in states.items()]
    if case.reached:
        shown = f"port {port} takes connections"
        if len(case.reached) < len(states):
            others = [f"{one} {state}" for one, state in states.items() if state != "accepts"]
            shown += f" at {', '.join(case.reached)}; {', '.join(others)}"
        return ok("tcp", shown)
    if not case.refusing:
        return broken(
            "tcp",
            Cause.TCP_UNREACHABLE,
            f"There is no route to {case.url.host}.",
            evidence=tuple(lines),
            steps=(
                Step("See where the way ends", f"ip route get {case.addresses[0]}"),
                Step("Check network and VPN; a container's address is reachable from its own host only."),
            ),
        )
    return await _refused(case, tuple(lines))


async def _nothing() -> list[Listener]:
    return []


async def _connect(case: Case, address: str) -> Reach:
    try:
        async with asyncio.timeout(case.timeout):
            _, writer = await asyncio.open_connection(address, case.url.port)
    except TimeoutError:
        return "silent"
    except ConnectionRefusedError:
        return "refuses"
    except ConnectionResetError:
        return "accepts"  # and dropped at once, which the layer of HTTP finds again
    except OSError as error:
        return "silent" if error.errno == errno.ETIMEDOUT else "unreachable"
    writer.transport.abort()
    return "accepts"


async def _silent(case: Case, silent: list[str]) -> Finding:
    port = case.url.port
    evidence = [
        f"no answer to a TCP connection to {at(one, port)} within {case.timeout:g} s" for one in silent
    ]
    for address in silent:
        held = caught_by(case.listeners, address)
        if held:  # on this machine only a full queue makes a port silent that somebody listens on
            return await hanging(case, held, tuple(evidence), full=True)
    if case.reached:
        evidence.append(
            f"{', '.join(case.reached)} answers: clients that try the silent address first just hang"
        )
    return broken(
        "tcp",
        Cause.TCP_FILTERED,
        f"Port {port} of {case.url.host} neither accepts nor refuses connections.",
        evidence=tuple(evidence),
        steps=(
            Step(
                "A firewall, a security group or a wrong address swallows the packets: open the port there."
            ),
            Step("See whether anything on the way answers", f"ping -c 2 {silent[0]}"),
        ),
    )


async def _refused(case: Case, lines: tuple[str, ...]) -> Finding:
    port = case.url.port
    if case.listeners:
        elsewhere = case.listeners[0]
        host = (
            "localhost" if elsewhere.address in {"::1", "127.0.0.1", "::", "0.0.0.0"} else elsewhere.address
        )
        shown = f"[{host}]" if ":" in host else host
        if host == case.url.host:
            shown = at(elsewhere.address, port).rpartition(":")[0]
        scheme = "wss" if case.url.secure else "ws"
        return broken(
            "tcp",
            Cause.TCP_OTHER_ADDRESS,
            f"Nothing listens on {' or '.join(at(one, port) for one in case.addresses)}, "
            f"but a server listens on the same port at {elsewhere.address}.",
            evidence=(*lines, *described(case, case.listeners)),
            steps=(
                Step(
                    "Use the address that it listens on",
                    f"conformance doctor {scheme}://{shown}:{port}{case.url.path}",
                ),
                Step("Or start the server on the address that clients use, such as 0.0.0.0 or ::."),
            ),
        )
    waits = await asyncio.to_thread(lingering, port) if case.local else 0
    if waits:
        return broken(
            "tcp",
            Cause.TCP_TIME_WAIT,
            f"Nothing listens on port {port}. A server there has ended a moment ago.",
            evidence=(*lines, f"{waits} of its connections linger in TIME_WAIT, for at most 60 s"),
            steps=(
                Step(
                    "Start the server again. If that fails with 'Address already in use', it lacks "
                    "SO_REUSEADDR: "
                    "wait until this prints nothing",
                    f"ss -tan state time-wait 'sport = :{port}'",
                ),
            ),
        )
    steps = [Step(f"Start the server, and look whether it says that it listens on port {port}.")]
    if case.local:
        steps.append(Step("See which ports are listened on", "ss -ltnp"))
    return broken(
        "tcp",
        Cause.TCP_REFUSED,
        f"Nothing listens on port {port} of {case.url.host}.",
        evidence=lines,
        steps=tuple(steps),
    )
