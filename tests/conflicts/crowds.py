"""Several processes at one address: the workers of one server, identical nodes, and strangers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.conflicts.situation import (
    CHANNELS,
    ROOT,
    Situation,
    channels,
    database,
    port_for,
    process,
    runserver,
    script,
    sharing,
    url,
    wait,
    wait_for_holders,
)


@contextlib.contextmanager
def shared() -> Iterator[Situation]:
    """Daphne and another project's runserver share one address by SO_REUSEPORT: the incident itself."""
    port = port_for()
    with sharing() as path, process(*channels(port), cwd=CHANNELS, **database(), **path) as right:
        wait(port)
        with process(*runserver(port), **path) as wrong:
            wait(port, 2)
            yield Situation(url(port), "port.shared", port, {"server": right.pid, "intruder": wrong.pid})


@contextlib.contextmanager
def shared_unequally(sockets: int = 19) -> Iterator[Situation]:
    """A server with many listening sockets shares with an intruder that has one, so gets few connections."""
    port = port_for()
    with process(*script("echo", port, "--sockets", sockets)) as right:
        wait(port, sockets)
        with process(*script("http_only", port, "--share")) as wrong:
            wait(port, sockets + 1)
            yield Situation(
                url(port, path="/"), "port.shared", port, {"server": right.pid, "intruder": wrong.pid}
            )


@contextlib.contextmanager
def prefork(workers: int = 3) -> Iterator[Situation]:
    """One server whose forked workers share one listening socket."""
    port = port_for()
    with process(*script("echo", port, "--workers", workers)) as server:
        wait(port)
        yield Situation(url(port, path="/"), None, port, {"server": server.pid})


@contextlib.contextmanager
def spawned(workers: int = 2) -> Iterator[Situation]:
    """One server as uvicorn runs it: spawned workers that share their parent's listening socket."""
    port = port_for()
    with process(*script("spawned", port, workers)) as server:
        wait(port)
        wait_for_holders(port, workers + 1)
        yield Situation(url(port, path="/"), None, port, {"server": server.pid})


@contextlib.contextmanager
def a_socket_each(workers: int = 3) -> Iterator[Situation]:
    """One server as Granian runs it: each worker has a listening socket of its own (SO_REUSEPORT)."""
    port = port_for()
    with process(*script("spawned", port, workers, "--each")) as server:
        wait(port, workers)
        yield Situation(url(port, path="/"), None, port, {"server": server.pid})


@contextlib.contextmanager
def unlike_nodes() -> Iterator[Situation]:
    """A balancer in front of a WebSocket server and of one that speaks HTTP only."""
    port, right, wrong = port_for(), port_for(), port_for()
    with process(*script("echo", right)), process(*script("http_only", wrong)):
        wait(right)
        wait(wrong)
        with process(*script("balancer", port, right, wrong)) as balancer:
            wait(port)
            yield Situation(url(port, path="/"), "port.answers-differ", port, {"balancer": balancer.pid})


@contextlib.contextmanager
def balanced(nodes: int = 3) -> Iterator[Situation]:
    """A balancer that hands connections to identical nodes in turn."""
    port = port_for()
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(nodes):
            ports.append(port_for())
            stack.enter_context(process(*script("echo", ports[-1]), cwd=ROOT))
            wait(ports[-1])
        balancer = stack.enter_context(process(*script("balancer", port, *ports)))
        wait(port)
        yield Situation(url(port, path="/"), None, port, {"balancer": balancer.pid})
