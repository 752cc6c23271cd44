"""The incident as a story: two real servers on one port, a 404 on a correct route, and the doctor's answer.

From a checkout with Django and Daphne it is the original pair: the Channels service on Daphne, and another
Django project's ``runserver``. Elsewhere the reference server and Python's ``http.server`` take their parts.
Both get SO_REUSEPORT by a ``sitecustomize`` module on their path, as Granian, or Hypercorn with two workers,
set it by themselves; nothing else about them is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from conformance.commands.doctor.case import case_of, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.document import document
from conformance.commands.doctor.findings import Diagnosis
from conformance.commands.doctor.screen import show
from conformance.commands.doctor.walk import diagnose
from conformance.core.errors import Inconclusive
from conformance.ports.waiting import NotReady, wait_until
from conformance.target.launch import free_port
from conformance.target.profile import Profile

PATH = "/ws/permissions/anonymous"
CHANNELS = Path(__file__).parents[3] / "targets" / "django_channels"
TRIES = 10
_SHARES = """
import socket
_bind = socket.socket.bind
def bind(self, address):
    if self.type == socket.SOCK_STREAM and isinstance(address, tuple):
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(self, address)
socket.socket.bind = bind
"""
_OTHER_PROJECT = """
SECRET_KEY = "another project on the same machine"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "other_project"
INSTALLED_APPS = []
urlpatterns = []
"""


@contextlib.contextmanager
def running(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server, and end it with all that it started.

    Args:
        command: of the server.
        env: added to the environment.
        cwd: its folder.

    Yields:
        Its process.

    """
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listening(process: subprocess.Popen[bytes], address: str, port: int, sockets: int) -> None:
    """Wait until so many sockets listen on the port.

    Args:
        process: which is to listen.
        address: the IP address.
        port: of the sockets.
        sockets: how many.

    Raises:
        Inconclusive: the process ended first, or it took too long.

    """
    from conformance.ports.listeners import listeners  # noqa: PLC0415 - a name of its own in this module

    def shared() -> bool:
        return sum(one.address == address for one in listeners(port)) >= sockets

    try:
        wait_until(shared, process=process)
    except NotReady as trouble:
        what = "never listened" if trouble.status is None else f"ended with {trouble.status}"
        raise Inconclusive(f"{' '.join(map(str, process.args))} {what}.") from None  # type: ignore[arg-type]


def sharing_folder(folder: Path) -> Path:
    """Write the module that makes every server started with this folder on its path share its port.

    Returns:
        The folder.

    """
    (folder / "sitecustomize.py").write_text(_SHARES)
    (folder / "other_project.py").write_text(_OTHER_PROJECT)
    return folder


def cast(port: int, folder: Path) -> tuple[list[str], list[str], Mapping[str, str], Path]:
    """Return the commands of the WebSocket server and of the intruder, their environment and their folder."""
    env = {"PYTHONPATH": str(folder), "DATABASE_PATH": str(folder / "permissions.sqlite3")}
    real = all(importlib.util.find_spec(name) for name in ("django", "daphne", "channels"))
    if real and CHANNELS.is_dir():
        subprocess.run(
            [sys.executable, "manage.py", "prepare"],
            cwd=CHANNELS,
            env={**os.environ, **env},
            check=True,
            capture_output=True,
            timeout=60,
        )
        app = "permissions_site.asgi:application"
        right = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), app]
        wrong = [
            sys.executable,
            "-m",
            "django",
            "runserver",
            "--noreload",
            "--settings",
            "other_project",
            f"127.0.0.1:{port}",
        ]
        return right, wrong, env, CHANNELS
    right = [sys.executable, "-m", "reference_server", "--host", "127.0.0.1", "--port", str(port)]
    wrong = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return right, wrong, env, folder


def demo(console: Console) -> int:
    """Tell the story.

    Returns:
        0 where it went as it did then, 10 where this machine cannot tell it.

    Raises:
        Inconclusive: this is not Linux.

    """
    if not hasattr(socket, "SO_REUSEPORT") or not Path("/proc/net/tcp").exists():
        raise Inconclusive("The demonstration needs Linux: two processes share a port by SO_REUSEPORT.")
    with tempfile.TemporaryDirectory(prefix="conformance-incident-") as name:
        folder = sharing_folder(Path(name))
        port = free_port("127.0.0.1")
        right, wrong, env, cwd = cast(port, folder)
        url = f"ws://127.0.0.1:{port}{PATH}"
        _say(console, "1. The WebSocket server starts", " ".join(["python", *right[1:]]))
        with running(right, env, cwd) as first:
            listening(first, "127.0.0.1", port, 1)
            _say(
                console,
                "2. So does another Python server, on the same port, without any error",
                " ".join(["python", *wrong[1:]]),
            )
            with running(wrong, env, cwd) as second:
                listening(second, "127.0.0.1", port, 2)
                _say(console, f"3. {TRIES} handshakes to a route that is right", url)
                for line, count in asyncio.run(_tries(url)).most_common():
                    console.print(Text(f"   {count:2} x {line}"))
                _say(console, "4. The doctor is asked", f"conformance doctor {url}")
                before = _diagnosed(console, url)
            _say(console, f"5. The intruder, PID {second.pid}, is ended, and the doctor is asked again", "")
            after = _diagnosed(console, url)
    told = before.last is not None and before.last.cause == Cause.PORT_SHARED and after.verdict == "healthy"
    console.print(Text("\nEverything that was started has been ended.", style="dim"))
    return 0 if told else 10


async def _tries(url: str) -> Counter[str]:
    case = case_of(url, Profile())
    case.reached = ("127.0.0.1",)
    found = [await case.ask(case.request()) for _ in range(TRIES)]
    case.close()
    return Counter(case.clean(line_of(one)) for one in found)


def _diagnosed(console: Console, url: str) -> Diagnosis:
    case = case_of(url, Profile())
    made = asyncio.run(diagnose(case))
    show(console, document(case, made))
    return made


def _say(console: Console, what: str, detail: str) -> None:
    console.print(Text(f"\n{what}", style="bold"))
    if detail:
        console.print(Text(f"   {detail}", style="cyan"))
