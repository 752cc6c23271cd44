"""What holds a port, in words: one line for each program, with all that is seen of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from conformance.ports.listeners import Listener, lingering, listeners
from conformance.ports.processes import ancestors, owner, trees


def at(address: str, port: int) -> str:
    """Return an address with its port, as URLs write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def head(pids: Iterable[int]) -> int:
    """Return the process of a tree that stands above the others."""
    return min(pids, key=lambda pid: (len(ancestors(pid)), pid))


def described(found: Sequence[Listener], programs: Iterable[set[int]]) -> list[str]:
    """Return a line for each program with its sockets, and one for each socket whose holder is not seen."""
    lines = []
    for pids in programs:
        places = Counter(at(one.address, one.port) for one in found if pids & set(one.pids))
        where = ", ".join(f"{one} ({count} sockets)" if count > 1 else one for one, count in places.items())
        others = f" and {len(pids) - 1} more of its tree" if len(pids) > 1 else ""
        lines.append(f"{where} by {owner(head(pids))}{others}")
    unseen = Counter(str(one) for one in found if not one.pids)
    lines += [f"{one} ({count} sockets)" if count > 1 else one for one, count in unseen.items()]
    return lines


def who_holds(port: int) -> str:
    """Return who listens on a port of this machine, in a sentence or two, as far as it can be seen."""
    found = listeners(port)
    if not found:
        ended = lingering(port)
        rest = f" Connections of a server that has ended linger on it (TIME_WAIT): {ended}." if ended else ""
        return f"No process that can be seen listens on port {port}.{rest}"
    programs = trees([pid for one in found for pid in one.pids])
    count = f"shared by {len(programs)} programs" if len(programs) > 1 else "held"
    waiting = sum(one.waiting or 0 for one in found)
    queue = f" Connections that wait there to be accepted: {waiting}." if waiting else ""
    return f"Port {port} is {count}: {'; '.join(described(found, programs))}.{queue}"


def sole_holder(port: int) -> str:
    """Return the one program that listens on a port, in words.

    Returns:
        Its line; empty where nobody or several listen, where an address has several sockets, and where a
        holder cannot be seen.

    """
    found = listeners(port)
    programs = trees([pid for one in found for pid in one.pids])
    shared = len({one.address for one in found}) < len(found)
    if len(programs) != 1 or shared or not all(one.pids for one in found):
        return ""
    return described(found, programs)[0]
