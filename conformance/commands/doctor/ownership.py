"""Whose the port is: which listening socket gets a connection, and which programs they belong to.

The kernel gives a connection to the most specific listener: an address before the wildcard, IPv4's own
wildcard before the ``::`` that takes both families. Equals, which need SO_REUSEPORT on all of them, share the
connections by a hash.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Step
from conformance.ports.listeners import Listener
from conformance.ports.processes import owner, trees
from conformance.ports.programs import at


def covering(found: Sequence[Listener], address: str) -> list[Listener]:
    """Return the listeners that could get connections to an address, were they alone.

    ``::`` counts for IPv4 only where no listener of that family exists: beside one it can stand only when it
    keeps to IPv6, or shares by SO_REUSEPORT and yields to it.
    """
    wild = "::" if ":" in address else "0.0.0.0"
    own = [one for one in found if one.address in {address, wild, f"::ffff:{address}"}]
    if own or ":" in address:
        return own
    return [one for one in found if one.address == "::"]


def caught_by(found: Sequence[Listener], address: str) -> list[Listener]:
    """Return the listeners that do get connections to an address: the most specific of those that could."""
    could = covering(found, address)
    return [one for one in could if one.address not in {"::", "0.0.0.0"}] or could


@dataclass(frozen=True, slots=True)
class Programs:
    """Which program each listener belongs to, as far as it can be told.

    Two listeners are of different programs when their processes are of different trees, or their sockets of
    different users. Where neither can be seen the answer is ``None``: unknown.
    """

    groups: tuple[frozenset[int], ...]

    @classmethod
    def of(cls, found: Iterable[Listener]) -> Programs:
        """Return the processes of these listeners, grouped by program."""
        pids = [pid for one in found for pid in one.pids]
        return cls(tuple(frozenset(one) for one in trees(pids)))

    def group(self, listener: Listener) -> frozenset[int] | None:
        """Return the process tree of a listener."""
        return next((one for one in self.groups if one & set(listener.pids)), None)

    def differ(self, one: Listener, other: Listener) -> bool:
        """Return whether two listeners surely belong to different programs."""
        ours, theirs = self.group(one), self.group(other)
        if ours is not None and theirs is not None:
            return ours != theirs
        return one.uid is not None and other.uid is not None and one.uid != other.uid


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two programs at one port: the cause, and every listener that takes part."""

    cause: Cause
    parties: tuple[Listener, ...]
    address: str
    other: str


def conflict(found: Sequence[Listener], addresses: Sequence[str], programs: Programs) -> Conflict | None:
    """Return what stands in the way of one program at the addresses that a name means.

    Args:
        found: the listeners of the port.
        addresses: that the name means.
        programs: of the listeners.

    """
    for address in addresses:
        caught = caught_by(found, address)
        for one in caught[1:]:
            if programs.differ(caught[0], one):
                return Conflict(Cause.PORT_SHARED, tuple(caught), address, address)
    for address in addresses:
        caught = caught_by(found, address)
        hidden = [one for one in covering(found, address) if one not in caught]
        for one in hidden:
            if programs.differ(caught[0], one):
                return Conflict(Cause.PORT_SHADOWED, (*caught, *hidden), address, one.address)
    taken = [(address, caught) for address in addresses if (caught := caught_by(found, address))]
    for address, caught in taken[1:]:
        if programs.differ(taken[0][1][0], caught[0]):
            return Conflict(Cause.PORT_FAMILIES, (*taken[0][1], *caught), taken[0][0], address)
    return None


def described(case: Case, found: Iterable[Listener]) -> list[str]:
    """Return one line of evidence for each process, or for each socket whose processes cannot be seen."""
    places: dict[int, list[str]] = {}
    lines = []
    for one in found:
        where = at(one.address, one.port)
        for pid in one.pids:
            places.setdefault(pid, []).append(where)
        if not one.pids:
            lines.append(f"a process on {where}, user {user(one.uid)}, that cannot be seen from here")
    shown = []
    for pid, where_all in places.items():
        it = owner(pid)
        sockets = len(where_all)
        several = f" ({sockets} sockets)" if sockets > len(set(where_all)) else ""
        stopped = ", stopped" if it.stopped else ""
        shown.append(
            f"PID {pid} on {', '.join(dict.fromkeys(where_all))}{several}, user {it.user or '?'}, "
            f"started {it.started}{stopped}: {case.clean(it.command)}"
        )
    return [*shown, *lines]


def user(uid: int | None) -> str:
    """Return a user's name, or the number where it has none."""
    if uid is None:
        return "?"
    with contextlib.suppress(ImportError, KeyError):
        import pwd  # noqa: PLC0415 - only Unix has it

        return pwd.getpwuid(uid).pw_name
    return str(uid)


def list_owners(port: int, *, other_user: bool = False) -> Step:
    """Return the step that lists who listens on a port."""
    command = f"ss -ltnp 'sport = :{port}'"
    if not other_user:
        return Step("See who holds the port", command)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Step("See who holds the port: from outside this container or namespace", command)
    return Step("See who holds the port, as a user who may look", f"sudo {command}")
