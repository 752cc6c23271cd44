"""Wait until a server that was started listens: the one loop for all who start one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

POLL = 0.02


class NotReady(Exception):
    """What was waited for did not come. ``status`` is the exit status of a process that ended before."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def wait_until(
    ready: Callable[[], bool], *, process: subprocess.Popen[Any] | None = None, bound: float = 30.0
) -> None:
    """Look every 20 ms until something is so.

    Args:
        ready: whether it is so; it must return soon.
        process: who makes it so. When it ends, nobody waits any longer.
        bound: seconds.

    Raises:
        NotReady: the process ended before, or the time is over.

    """
    deadline = time.monotonic() + bound
    while not ready():
        if time.monotonic() > deadline:
            raise NotReady(f"it was not ready within {bound:g} s")
        if process is None:
            time.sleep(POLL)
            continue
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(POLL)
            raise NotReady(f"the process ended with {status}", status)


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Return whether a TCP connection is accepted there; it is closed again."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
