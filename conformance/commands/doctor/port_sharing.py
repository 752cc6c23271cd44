"""The layer of owners: one program behind all that a client may reach, or the conflict with its evidence."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.commands.doctor.case import Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok, unseen
from conformance.commands.doctor.hanging import hanging
from conformance.commands.doctor.ownership import (
    Conflict,
    Programs,
    caught_by,
    conflict,
    described,
    list_owners,
    user,
)
from conformance.net.connection import Connection
from conformance.ports.accepted import fetched, fetchers
from conformance.ports.listeners import Listener
from conformance.ports.processes import is_orphan, owner
from conformance.ports.programs import at, head
from conformance.target.attempt import Attempt
from conformance.target.identity import reach

PROBES = 12  # two equal halves are both seen in all but one of 2000 cases
ROUNDS = 6  # a part of a twentieth is missed once in forty times
ACCEPTING = 0.3  # seconds in which a server that works has fetched a connection


async def owners(case: Case) -> Finding:
    """Say whose the port is, and whether it is one program's.

    Returns:
        The finding of this layer.

    """
    port = case.url.port
    if not case.local:
        return unseen(
            "owners", f"{case.url.host} is another machine: who holds its port cannot be seen from here"
        )
    held = [one for address in case.reached for one in caught_by(case.listeners, address)]
    if not held:
        return unseen(
            "owners",
            f"no listening socket of port {port} is visible, yet connections are taken",
            "it is forwarded: a container, a tunnel, WSL or another network namespace holds it",
        )
    programs = await asyncio.to_thread(Programs.of, case.listeners)
    pids = [pid for one in held for pid in one.pids]
    stopped = [pid for pid in pids if owner(pid).stopped]
    if stopped and set(stopped) == set(pids):
        return await hanging(case, list(dict.fromkeys(held)), (), full=False)
    found = conflict(case.listeners, case.reached, programs)
    if found is not None:
        return await _conflict(case, found, programs)
    orphans = [pid for pid in dict.fromkeys(pids) if await asyncio.to_thread(is_orphan, pid)]
    if orphans:
        return _orphan(case, held, orphans)
    return _alone(case, list(dict.fromkeys(held)), programs)


def _alone(case: Case, held: list[Listener], programs: Programs) -> Finding:
    port = case.url.port
    notes = [
        f"another program listens on {at(one.address, port)}: "
        f"{'; '.join(described(case, [one]))}. Under the name localhost clients may reach either"
        for one in case.listeners
        if one not in held and programs.differ(held[0], one)
    ]
    hidden = [one for one in held if not one.pids]
    if not hidden:
        return ok("owners", "one program holds the port", *described(case, held), *notes)
    twice = [one for one, count in Counter(one.address for one in hidden).items() if count > 1]
    lines = list(dict.fromkeys(described(case, held)))
    lines += [
        f"{one} is shared by several sockets: one program's workers, or several programs" for one in twice
    ]
    names = ", ".join(sorted({user(one.uid) for one in hidden}))
    return unseen(
        "owners",
        f"which program holds port {port} cannot be seen: it runs as {names}, or in another PID namespace",
        *lines,
        *notes,
        steps=(list_owners(port, other_user=True),),
    )


def _orphan(case: Case, held: Sequence[Listener], orphans: list[int]) -> Finding:
    pids = " ".join(map(str, orphans))
    return broken(
        "owners",
        Cause.PORT_ORPHAN,
        f"PID {pids} holds port {case.url.port} although the parent that started it has ended: "
        "it serves old code, and nobody restarts or reloads it.",
        evidence=tuple(described(case, held)),
        steps=(Step("End it", f"kill {pids}"), Step("Then start the server again.")),
    )


async def _conflict(case: Case, found: Conflict, programs: Programs) -> Finding:
    port = case.url.port
    parties = list(dict.fromkeys(found.parties))
    asked = case.reached if found.cause == Cause.PORT_FAMILIES else (found.address,)
    seen = []
    for address in asked:
        caught = map(programs.group, caught_by(found.parties, address))
        seen.append(await answers(case, address, [group for group in caught if group]))
    by_pid = {pid: one for each in seen for pid, one in each.by_pid.items()}
    lines = described(case, parties)
    for each in seen:
        lines += each.lines(case)
    groups = [programs.group(one) for one in parties]
    known = [group for group in dict.fromkeys(groups) if group]
    what = {
        Cause.PORT_SHARED: f"{len(known) or 'Several'} programs share port {port} at {found.address} "
        "(SO_REUSEPORT): each connection reaches one of them by chance.",
        Cause.PORT_FAMILIES: f"{found.address} and {found.other} belong to different programs on port "
        f"{port}: which of them a client reaches under the name {case.url.host} depends on the client.",
        Cause.PORT_SHADOWED: f"A program that listens on {found.other} is hidden at {found.address} by "
        f"another that listens on just that address of port {port}.",
    }[found.cause]
    return broken(
        "owners",
        found.cause,
        what,
        evidence=tuple(lines),
        steps=_steps(case, known, by_pid, parties),
    )


def _steps(
    case: Case, groups: list[frozenset[int]], by_pid: dict[int, Counter[Line]], parties: Sequence[Listener]
) -> tuple[Step, ...]:
    hidden = any(not one.pids for one in parties)
    if hidden or len(groups) < 2:
        return (
            list_owners(case.url.port, other_user=hidden),
            Step("Then stop the one that should not be there."),
        )
    answered = {group: Counter[Line]() for group in groups}
    for group, counts in answered.items():
        for pid in group:
            counts.update(by_pid.get(pid, {}))
    wrong = [one for one, counts in answered.items() if counts and not any(each.upgrades for each in counts)]
    right = [one for one, counts in answered.items() if any(each.upgrades for each in counts)]
    unheard = any(not counts for counts in answered.values())
    if wrong and (right or unheard):
        return tuple(
            Step(f"Stop PID {head(one)}: it answers on the port and upgrades nothing", f"kill {head(one)}")
            for one in wrong
        )
    return tuple(
        Step(f"{'or' if number else 'Either'} stop {owner(head(one)).command[:60]}", f"kill {head(one)}")
        for number, one in enumerate(groups)
    )


class Line(NamedTuple):
    """An answer in a line, and whether it has the status 101."""

    text: str
    upgrades: bool


@dataclass(slots=True)
class Answers:
    """What several handshakes to one address were answered, and by which processes where that can be seen."""

    address: str
    counts: Counter[Line] = field(default_factory=Counter)
    by_pid: dict[int, Counter[Line]] = field(default_factory=dict)

    def lines(self, case: Case) -> list[str]:
        """Return the answers as evidence."""
        total = sum(self.counts.values())
        if self.by_pid:
            return [
                f"handshakes to {self.address} that PID {pid} fetched: {case.clean(_listed(counts))}"
                for pid, counts in sorted(self.by_pid.items())
            ]
        return [f"{total} handshakes to {self.address}: {case.clean(_listed(self.counts))}"] if total else []


def _listed(counts: Counter[Line]) -> str:
    return "; ".join(f"{count} x {line.text}" for line, count in counts.most_common())


async def answers(case: Case, address: str, parties: Sequence[frozenset[int]]) -> Answers:
    """Send handshakes to an address until each of the parties has fetched one, as far as that can be seen.

    Args:
        case: what is asked.
        address: the IP address.
        parties: the processes of each program that listens there.

    Returns:
        What came back.

    """
    found = Answers(address)
    until = asyncio.get_running_loop().time() + case.timeout
    for _ in range(ROUNDS):
        await _round(case, found)
        heard = all(group & set(found.by_pid) for group in parties)
        if heard or not found.by_pid or asyncio.get_running_loop().time() > until:
            break
    return found


async def _round(case: Case, found: Answers) -> None:
    """Open connections, see which process fetches each, then send the handshakes."""
    opened = await asyncio.gather(*(_reach(case, found.address) for _ in range(PROBES)))
    connections = [one for one in opened if one is not None]
    holders = await _holders(case, connections)
    request = case.request()
    for one in connections:
        one.send_request(request)
    await asyncio.gather(*(one.read_response(case.timeout) for one in connections))
    for one in connections:
        attempt = Attempt(request, one)
        line = Line(line_of(attempt), attempt.status == 101)
        found.counts[line] += 1
        for pid in holders.get(one.local_port or 0, ()):
            found.by_pid.setdefault(pid, Counter())[line] += 1
        one.shut()


async def _reach(case: Case, address: str) -> Connection | None:
    with contextlib.suppress(TimeoutError):
        return await reach(case.target, address)
    return None


async def _holders(case: Case, connections: Iterable[Connection]) -> dict[int, set[int]]:
    clients = {one.local_port for one in connections} - {None}
    ends: dict[int, int | None] = {}
    ports = [one for one in clients if one is not None]
    deadline = asyncio.get_running_loop().time() + ACCEPTING
    while asyncio.get_running_loop().time() < deadline:
        ends = await asyncio.to_thread(fetched, case.url.port, ports)
        if len(ends) < len(ports) or all(ends.values()):
            break
        await asyncio.sleep(0.01)
    inodes = {inode: client for client, inode in ends.items() if inode}
    held = await asyncio.to_thread(fetchers, list(inodes))
    return {inodes[inode]: pids for inode, pids in held.items()}
