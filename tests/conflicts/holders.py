"""One holder that is not what it should be: stopped, too busy, orphaned, HTTP only, or just gone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import psutil

from conformance.ports.listeners import lingering, listeners
from conformance.ports.waiting import wait_until
from tests.conflicts.situation import (
    CHANNELS,
    Situation,
    channels,
    database,
    end,
    holder,
    importable,
    port_for,
    process,
    runserver,
    script,
    url,
    wait,
    wait_for_holders,
)


@contextlib.contextmanager
def http_only() -> Iterator[Situation]:
    """Django's runserver, which is WSGI, where Daphne was meant."""
    port = port_for()
    with importable() as path, process(*runserver(port), **path) as server:
        wait(port)
        yield Situation(url(port), "upgrade.wsgi", port, {"server": server.pid})


@contextlib.contextmanager
def stopped() -> Iterator[Situation]:
    """Daphne, stopped by SIGSTOP: the kernel accepts for it, nobody answers."""
    port = port_for()
    with process(*channels(port), cwd=CHANNELS, **database()) as server:
        wait(port)
        os.kill(server.pid, signal.SIGSTOP)
        wait_until(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        yield Situation(url(port), "port.stopped", port, {"server": server.pid})


@contextlib.contextmanager
def backlog_full() -> Iterator[Situation]:
    """A server that runs and accepts nobody, with a full queue of connections."""
    port = port_for()
    with process(*script("never_accepts", port)) as server, contextlib.ExitStack() as stack:
        wait(port)
        for _ in range(8):  # more than it has room for; the last ones hang in SYN_SENT
            one = stack.enter_context(socket.socket())
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", port))
        yield Situation(url(port), "port.backlog-full", port, {"server": server.pid})


@contextlib.contextmanager
def orphan() -> Iterator[Situation]:
    """The child of Django's reloader, whose parent was killed: it still listens and serves old code."""
    port = port_for()
    with importable() as path, process(*runserver(port, reload=True), **path) as parent:
        wait(port)
        child = holder(port)
        assert child != parent.pid
        parent.kill()
        parent.wait()
        wait_until(lambda: psutil.Process(child).ppid() != parent.pid)
        try:
            yield Situation(url(port), "port.orphan", port, {"orphan": child})
        finally:
            end(child)


@contextlib.contextmanager
def orphaned_worker() -> Iterator[Situation]:
    """A worker as uvicorn spawns it, whose parent was killed: it serves WebSocket on, with old code."""
    port = port_for()
    with process(*script("spawned", port, 1)) as parent:
        wait(port)
        wait_for_holders(port, 2)
        (child,) = {pid for one in listeners(port) for pid in one.pids} - {parent.pid}
        parent.kill()
        parent.wait()
        wait_until(lambda: psutil.Process(child).ppid() != parent.pid)
        try:
            yield Situation(url(port, path="/"), "port.orphan", port, {"orphan": child})
        finally:
            end(child)


@contextlib.contextmanager
def time_wait() -> Iterator[Situation]:
    """Nobody listens, and connections that a server closed before it ended linger in TIME_WAIT."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as client:
                accepted, _ = server.accept()
                accepted.close()  # who closes first keeps the TIME_WAIT
                client.recv(1)
    wait_until(lambda: lingering(port) > 0)
    yield Situation(url(port), "tcp.time-wait", port)
