"""Which process fetched a connection: the kernel's tables name the other end of our own sockets.

Only where client and server share a machine, on Linux, and for processes that may be looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from conformance.ports.listeners import PROC, holders


def fetched(port: int, clients: Collection[int], proc: Path = PROC) -> dict[int, int | None]:
    """Return, for each of our own port numbers, the inode of the server's end of that connection.

    ``None`` where the connection is still in the server's queue: no process has accepted it. A port that is
    missing from the answer has no other end here.
    """
    found: dict[int, int | None] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) < 10:
                continue
            here, there = (int(fields[at].rpartition(":")[2], 16) for at in (1, 2))
            if here == port and there in clients:
                found[there] = int(fields[9]) or None
    return found


def fetchers(inodes: Collection[int], proc: Path = PROC) -> dict[int, set[int]]:
    """Return the processes that hold these sockets, as far as they may be looked at."""
    return holders(inodes, proc)
