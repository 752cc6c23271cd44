"""The port is taken whole or not at all: at every address of the host, and for nobody else beside."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys

import pytest
from reference_harness import BOUND, TOKENS, Running

from reference_server import binding
from reference_server.binding import PortOccupiedError, bind, describe_holders

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
EXCLUSIVE = getattr(socket, "SO_EXCLUSIVEADDRUSE", -5)  # its value where it exists, on Windows
shares = pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
WILDCARD = "0.0.0.0"


def listening(address: str, port: int = 0, *, dual: bool = False) -> socket.socket:
    """Listen as somebody who would share with everybody."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if ":" in address:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        made.bind((address, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def listening_or_skip(address: str, *, dual: bool = False) -> socket.socket:
    try:
        return listening(address, dual=dual)
    except OSError as error:
        pytest.skip(f"this machine does not listen on {address}: {error.strerror}")


@shares
@pytest.mark.parametrize(
    ("address", "dual", "ours"),
    [
        ("127.0.0.1", False, "127.0.0.1"),
        ("::1", False, "::1"),
        (WILDCARD, False, "127.0.0.1"),
        ("::", False, "::1"),
        ("::", True, "127.0.0.1"),
    ],
)
def test_port_that_somebody_has_at_any_of_the_addresses_is_occupied(
    address: str,
    dual: bool,  # noqa: FBT001
    ours: str,
) -> None:
    with listening_or_skip(address, dual=dual) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortOccupiedError) as occupied:
            bind("localhost", port)
        assert (occupied.value.address, occupied.value.port) == (ours, port)
        told = describe_holders(occupied.value)
    assert f"port {port} at {ours} is already in use" in told
    assert f"held by PID {os.getpid()} (" in told
    for one in bind("localhost", port):  # nothing was kept of what could be had
        one.close()


@shares
@pytest.mark.parametrize(
    ("address", "dual"),
    [("127.0.0.1", False), ("::1", False), (WILDCARD, False), ("::", False), ("::", True)],
)
def test_nobody_can_share_the_servers_port(target: Running, address: str, dual: bool) -> None:  # noqa: FBT001
    listening_or_skip(address, dual=dual).close()
    with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
        listening(address, target.port, dual=dual).close()


@shares
def test_program_at_an_address_that_is_not_ours_is_not_accused() -> None:
    with listening("127.0.0.1") as holder:
        port = holder.getsockname()[1]
        code = (
            f"import socket; s = socket.create_server(('127.0.0.9', {port})); print(1, flush=True); input()"
        )
        bystander = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert bystander.stdout
            if not bystander.stdout.readline():
                pytest.skip("this machine has no 127.0.0.9")
            told = describe_holders(PortOccupiedError("127.0.0.1", port))
        finally:
            bystander.communicate("\n", timeout=BOUND)
    assert f"PID {os.getpid()} " in told
    assert f"PID {bystander.pid} " not in told


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root and setpriv, to be somebody else",
)
def test_holder_of_another_user_is_said_to_be_hidden(target: Running) -> None:
    command = [*AS_NOBODY, sys.executable, "-m", "reference_server", "--port", str(target.port)]
    done = subprocess.run(
        command, env={**os.environ, **TOKENS}, capture_output=True, text=True, check=False, timeout=2 * BOUND
    )
    assert (done.returncode, done.stdout) == (98, "")
    headline, holder = done.stderr.splitlines()
    assert headline == f"error: port {target.port} at 127.0.0.1 is already in use"
    assert holder == "  at 127.0.0.1: held by a process that this user may not see"


def on_windows(monkeypatch: pytest.MonkeyPatch, made: type[socket.socket]) -> None:
    """Let the module choose as on Windows, where these tests have never been run."""
    monkeypatch.setattr(binding.sys, "platform", "win32")
    monkeypatch.setattr(binding.socket, "SO_EXCLUSIVEADDRUSE", EXCLUSIVE, raising=False)
    monkeypatch.setattr(binding.socket, "socket", made)


@pytest.mark.parametrize("windows", [True, False])
def test_exclusive_address_is_what_windows_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    windows: bool,  # noqa: FBT001
) -> None:
    chosen = []

    class Noting(socket.socket):
        def setsockopt(self, level: int, name: int, *value: int) -> None:
            chosen.append((level, name, *value))
            if name != EXCLUSIVE:
                super().setsockopt(level, name, *value)

    if windows:
        on_windows(monkeypatch, Noting)
    else:
        monkeypatch.setattr(binding.socket, "socket", Noting)
    for one in bind("127.0.0.1", 0):
        one.close()
    exclusive, reused = (socket.SOL_SOCKET, EXCLUSIVE, 1), (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    assert (exclusive in chosen, reused in chosen) == (windows, not windows)
    assert all(name != getattr(socket, "SO_REUSEPORT", None) for _, name, *_ in chosen)


def test_permission_that_windows_denies_means_occupied(monkeypatch: pytest.MonkeyPatch) -> None:
    class Denied(socket.socket):
        def setsockopt(self, level: int, name: int, *value: int) -> None:
            if name != EXCLUSIVE:
                super().setsockopt(level, name, *value)

        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    on_windows(monkeypatch, Denied)
    with pytest.raises(PortOccupiedError):
        bind("127.0.0.1", 0)
