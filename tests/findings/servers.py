"""Echo servers of a few lines on the stacks that have findings, started on free ports."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from conformance.target.launch import free_port
from tests.interop.running import await_port
from tests.interop.stacks import nginx, node_versions, package_versions, printed_version

ROOT = Path(__file__).parents[2]
SERVERS = ROOT / "tests" / "servers"
NODE_MODULES = ROOT / "targets" / "node_ws" / "node_modules"
ASGI = "tests.servers.echo_asgi:app"
BOUND = ("--host", "127.0.0.1", "--port", "{port}", ASGI)


@dataclass(frozen=True)
class Server:
    """A stack: its command with ``{port}`` in it, and the packages whose versions matter."""

    name: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> str:
        """Return what is not installed, or an empty string."""
        if self.command[0] == "node":
            if shutil.which("node") is None:
                return "Node is not installed"
            return "" if (NODE_MODULES / "ws").exists() else "npm ci --prefix targets/node_ws was not run"
        if self.name == "nginx" and nginx() is None:
            return "nginx is not installed"
        absent = [one for one in self.packages if one != "nginx" and find_spec(one) is None]
        return f"{', '.join(absent)}: not installed" if absent else ""

    def versions(self) -> str:
        """Return the versions of its packages."""
        if self.command[0] == "node":
            return ", ".join(node_versions(NODE_MODULES.parent))
        own = [f"nginx {printed_version(nginx() or 'nginx', '-v')}"] if self.name == "nginx" else []
        return ", ".join([*own, *package_versions(*(one for one in self.packages if one != "nginx"))])

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        """Run it; yield its port."""
        port = free_port("127.0.0.1")
        command = [word.replace("{port}", str(port)) for word in self.command]
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | self.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            await_port(process, port)
            yield port
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


def _uvicorn(implementation: str) -> Server:
    package = implementation.split("-", maxsplit=1)[0]
    command = _python("-m", "uvicorn", "--http", "h11", "--ws", implementation, *BOUND)
    return Server(f"uvicorn {implementation}", command, ("uvicorn", package))


ECHO = _python(str(SERVERS / "echo.py"), "{port}")
ALL = (
    Server(
        "daphne", _python("-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}", ASGI),
        ("daphne", "twisted", "autobahn"),
    ),
    Server("websockets", ECHO, ("websockets",)),
    *map(_uvicorn, ("websockets-sansio", "websockets", "wsproto")),
    Server(
        "hypercorn", _python("-m", "hypercorn", "--bind", "127.0.0.1:{port}", ASGI),
        ("hypercorn", "wsproto", "h2"),
    ),
    Server("granian", _python("-m", "granian", "--interface", "asgi", *BOUND), ("granian",)),
    Server("aiohttp", _python(str(SERVERS / "echo_aiohttp.py"), "{port}"), ("aiohttp",)),
    Server("ws", ("node", str(SERVERS / "echo_ws.js"), "{port}"), ("ws",), {"NODE_PATH": str(NODE_MODULES)}),
    Server(
        "nginx", _python("targets/nginx/front.py", "--port", "{port}", "--", *ECHO[:-1], "{upstream}"),
        ("nginx", "websockets"),
    ),
)  # fmt: skip
