"""Holders that cannot be looked at, and how a command is run so that it cannot look.

``wrapper`` goes in front of a command: as an unprivileged user, or in a PID namespace of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.conflicts.situation import PYTHON, Situation, healthy

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
ELSEWHERE = ("unshare", "--pid", "--fork", "--mount-proc")


@dataclass(frozen=True)
class Hidden(Situation):
    """A situation whose holder only ``wrapper`` cannot see."""

    wrapper: tuple[str, ...] = ()


def why_not(wrapper: tuple[str, ...]) -> str:
    """Return why a command cannot be run behind a wrapper here, or an empty string."""
    if shutil.which(wrapper[0]) is None:
        return f"{wrapper[0]} is not installed"
    if os.geteuid() != 0:
        return f"{wrapper[0]} as it is used here needs root"
    done = subprocess.run(
        [*wrapper, PYTHON, "-c", "import conformance"], capture_output=True, check=False, timeout=30
    )
    return "" if done.returncode == 0 else f"{' '.join(wrapper)} does not work here: {done.stderr[-200:]!r}"


@contextlib.contextmanager
def privileged() -> Iterator[Hidden]:
    """A healthy server of root, asked about by a user who may not look at root's processes."""
    with healthy() as it:
        yield Hidden(it.url, None, it.port, it.pids, AS_NOBODY)


@contextlib.contextmanager
def hidden_pids() -> Iterator[Hidden]:
    """A healthy server, asked about from another PID namespace in the same network: a container's view."""
    with healthy() as it:
        yield Hidden(it.url, None, it.port, it.pids, ELSEWHERE)
