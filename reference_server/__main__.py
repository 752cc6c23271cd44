"""`python -m reference_server`: arguments, start and stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from .actions import Actions
from .binding import BindingError, PortOccupiedError, bind, describe_holders
from .control import ControlServer
from .events import Hub
from .origin import canonical_origin
from .server import PermissionsServer
from .state import ConfigurationError, State

if TYPE_CHECKING:
    import socket

    from .cluster import Cluster

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_PORT_OCCUPIED = 98  # EADDRINUSE on Linux


class ClusteringError(Exception):
    """The server cannot be one node of several; the text says why."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with the mistake."""
        self.exit(EXIT_USAGE, f"error: {message}; see --help\n")


def port_number(text: str) -> int:
    """Parse a port, 0 to 65535."""
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def origin(text: str) -> str:
    """Parse an origin, scheme://host[:port]."""
    canonical = canonical_origin(text)
    if canonical is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin like https://app.example")
    return canonical


def size(text: str) -> int:
    """Parse a size in bytes, at least 1."""
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    return int(text)


def seconds(text: str) -> float:
    """Parse a duration in seconds, above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line; exits with status 2 on a mistake."""
    parser = Parser(
        prog="python -m reference_server",
        description="The reference server of the permissions WebSocket protocol.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="localhost", help="name or address; every address of it is bound (%(default)s)")
    add("--port", type=port_number, default=8000, help="0 picks a free one (%(default)s)")
    add("--control-port", type=port_number, default=0, help="of the control interface; 0 picks a free one")
    add(
        "--origin",
        type=origin,
        action="append",
        default=[],
        metavar="ORIGIN",
        dest="origins",
        help="allow web pages of this origin to connect, besides the server's own; may be repeated",
    )
    add("--max-message-bytes", type=size, default=1048576, help="after inflating (%(default)s)")
    add("--ping-interval", type=seconds, default=20.0, help="between Pings, and for the Pong (%(default)s s)")
    add(
        "--redis",
        metavar="URL",
        help="be one node of several, on the changes of a Redis 5 or later, as redis://127.0.0.1:6379",
    )
    return parser.parse_args(arguments)


def main() -> int:
    """Run the server until it is told to stop; return the exit status."""
    options = parse_arguments(sys.argv[1:])
    try:
        # The ports before all else: a server that cannot have them has nothing to say.
        # A chosen control port comes first: whoever finds the server listening may use it at once.
        controls = bind("127.0.0.1", options.control_port) if options.control_port else []
        sockets = bind(options.host, options.port)
        (control_socket,) = controls or bind("127.0.0.1", 0)
        state = State(os.environ)
    except PortOccupiedError as occupied:
        print(describe_holders(occupied), file=sys.stderr)
        return EXIT_PORT_OCCUPIED
    except BindingError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        asyncio.run(run(options, sockets, control_socket, state))
    except ClusteringError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE
    return 0


async def run(
    options: argparse.Namespace, sockets: list[socket.socket], control_socket: socket.socket, state: State
) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    hub = Hub()
    server = PermissionsServer(
        state,
        hub,
        origins=frozenset(options.origins),
        max_message_bytes=options.max_message_bytes,
        ping_interval=options.ping_interval,
    )
    actions = Actions(state, hub)
    cluster = await join_cluster(options.redis, actions) if options.redis else None
    control = ControlServer(control_socket, cluster or actions, loop)
    await server.start(sockets)
    control.start()
    # Whoever started us may have stopped listening; that is no reason not to serve.
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(announcement(options.host, sockets, control_socket, state)), flush=True)
    await stop.wait()
    await server.stop()
    control.stop()
    if cluster is not None:
        await cluster.leave()


async def join_cluster(url: str, actions: Actions) -> Cluster:
    """Become a node. Raises `ClusteringError`."""
    try:
        from .cluster import Cluster, ClusterError  # noqa: PLC0415 - redis is needed with --redis only
    except ImportError:
        raise ClusteringError(
            "--redis needs the package redis: pip install 'websocket-conformance[redis]'"
        ) from None
    try:
        cluster = Cluster(url, actions)
        await cluster.join()
    except (ClusterError, ValueError) as error:
        raise ClusteringError(f"--redis: {error}") from None
    return cluster


def announcement(
    host: str, sockets: list[socket.socket], control_socket: socket.socket, state: State
) -> list[str]:
    """Return what is printed when the server is ready, one line per fact.

    Tokens are listed when they are the public ones for demonstration, never when they were handed in.
    """
    name = f"[{host}]" if ":" in host else host
    port = sockets[0].getsockname()[1]
    addresses = ", ".join(listener.getsockname()[0] for listener in sockets)
    lines = [
        f"listening on ws://{name}:{port} ({addresses})",
        f"control interface http://127.0.0.1:{control_socket.getsockname()[1]}/control",
        f"test page http://{name}:{port}/",
    ]
    if state.demo_tokens:
        width = max(map(len, state.demo_tokens))
        lines.append("demonstration tokens, known to everyone; set the variable to replace one:")
        lines += [f"  {variable:{width}}  {token}" for variable, token in state.demo_tokens.items()]
    return lines


if __name__ == "__main__":
    sys.exit(main())
