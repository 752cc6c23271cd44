"""A port whose holder fetches no connections: stopped, out of descriptors, busy, taken, or hung."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from conformance.commands.doctor.case import AGAIN, Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, undecided
from conformance.commands.doctor.ownership import described, list_owners
from conformance.commands.doctor.programs import program_of
from conformance.ports.listeners import Listener
from conformance.ports.processes import owner

LOOKS, PAUSE = 6, 0.05  # seconds between two looks at what a process does
SPARE = 2  # descriptors that may be left where no connection can be accepted any more


@dataclass(frozen=True, slots=True)
class State:
    """What the process that holds a port is doing."""

    pid: int
    descriptors: int | None
    limit: int | None
    busy: bool
    connections: int

    @property
    def exhausted(self) -> bool:
        """Whether it can open no file any more."""
        return (
            self.descriptors is not None
            and bool(self.limit)
            and self.descriptors >= (self.limit or 0) - SPARE
        )


def states(pids: Sequence[int], port: int) -> list[State]:
    """Look at processes several times.

    Returns:
        Their states; those that may not be looked at are left out.

    """
    running = dict.fromkeys(pids, 0)
    for _ in range(LOOKS):
        for pid in pids:
            running[pid] += _runs(pid)
        time.sleep(PAUSE)  # what a process does over a while is what is looked at
    found = []
    for pid in pids:
        open_files, limit = _descriptors(pid)
        found.append(State(pid, open_files, limit, running[pid] == LOOKS, _connections(pid, port)))
    return found


def _runs(pid: int) -> bool:
    """Return whether a process computes, or would if it had a processor.

    On a busy machine its share is small.
    """
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_RUNNING
    return False


def _descriptors(pid: int) -> tuple[int | None, int | None]:
    with contextlib.suppress(psutil.Error, AttributeError, OSError):
        process = psutil.Process(pid)
        return process.num_fds(), process.rlimit(psutil.RLIMIT_NOFILE)[0]
    return None, None


def _connections(pid: int, port: int) -> int:
    with contextlib.suppress(psutil.Error, OSError):
        return sum(
            one.status == psutil.CONN_ESTABLISHED and bool(one.laddr) and one.laddr.port == port
            for one in psutil.Process(pid).net_connections("tcp")
        )
    return 0


async def hanging(case: Case, held: Sequence[Listener], evidence: tuple[str, ...], *, full: bool) -> Finding:
    """Return why the holder of a port fetches no connections, as far as it can be seen from outside.

    Args:
        case: what was asked.
        held: the sockets of the port.
        evidence: what was seen so far.
        full: whether the queue of connections is full.

    """
    waiting = sum(one.waiting or 0 for one in held)
    pids = list(dict.fromkeys(pid for one in held for pid in one.pids))
    lines = (*evidence, f"connections that wait to be accepted: {waiting}", *described(case, held))
    stopped = [pid for pid in pids if owner(pid).stopped]
    if stopped:
        return broken(
            "owners",
            Cause.PORT_STOPPED,
            f"The process that holds port {case.url.port} is stopped (SIGSTOP or Ctrl-Z): it answers nobody.",
            evidence=lines,
            steps=(
                Step("Let it go on (in its own terminal: fg)", f"kill -CONT {shlex.join(map(str, stopped))}"),
            ),
        )
    layer = "owners" if full else "http"
    seen = await asyncio.to_thread(states, pids, case.url.port)
    for look in (_exhausted, _busy, _taken):
        found = look(case, seen, layer, lines)
        if found is not None:
            return found
    if case.reached:
        again = await case.ask(case.request(), patience=AGAIN)
        if again is not None and again.response is not None:
            return _late(case, layer, lines)
    return _hung(case, layer, lines, pids, full=full)


def _exhausted(case: Case, seen: Sequence[State], layer: str, lines: tuple[str, ...]) -> Finding | None:
    one = next((one for one in seen if one.exhausted), None)
    if one is None:
        return None
    return broken(
        layer,
        Cause.SERVER_DESCRIPTORS,
        f"The process that holds port {case.url.port} has no file descriptors left: it can accept no "
        "connection.",
        evidence=(
            (
                f"PID {one.pid}: {one.descriptors} of {one.limit} descriptors are open, "
                f"{one.connections} of them connections to port {case.url.port}"
            ),
            *lines,
        ),
        steps=(
            Step("See what holds them", f"ls -l /proc/{one.pid}/fd"),
            Step("Raise the limit where the server is started (systemd: LimitNOFILE=)", "ulimit -n 65536"),
            Step(
                "If they are connections that nobody uses any more, let the server close them: pings, "
                "time-outs."
            ),
        ),
    )


def _busy(case: Case, seen: Sequence[State], layer: str, lines: tuple[str, ...]) -> Finding | None:
    one = next((one for one in seen if one.busy), None)
    if one is None:
        return None
    return broken(
        layer,
        Cause.SERVER_BUSY,
        f"The process that holds port {case.url.port} computes and accepts nobody meanwhile: "
        "its event loop is blocked, or it is overloaded.",
        evidence=(f"PID {one.pid} was computing at each of {LOOKS} looks, while nobody was answered", *lines),
        steps=(
            Step("See what it computes (Python: py-spy; Node: --cpu-prof)", f"py-spy dump --pid {one.pid}"),
            Step("Move long work out of the event loop: a thread, a process, a task queue."),
        ),
    )


def _taken(case: Case, seen: Sequence[State], layer: str, lines: tuple[str, ...]) -> Finding | None:
    """Return the finding of idle processes that each have one client: they serve one at a time."""
    workers = [one for one in seen if one.connections]
    program = program_of(case, None)
    alone = bool(workers) and all(one.connections == 1 for one in workers)
    if not alone or (program.name != "gunicorn" and len(workers) < len(seen)):
        return None
    clients = ", ".join(f"PID {one.pid} serves 1 connection" for one in workers)
    return broken(
        layer,
        Cause.SERVER_ONE_CONNECTION,
        "The server serves one connection at a time, and somebody is connected: nobody else is answered.",
        evidence=(clients, *lines),
        steps=(
            program.more_workers,
            Step("See who is connected", f"ss -tnp 'sport = :{case.url.port}'"),
        ),
    )


def _late(case: Case, layer: str, lines: tuple[str, ...]) -> Finding:
    return undecided(
        layer,
        Cause.SERVER_BUSY,
        "The server accepted nobody for a while, then answered again: it is busy now and then.",
        evidence=(*lines, "asked again a moment later: it answered"),
        steps=(Step("Ask again, and wait longer", f"conformance doctor {case.bare()} --timeout 10"),),
    )


def _hung(case: Case, layer: str, lines: tuple[str, ...], pids: Sequence[int], *, full: bool) -> Finding:
    queue = "its queue of connections is full" if full else "connections wait in the kernel's queue"
    steps = [list_owners(case.url.port, other_user=not pids)]
    if pids:
        steps = [
            Step(
                "See what it waits for", f"ps -o pid,stat,wchan:20,etime,args -p {','.join(map(str, pids))}"
            ),
            Step("Read its log. If it waits for ever (a lock, a database), restart it as you started it."),
        ]
    return broken(
        layer,
        Cause.PORT_BACKLOG_FULL if full else Cause.HTTP_NOT_ACCEPTING,
        f"The process that holds port {case.url.port} accepts no connections any more; {queue}.",
        evidence=lines,
        steps=tuple(steps),
    )
