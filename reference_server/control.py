"""The control interface: how a tester causes the changes that the protocol announces.

`POST /control/{action}?parameters`, no body. 204: the change is visible and its events are queued; 400: a
parameter is missing or wrong; 404: no such user, token or action. It is for tests only, so it listens on
this machine's loopback address and refuses every request that a web page makes.
"""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .actions import Actions, BadParameterError, NotFoundError, Parameters

if TYPE_CHECKING:
    import socket

    from .cluster import Cluster

PREFIX = "/control/"
ANSWER_TIMEOUT = 5.0  # seconds
LARGEST_BODY = 65536  # bytes


class ControlServer(ThreadingHTTPServer):
    """HTTP in threads of its own; the changes themselves are made in the event loop's thread."""

    daemon_threads = True

    def __init__(
        self, listener: socket.socket, actions: Actions | Cluster, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(listener.getsockname(), ControlHandler, bind_and_activate=False)
        self.socket.close()
        listener.settimeout(None)
        self.socket = listener
        self.actions = actions
        self.loop = loop

    def start(self) -> None:
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="control").start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self.shutdown()
        self.server_close()

    def perform(self, name: str, parameters: Parameters) -> None:
        """Make a change from another thread; returns when it is made."""
        made = self.actions.carry_out(name, parameters)
        asyncio.run_coroutine_threadsafe(made, self.loop).result(ANSWER_TIMEOUT)


class ControlHandler(BaseHTTPRequestHandler):
    """One connection to the control interface."""

    server: ControlServer
    protocol_version = "HTTP/1.1"
    server_version = "reference-server"
    disable_nagle_algorithm = True
    timeout = 60

    def do_POST(self) -> None:
        """Make a change."""
        # That is enough: a browser puts Origin on every POST that a page makes, and no page can remove it.
        if "Origin" in self.headers:
            self._answer(403, "web pages may not use the control interface", close=True)
            return
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            self._answer(400, "send no body", close=True)
            return
        self.rfile.read(int(length))
        path, _, query = self.path.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        parameters = dict(pairs)
        if not path.startswith(PREFIX):
            self._answer(404, "the control interface is at /control/{action}")
        elif len(parameters) < len(pairs):
            self._answer(400, "a parameter is given twice")
        else:
            self._perform(path.removeprefix(PREFIX), parameters)

    def _perform(self, name: str, parameters: Parameters) -> None:
        try:
            self.server.perform(name, parameters)
        except BadParameterError as error:
            self._answer(400, str(error))
        except NotFoundError as error:
            self._answer(404, str(error))
        except Exception as error:  # noqa: BLE001 - answered, or the tester waits for nothing
            self._answer(500, f"failed with {type(error).__name__}")
        else:
            self.send_response(204)
            self.end_headers()

    def _refuse_method(self) -> None:
        self._answer(405, "use POST", close=True, allow=True)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _refuse_method  # noqa: N815

    def _answer(self, status: int, text: str, *, close: bool = False, allow: bool = False) -> None:
        body = b"" if self.command == "HEAD" else f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if allow:
            self.send_header("Allow", "POST")
        if close:
            # What may follow on this connection is a body that was not read.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: the request line may hold a token."""
