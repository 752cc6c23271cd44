"""Taking the port: on every address of the host, for this process alone, or not at all.

A port shared by two servers is the fault that this project began with: each request reaches one or the
other, and the route that exists in one is a 404 in the other. So no SO_REUSEPORT, no address left for
somebody else (a host name means all its addresses), and a message that names who holds the port.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import socket
import sys

_TEXT_WIDTH = 120
_TRIES = 20
_Address = tuple[socket.AddressFamily, str]


class PortOccupiedError(Exception):
    """Somebody listens on the port at one of the addresses."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(f"port {port} at {address} is occupied")
        self.address = address
        self.port = port


class BindingError(Exception):
    """The host or port cannot be used, for another reason than being occupied."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets on every address of the host, all on one port.

    Port 0 picks a port that is free at all addresses. Raises `PortOccupiedError` or `BindingError`,
    and then holds nothing.
    """
    addresses = _resolve(host)
    for _ in range(_TRIES - 1):
        with contextlib.suppress(PortOccupiedError):
            return _bind_all(addresses, port)
        if port != 0:
            break
    return _bind_all(addresses, port)


def _bind_all(addresses: list[_Address], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    missing = ""
    with contextlib.ExitStack() as cleanup:
        for family, address in addresses:
            try:
                taken = _bind_one(family, address, port)
            except OSError as error:
                if _means_occupied(error):
                    raise PortOccupiedError(address, port) from None
                # The name has an address that this machine lacks: often ::1 in a container.
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    missing = address
                    continue
                raise BindingError(f"cannot listen on {address} port {port}: {error.strerror}") from None
            cleanup.callback(taken.close)
            sockets.append(taken)
            port = taken.getsockname()[1]
        if not sockets:
            raise BindingError(f"cannot listen on {missing}: this machine does not have that address")
        cleanup.pop_all()
    return sockets


def _bind_one(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    if port != 0 and sys.platform != "linux" and _answers(family, address, port):
        # Elsewhere the kernel lets a specific address be bound beside somebody's wildcard.
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted; otherwise replies wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR means what SO_REUSEPORT means here.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Connections of a server that stopped a moment ago must not keep the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        # Two sockets with SO_REUSEADDR may both bind; only one of them may listen.
        listener.listen(1024)
        listener.settimeout(0)
    except BaseException:
        listener.close()
        raise
    return listener


def _means_occupied(error: OSError) -> bool:
    # Windows denies the permission to an address that somebody else has for himself alone.
    return error.errno == errno.EADDRINUSE or (sys.platform == "win32" and error.errno == errno.EACCES)


def _answers(family: socket.AddressFamily, address: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((address, port)) == 0


def _resolve(host: str) -> list[_Address]:
    if host == "localhost":
        # Both, whatever the hosts file says: a browser tries ::1 without asking it (RFC 6761).
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise BindingError(f"the host name {host!r} has no address") from None
    # In the resolver's order, each once.
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def describe_holders(occupied: PortOccupiedError) -> str:
    """Say in one to three lines who listens on the port: process id, command and start time."""
    # Imported here: it is needed only when something is wrong.
    import psutil  # noqa: PLC0415

    headline = f"error: port {occupied.port} at {occupied.address} is already in use"
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return f"{headline}; this user may not see by which process"
    # Another program may have the same port at an address that is not ours: it is not in the way.
    in_the_way = {occupied.address, f"::ffff:{occupied.address}", "0.0.0.0", "::"}
    holders: dict[int | None, str] = {}
    for entry in connections:
        if entry.status != psutil.CONN_LISTEN or not entry.laddr:
            continue
        if entry.laddr.port == occupied.port and entry.laddr.ip in in_the_way:
            holders.setdefault(entry.pid, entry.laddr.ip)
    lines = [_describe_process(pid, address) for pid, address in holders.items()]
    if not lines:
        return f"{headline}; the process that holds it cannot be seen from here"
    if len(lines) > 2:
        lines[1:] = [f"{lines[1]}; and {len(lines) - 2} more"]
    return "\n".join([headline, *lines])


def _describe_process(pid: int | None, address: str) -> str:
    import psutil  # noqa: PLC0415

    if pid is None:
        return f"  at {address}: held by a process that this user may not see"
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command = " ".join(process.cmdline()) or process.name()
            started = dt.datetime.fromtimestamp(process.create_time()).astimezone()
    except psutil.Error:
        return f"  at {address}: held by PID {pid}, of which this user may see no more"
    # A command line may hold anything, line ends and terminal controls too.
    command = "".join(character if character.isprintable() else " " for character in command)
    if len(command) > _TEXT_WIDTH:
        command = command[: _TEXT_WIDTH - 1] + "…"
    return f"  at {address}: held by PID {pid} ({command}), started {started:%Y-%m-%d %H:%M:%S %z}"
