"""Backends for the test page: the reference server as a process, and small servers with one peculiarity."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import urlencode

from websockets.asyncio.server import ServerConnection, serve

from tests.conftest import ROOT

# Printable, and allowed in a subprotocol; a needle that occurs nowhere else.
TOKENS = {name: f"{name.split('_')[0].lower()}-canary-91c4" for name in ("ALICE_TOKEN", "CAROL_TOKEN")}
ALICE, CAROL = TOKENS.values()
CONFIRMED = '{"type":"connection_confirmed","user_id":5,"groups":[],"server_time":"2026-01-01","features":{}}'


class Backend:
    """The reference server; it can be killed, and come back on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start, on the port of the time before."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reference_server", "--port", str(self.port)], cwd=ROOT,
            env={**os.environ, **TOKENS}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        printed = ""
        for line in self.process.stdout:
            printed += line
            if line.startswith("test page"):
                break
        self.port = int(re.search(r"listening on ws://\S+:(\d+)", printed)[1])
        self.control_port = int(re.search(r"http://127.0.0.1:(\d+)/control", printed)[1])

    def kill(self) -> None:
        """End without a farewell."""
        self.process.kill()
        self.process.communicate()

    @property
    def page(self) -> str:
        """The address of its test page."""
        return f"http://localhost:{self.port}/"

    def control(self, action: str, **parameters: object) -> None:
        """Cause a change."""
        client = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=5)
        with contextlib.closing(client):
            client.request("POST", f"/control/{action}?{urlencode(parameters)}")
            assert client.getresponse().status == 204


@contextlib.asynccontextmanager
async def peculiar(
    behave: Callable[[ServerConnection], Awaitable[object]], **options: object
) -> AsyncIterator[str]:
    """Serve connections by a coroutine, to pages of any origin; yield the URL."""
    async with serve(behave, "127.0.0.1", 0, close_timeout=1, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws/permissions/"


@contextlib.contextmanager
def command(*words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``conformance page``; yield its process and the first line that it prints."""
    started = subprocess.Popen(
        [sys.executable, "-m", "conformance", "page", *words], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield started, started.stdout.readline()
    finally:
        started.kill()
        started.communicate()


async def forever(websocket: ServerConnection) -> None:
    """Let anybody in, and answer nothing."""
    await websocket.send(CONFIRMED)
    with contextlib.suppress(asyncio.CancelledError):
        await websocket.wait_closed()
