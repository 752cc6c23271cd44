"""What a situation is, how its processes are started and ended, and the healthy server to compare with."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from conformance.commands.doctor.demo import sharing_folder
from conformance.ports.listeners import listeners
from conformance.ports.waiting import wait_until
from conformance.target.launch import free_port

ROOT = Path(__file__).parents[2]
SERVERS = Path(__file__).parent / "servers"
CHANNELS = ROOT / "targets" / "django_channels"
PATH = "/ws/permissions/anonymous"
PYTHON = sys.executable


@dataclass(frozen=True)
class Situation:
    """A port as it is: ``cause`` is the truth, ``pids`` the processes by the part that they play."""

    url: str
    cause: str | None
    port: int
    pids: Mapping[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def process(
    *command: str, cwd: Path = ROOT, wrapper: Sequence[str] = (), **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own, and end all of that session at the end."""
    started = subprocess.Popen(
        [*wrapper, *command], cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def script(name: str, *arguments: object) -> list[str]:
    """Return the command of one of the servers beside this module."""
    return [PYTHON, str(SERVERS / f"{name}.py"), *map(str, arguments)]


def channels(port: int, address: str = "127.0.0.1") -> list[str]:
    """Return the command that serves the Django Channels application by Daphne."""
    app = "permissions_site.asgi:application"
    return [PYTHON, "-m", "daphne", "-b", address, "-p", str(port), app]


def runserver(port: int, address: str = "127.0.0.1", *, reload: bool = False) -> list[str]:
    """Return the command of another Django project's runserver, which is WSGI."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    own = [] if reload else ["--noreload"]
    return [PYTHON, "-m", "django", "runserver", *own, "--settings", "other_project", where]


@cache
def _prepared() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="conformance-conflict-")
    subprocess.run(
        [PYTHON, "manage.py", "prepare"], cwd=CHANNELS, check=True, capture_output=True, timeout=60,
        env={**os.environ, "DATABASE_PATH": f"{folder.name}/permissions.sqlite3"},
    )  # fmt: skip
    return folder


def database() -> dict[str, str]:
    """Return the environment that names the Channels application's database, made once and only read."""
    return {"DATABASE_PATH": f"{_prepared().name}/permissions.sqlite3"}


@contextlib.contextmanager
def importable() -> Iterator[dict[str, str]]:
    """Yield an environment with the other Django project, and without port sharing."""
    with tempfile.TemporaryDirectory(prefix="conformance-conflict-") as name:
        folder = sharing_folder(Path(name))
        (folder / "sitecustomize.py").unlink()
        yield {"PYTHONPATH": name}


@contextlib.contextmanager
def sharing() -> Iterator[dict[str, str]]:
    """Yield an environment whose Python processes set SO_REUSEPORT, with the other Django project."""
    with tempfile.TemporaryDirectory(prefix="conformance-conflict-") as name:
        yield {"PYTHONPATH": str(sharing_folder(Path(name)))}


def wait(port: int, sockets: int = 1, seconds: float = 30) -> None:
    """Wait until so many sockets listen on a port."""
    wait_until(lambda: len(listeners(port)) >= sockets, bound=seconds)


def wait_for_holders(port: int, count: int, seconds: float = 30) -> None:
    """Wait until so many processes hold a port's listening sockets."""
    wait_until(lambda: len({pid for one in listeners(port) for pid in one.pids}) >= count, bound=seconds)


def holder(port: int) -> int:
    """Return the process that holds a port."""
    return next(pid for one in listeners(port) for pid in one.pids)


def end(pid: int) -> None:
    """End a process that outlived its parent."""
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).kill()


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


def port_for(host: str = "localhost") -> int:
    """Return a port that is free on all of a name's addresses."""
    return free_port(host)


def url(port: int, host: str = "127.0.0.1", path: str = PATH) -> str:
    """Return the URL that users of the situation have."""
    return f"ws://{host}:{port}{path}"


@contextlib.contextmanager
def healthy() -> Iterator[Situation]:
    """The Channels application on Daphne, alone on its port."""
    port = port_for()
    with process(*channels(port), cwd=CHANNELS, **database()) as daphne:
        wait(port)
        yield Situation(url(port), None, port, {"server": daphne.pid})
