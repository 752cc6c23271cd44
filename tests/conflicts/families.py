"""Different programs at the addresses of one name, and an address taken from a wildcard."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.conflicts.situation import (
    CHANNELS,
    Situation,
    channels,
    database,
    importable,
    port_for,
    process,
    runserver,
    script,
    url,
    wait,
)


@contextlib.contextmanager
def families() -> Iterator[Situation]:
    """Django's runserver on 127.0.0.1, Daphne on ::1, one port: ``localhost`` means either."""
    port = port_for()
    with process(*channels(port, "::1"), cwd=CHANNELS, **database()) as right:
        wait(port)
        with importable() as path, process(*runserver(port), **path) as wrong:
            wait(port, 2)
            pids = {"server": right.pid, "intruder": wrong.pid}
            yield Situation(url(port, "localhost"), "port.families", port, pids)


@contextlib.contextmanager
def shadowed() -> Iterator[Situation]:
    """A WebSocket server on 0.0.0.0, and an HTTP server that takes 127.0.0.1 from it."""
    port = port_for()
    with process(*script("echo", port, "--address", "0.0.0.0", "--sockets", 1, "--share")) as right:
        wait(port)
        with process(*script("http_only", port, "--share")) as wrong:
            wait(port, 2)
            pids = {"server": right.pid, "intruder": wrong.pid}
            yield Situation(url(port, path="/"), "port.shadowed", port, pids)
