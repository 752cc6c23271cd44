"""The processes behind a port: what they are, and which of them belong to one tree."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

WIDTH = 120
_INTERPRETER = re.compile(r"(^|/)(python|node|ruby|java|php|perl|bun|deno|dotnet|beam|\w*sh\b)")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process as a person finds it again: its id, what was run, and since when."""

    pid: int
    command: str
    started: str
    user: str = ""
    stopped: bool = False
    orphan: bool = False

    def __str__(self) -> str:
        """Return the process in one line."""
        orphan = ", whose parent has ended" if self.orphan else ""
        stopped = ", stopped by a signal" if self.stopped else ""
        return f"PID {self.pid} ({self.command}) since {self.started}{orphan}{stopped}"


def owner(pid: int) -> Owner:
    """Return what can be seen of a process."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command = " ".join(process.cmdline()) or process.name()
            started = datetime.fromtimestamp(process.create_time(), UTC).astimezone()
            shown = "".join(one if one.isprintable() else " " for one in command)
            return Owner(
                pid=pid,
                command=shown[:WIDTH],
                started=f"{started:%Y-%m-%d %H:%M:%S %z}",
                user=_user(process),
                stopped=process.status() in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP},
                orphan=is_orphan(pid),
            )
    except psutil.Error:
        return Owner(pid, "cannot be seen", "an unknown time")


def _user(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, KeyError):
        return process.username()
    return ""


# How a worker is started by a parent that is meant to watch over it: Python's multiprocessing (uvicorn,
# Hypercorn, Granian), and the reloaders of Django and Werkzeug.
_WORKER = re.compile(r"multiprocessing\.(spawn|forkserver)|--multiprocessing-fork")
_RELOADED = ("RUN_MAIN", "WERKZEUG_RUN_MAIN")


def is_orphan(pid: int) -> bool:
    """Return whether a process is a worker or a reloader's child whose parent has ended.

    A daemon has no parent of its own either; what tells the two apart is how a worker is started. Where its
    environment may not be looked at, a reloader's child cannot be told from a daemon and passes.
    """
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        marked = _WORKER.search(" ".join(process.cmdline())) is not None
        if not marked:
            environment = process.environ()
            marked = any(environment.get(name) == "true" for name in _RELOADED)
        return marked and not _is_parent(process.parent(), process)
    return False


def _is_parent(above: psutil.Process | None, worker: psutil.Process) -> bool:
    # Whoever adopts an orphan, init or a service manager, runs another program in another process group.
    if above is None:
        return False
    with contextlib.suppress(psutil.Error, OSError):
        # A worker that leads a group of its own has left its parent's by itself.
        groups = {worker.pid, os.getpgid(above.pid)} if hasattr(os, "getpgid") else None
        together = groups is None or os.getpgid(worker.pid) in groups
        return together and above.exe() == worker.exe()
    return False


def trees(pids: Iterable[int]) -> list[set[int]]:
    """Return processes as trees: one above the other, or workers of one command in one process group.

    Workers may outlive the parent that made them, so a common group with the same program counts as one tree
    too. What an interpreter runs is the program; numbers in its command differ between workers and are not
    compared.
    """
    groups: list[tuple[set[int], set[object]]] = []
    for pid in sorted(set(pids)):
        members, marks = {pid}, _marks(pid)
        for other in [one for one in groups if one[1] & marks]:
            groups.remove(other)
            members |= other[0]
            marks |= other[1]
        groups.append((members, marks))
    return _joined_by_ancestry([members for members, _ in groups])


def _marks(pid: int) -> set[object]:
    try:
        command = psutil.Process(pid).cmdline()
        program = " ".join(command) if _INTERPRETER.search(command[0]) else command[0]
        return {pid, (os.getpgid(pid), re.sub(r"\d+", "#", program))} if hasattr(os, "getpgid") else {pid}
    except (psutil.Error, OSError, IndexError):
        return {pid}


def _joined_by_ancestry(groups: list[set[int]]) -> list[set[int]]:
    joined: list[set[int]] = []
    for members in groups:
        above = {one for pid in members for one in ancestors(pid)}
        merged = set(members)
        for other in list(joined):
            if other & above or any(members & set(ancestors(pid)) for pid in other):
                joined.remove(other)
                merged |= other
        joined.append(merged)
    return joined


def ancestors(pid: int) -> list[int]:
    """Return the ids of a process's parents, the nearest first."""
    try:
        return [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.Error:
        return []


def descendants(pid: int) -> list[psutil.Process]:
    """Return the children of a process and theirs."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
