"""Which process fetched a connection: the kernel's tables name the other end of our own sockets.

Only where client and server share a machine, on Linux, and for processes that may be looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from conformance.ports.listeners import PROC, holders


def fetched(port: int, clients: Collection[int], proc: Path = PROC) -> dict[int, int | None]:
    """Return which connections a server has accepted.

    Args:
        port: of the server.
        clients: our own port numbers.
        proc: the folder of the kernel's tables.

    Returns:
        For each of our port numbers, the inode of the server's end; ``None`` where the connection is still in
        the server's queue, so that no process has accepted it. A port that is missing has no other end here.

    """
    found: dict[int, int | None] = {}
    for fields in _rows(port, proc):
        there = int(fields[2].rpartition(":")[2], 16)
        if there in clients:
            found[there] = int(fields[9]) or None
    return found


def _rows(port: int, proc: Path) -> Iterator[list[str]]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        rows = (line.split() for line in lines)
        yield from (
            fields for fields in rows if len(fields) >= 10 and int(fields[1].rpartition(":")[2], 16) == port
        )


def fetchers(inodes: Collection[int], proc: Path = PROC) -> dict[int, set[int]]:
    """Return the processes that hold these sockets, as far as they may be looked at."""
    return holders(inodes, proc)
