"""``conformance page``: serve the test page on this machine, for a backend that has none of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from conformance.commands.arguments import USAGE, Parser
from conformance.core.errors import UsageProblem
from conformance.target.url import ENDPOINTS, parse
from reference_server.binding import BindingError, PortOccupiedError, bind, describe_holders
from reference_server.page import page

_EXIT_CODES = """\
exit codes:
  0   served until Ctrl-C
  4   usage: a wrong URL, or a port that cannot be had

A browser names the page's origin in every handshake, and a backend that checks it must allow the one that is
printed. --port keeps it the same from one start to the next.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = Parser(
        prog="conformance page",
        description="Serve a page on this machine that talks to a WebSocket backend from a real browser.",
        epilog=_EXIT_CODES,
    )
    made.add_argument(
        "--server-url",
        metavar="URL",
        required=True,
        help=f"ws, wss, http or https; {ENDPOINTS} when it has no path",
    )
    made.add_argument("--port", type=_port, default=0, help="of the page; a free one when not given")
    return made


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def serve(arguments: Sequence[str]) -> int:
    """Serve the page until Ctrl-C.

    Returns:
        The exit code.

    """
    options = parser().parse_args(list(arguments))
    try:
        url = begins_with(options.server_url)
        with _serving(url, options.port) as origin:
            print(announcement(url, origin), flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            threading.Event().wait()
    except UsageProblem as problem:
        print(problem, file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return 0
    return 0


def begins_with(text: str) -> str:
    """Return the WebSocket URL that the page begins with. Raises `UsageProblem`."""
    url = parse(text)
    path = ENDPOINTS if url.path == "/" else url.path
    return f"{'wss' if url.secure else 'ws'}://{url.authority}{path}"


def announcement(url: str, origin: str) -> str:
    """Return what is printed when the page is served."""
    return "\n".join(
        [
            f"test page {origin}/ for {url}",
            f"The backend must allow the origin {origin}. Whether it does:",
            f"  conformance doctor {url} --origin {origin}",
            "Ctrl-C ends it.",
        ]
    )


@contextmanager
def _serving(url: str, port: int) -> Iterator[str]:
    # A cookie with SameSite is sent between pages and servers of one site: the same host, whatever the port.
    host = "localhost" if urlsplit(url).hostname == "localhost" else "127.0.0.1"
    try:
        sockets = bind(host, port)
    except PortOccupiedError as occupied:
        raise UsageProblem(describe_holders(occupied)) from None
    except BindingError as error:
        raise UsageProblem(f"--port {port}: {error}.") from None
    body, headers = page(url)
    with ExitStack() as stack:
        for listener in sockets:
            listener.settimeout(None)
            server = PageServer(listener.getsockname(), PageHandler, bind_and_activate=False)
            server.socket.close()
            server.socket, server.body, server.headers = listener, body, headers
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        yield f"http://{host}:{sockets[0].getsockname()[1]}"


class PageServer(ThreadingHTTPServer):
    """HTTP on one socket that listens already."""

    daemon_threads = True
    body: bytes
    headers: dict[str, str]


class PageHandler(BaseHTTPRequestHandler):
    """One connection of a browser that wants the page."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version = "conformance-page"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with the page, at `/` only."""
        found = self.path.partition("?")[0] == "/"
        body = self.server.body if found else b"The test page is at /\n"
        self.send_response(200 if found else 404)
        for name, value in (self.server.headers if found else {"Content-Type": "text/plain"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name is the method's

    def log_message(self, *_: Any) -> None:
        """Log nothing: there is one page, and one reader."""
