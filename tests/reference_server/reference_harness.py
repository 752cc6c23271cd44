"""A running reference server, and two clients for it: raw bytes, and the synchronous one of `websockets`."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 5.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ORIGIN = "https://app.example"
TOKENS = {
    name: f"{name.lower()}-secret-7f3a"
    for name in [
        "ALICE_TOKEN",
        "BOB_TOKEN",
        "CAROL_TOKEN",
        "EXPIRED_TOKEN",
        "NOT_YET_TOKEN",
        "REVOKED_TOKEN",
        "INACTIVE_TOKEN",
        "DISPOSABLE_1_TOKEN",
        "DISPOSABLE_2_TOKEN",
        "DISPOSABLE_3_TOKEN",
        "DISPOSABLE_4_TOKEN",
        "DISPOSABLE_5_TOKEN",
        "DISPOSABLE_6_TOKEN",
    ]
}
ALICE, BOB, CAROL = (TOKENS[f"{name}_TOKEN"] for name in ("ALICE", "BOB", "CAROL"))
CAROL_ID = 9007199254740993


@dataclass
class Answer:
    """An HTTP response as it came, and what followed it before the end of the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes


class Running:
    """A server process that is ready."""

    def __init__(self, process: subprocess.Popen[str], output: list[str]) -> None:
        self.process = process
        self.output = output
        text = "".join(output)
        self.port = int(re.search(r"listening on ws://\S+:(\d+)", text)[1])
        self.control_port = int(re.search(r"control interface http://127.0.0.1:(\d+)", text)[1])

    def raw(self, request: bytes, *, wait: bool = True) -> Answer:
        """Send bytes; return the response. A refusal is read to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=BOUND) as client:
            client.sendall(request)
            data = b""
            while b"\r\n\r\n" not in data:
                received = client.recv(65536)
                assert received, f"closed without an answer: {data!r}"
                data += received
            head, _, rest = data.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:])
            status = int(lines[0].split()[1])
            if status != 101 and wait:
                while received := client.recv(65536):
                    rest += received
            return Answer(status, {name.lower(): value for name, value in headers.items()}, rest, data)

    def get(
        self, target: str = "/ws/permissions/", *lines: str, without: str = "", extra: str = ""
    ) -> Answer:
        """Send a handshake: `lines` are added, or replace the lines whose header `without` names."""
        usual = [
            f"Host: localhost:{self.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {KEY}",
            "Sec-WebSocket-Version: 13",
        ]
        kept = [line for line in usual if line.split(":")[0] not in without.split()]
        head = "\r\n".join([f"GET {target} HTTP/1.1", *kept, *lines, "", ""])
        return self.raw(head.encode("latin-1") + extra.encode())

    def connect(self, token: str | None = None, path: str = "/ws/permissions/", **options: Any) -> Client:
        """Connect with a token in the header."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        options = {"compression": None, "max_size": None} | options
        url = f"ws://localhost:{self.port}{path}"
        return Client(connect(url, additional_headers=headers, proxy=None, open_timeout=BOUND, **options))

    def control(self, action: str, method: str = "POST", headers: Any = None, **parameters: Any) -> int:
        """Cause a change; return the status."""
        client = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=BOUND)
        with contextlib.closing(client):
            client.request(method, f"/control/{action}?{urlencode(parameters)}", headers=headers or {})
            answer = client.getresponse()
            answer.read()
            return answer.status


class Client:
    """A client of the permissions protocol; use it as a context manager."""

    websocket: ClientConnection
    confirmed: dict[str, Any]

    def __init__(self, connecting: ClientConnection) -> None:
        self.connecting = connecting

    def __enter__(self) -> Self:
        self.websocket = self.connecting.__enter__()
        self.confirmed = self.receive()
        assert self.confirmed["type"] == "connection_confirmed"
        return self

    def __exit__(self, *_: object) -> None:
        self.connecting.__exit__(None, None, None)

    def receive(self) -> dict[str, Any]:
        """Return the next message."""
        return json.loads(self.websocket.recv(timeout=BOUND))

    def ask(self, message: object) -> dict[str, Any]:
        """Send an object, or a text or bytes as they are; return the next message."""
        self.websocket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        return self.receive()

    def before_heartbeat(self) -> list[dict[str, Any]]:
        """Return the messages that come before the answer to a heartbeat: all that was queued till now."""
        self.websocket.send('{"type":"heartbeat","id":"fence"}')
        messages = []
        while (message := self.receive()).get("id") != "fence":
            messages.append(message)
        return messages

    def closed_with(self) -> tuple[int, str]:
        """Wait for the server's close; return its code and reason."""
        end = time.monotonic() + BOUND
        with contextlib.suppress(Exception):
            while time.monotonic() < end:
                self.websocket.recv(timeout=BOUND)
        return self.websocket.close_code, self.websocket.close_reason


@contextlib.contextmanager
def server(*arguments: str, tokens: dict[str, str] = TOKENS, host: str = "localhost") -> Iterator[Running]:
    """Start a server on a free port; stop it at the end, by its own process id."""
    process = start(*arguments, tokens=tokens, host=host)
    try:
        output = []
        for line in process.stdout:
            output.append(line)
            if line.startswith("test page"):
                break
        else:
            process.wait(BOUND)
            raise AssertionError(process.stderr.read())
        yield Running(process, output)
    finally:
        process.terminate()
        try:
            process.wait(BOUND)
        finally:
            process.kill()
            process.communicate()


def start(*arguments: str, tokens: dict[str, str] = TOKENS, host: str = "localhost") -> subprocess.Popen[str]:
    """Start the command; the caller ends it."""
    command = [sys.executable, "-m", "reference_server", "--host", host, "--origin", ORIGIN]
    if "--port" not in arguments:
        command += ["--port", "0"]
    return subprocess.Popen(
        [*command, *arguments],
        env={**os.environ, **tokens},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
