"""The listening sockets of a port: psutil where it sees them, the kernel's own tables where it may not.

Linux lists every listening socket in ``/proc/net/tcp`` and ``/proc/net/tcp6`` to everybody, with its inode
and the user it belongs to; which processes hold an inode can be seen for one's own processes, or by root.
psutil names one process a socket; the scan of ``/proc/*/fd`` names them all, forked workers too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

PROC = Path("/proc")
_LISTEN, _TIME_WAIT = "0A", "06"  # include/net/tcp_states.h
_TABLES = ("tcp", "tcp6")
LOOKS, PAUSE = 3, 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket: where it is bound, and the processes that hold it, as far as they can be seen.

    ``waiting`` is how many connections wait to be accepted: one that grows tells of a process that hangs.
    """

    address: str
    port: int
    pids: tuple[int, ...] = ()
    uid: int | None = None
    inode: int | None = None
    waiting: int | None = None

    def __str__(self) -> str:
        """Return the socket as a person says it."""
        where = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        if self.pids:
            return f"{where} held by PID {', '.join(map(str, self.pids))}"
        owner = f" of user {self.uid}" if self.uid is not None else ""
        return f"{where} held by a process{owner} that cannot be seen from here"


def listeners(port: int, proc: Path = PROC) -> list[Listener]:
    """Return every socket that listens on a port, at any address, with what can be seen of its owners."""
    if not (proc / "net" / "tcp").is_file():
        return _from_psutil(port)
    for _ in range(LOOKS - 1):
        found = _seen(port, proc)
        if all(one.pids or not _ours(one) for one in found):
            return found
        time.sleep(PAUSE)  # on a busy machine a socket changes hands between a look at it and at its holder
    return _seen(port, proc)


def _seen(port: int, proc: Path) -> list[Listener]:
    rows = [row for name in _TABLES for row in _kernel_rows(proc / "net" / name, port, _LISTEN)]
    held = holders({row.inode for row in rows if row.inode}, proc)
    return [replace(row, pids=tuple(sorted(held.get(row.inode or 0, ())))) for row in rows]


def _ours(listener: Listener) -> bool:
    """Return whether its holder could be seen, if it is in this container: Linux alone has the tables."""
    return os.geteuid() in {0, listener.uid}


def lingering(port: int, proc: Path = PROC) -> int:
    """Return how many connections of a port are in TIME_WAIT on the server's side."""
    return sum(len(_kernel_rows(proc / "net" / name, port, _TIME_WAIT)) for name in _TABLES)


def _kernel_rows(table: Path, port: int, state: str) -> list[Listener]:
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return []
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 10 or fields[3] != state:
            continue
        address, _, number = fields[1].partition(":")
        if int(number, 16) == port:
            waiting = int(fields[4].partition(":")[2], 16)
            found.append(Listener(address_of(address), port, (), int(fields[7]), int(fields[9]), waiting))
    return found


def address_of(text: str) -> str:
    """Return the address that the kernel writes as 32-bit words in the machine's own byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def holders(inodes: Iterable[int], proc: Path = PROC) -> dict[int, set[int]]:
    """Return the processes that hold these sockets, as far as they may be looked at."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, set[int]] = {}
    if not wanted:
        return found
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            for link in _links(entry / "fd"):
                if link in wanted:
                    found.setdefault(wanted[link], set()).add(int(entry.name))
    return found


def _links(folder: Path) -> list[str]:
    found = []
    with contextlib.suppress(OSError):  # another user's process, or one that ended meanwhile
        for name in os.listdir(folder):  # noqa: PTH208 - names suffice
            with contextlib.suppress(OSError):  # a descriptor that was closed meanwhile
                found.append(os.readlink(f"{folder}/{name}"))  # noqa: PTH115 - thousands of them
    return found


def _from_psutil(port: int) -> list[Listener]:
    found: dict[str, set[int]] = {}
    for pid, address in _listening(port):
        found.setdefault(address, set()).update({pid} if pid else ())
    return [Listener(address, port, tuple(sorted(pids))) for address, pids in found.items()]


def _listening(port: int) -> list[tuple[int | None, str]]:
    def wanted(row: Any) -> bool:
        return bool(row.status == psutil.CONN_LISTEN and row.laddr and row.laddr.port == port)

    try:
        everybody: Any = psutil.net_connections("tcp")
        return [(row.pid, row.laddr.ip) for row in everybody if wanted(row)]
    except psutil.Error:  # macOS tells only root about everybody's sockets
        found: list[tuple[int | None, str]] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                found += [
                    (process.pid, row.laddr.ip) for row in process.net_connections("tcp") if wanted(row)
                ]
        return found
