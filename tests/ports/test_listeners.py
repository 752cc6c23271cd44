"""Listening sockets from the kernel's own tables, also where psutil and the scan of processes see nothing."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from conformance.ports.listeners import PROC, Listener, lingering, listeners
from conformance.ports.programs import described, sole_holder, who_holds
from conformance.target.launch import free_port

HERE = "127.0.0.1"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these tables")


def hidden(folder: Path) -> Path:
    """Copy the kernel's tables without any process to be looked at: a container's view of its host."""
    (folder / "net").mkdir()
    for name in ("tcp", "tcp6"):
        if (PROC / "net" / name).exists():
            (folder / "net" / name).write_text((PROC / "net" / name).read_text("ascii"), "ascii")
    return folder


def test_own_socket_is_seen_with_its_process_and_queue() -> None:
    with socket.create_server((HERE, 0)) as holder, socket.socket() as waiting:
        port = holder.getsockname()[1]
        waiting.connect((HERE, port))
        (found,) = listeners(port)
    assert (found.address, found.port, found.pids) == (HERE, port, (os.getpid(),))
    assert (found.uid, found.waiting) == (os.getuid(), 1)


def test_both_families_and_every_shared_socket_count() -> None:
    with socket.create_server((HERE, 0), reuse_port=True) as first:
        port = first.getsockname()[1]
        with socket.create_server((HERE, port), reuse_port=True):
            found = listeners(port)
            assert [one.address for one in found] == [HERE, HERE]
            assert len({one.inode for one in found}) == 2


def test_ipv6_address_is_written_as_people_do() -> None:
    try:
        holder = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no ::1")
    with holder:
        (found,) = listeners(holder.getsockname()[1])
    assert str(found).startswith(f"[::1]:{found.port} held by PID {os.getpid()}")


def test_hidden_process_leaves_its_socket_in_the_tables(tmp_path: Path) -> None:
    with socket.create_server((HERE, 0)) as holder:
        port = holder.getsockname()[1]
        (found,) = listeners(port, hidden(tmp_path))
    assert found.pids == ()
    assert (
        str(found) == f"{HERE}:{port} held by a process of user {os.getuid()} that cannot be seen from here"
    )


def test_holder_that_is_seen_at_a_second_look_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((HERE, 0)) as holder:
        seen_late = hidden(tmp_path) / str(os.getpid())
        monkeypatch.setattr("time.sleep", lambda _: seen_late.symlink_to(PROC / str(os.getpid())))
        (found,) = listeners(holder.getsockname()[1], tmp_path)
    assert found.pids == (os.getpid(),)


def test_connected_and_foreign_sockets_are_not_listeners() -> None:
    with socket.create_server((HERE, 0)) as holder:
        port = holder.getsockname()[1]
        with socket.create_connection((HERE, port)) as client:
            assert listeners(client.getsockname()[1]) == []
    assert listeners(port) == []


def test_time_wait_counts_on_the_side_of_the_server_only() -> None:
    port = free_port(HERE)
    with socket.create_server((HERE, port)) as server, socket.create_connection((HERE, port)) as client:
        ours = client.getsockname()[1]
        before = lingering(ours)  # the kernel may have given the port to a server of another test
        accepted, _ = server.accept()
        accepted.close()
        client.recv(1)
    assert (lingering(port), lingering(ours)) == (1, before)
    assert who_holds(port) == (
        f"No process that can be seen listens on port {port}. "
        "Connections of a server that has ended linger on it (TIME_WAIT): 1."
    )


def test_without_the_tables_psutil_is_asked(tmp_path: Path) -> None:
    with socket.create_server((HERE, 0)) as holder:
        port = holder.getsockname()[1]
        assert listeners(port, tmp_path) == [Listener(HERE, port, (os.getpid(),))]


def test_sole_holder_is_one_program_with_one_socket_an_address() -> None:
    with socket.create_server((HERE, 0), reuse_port=True) as holder:
        port = holder.getsockname()[1]
        assert sole_holder(port).startswith(f"{HERE}:{port} by PID {os.getpid()} (")
        with socket.create_server((HERE, port), reuse_port=True):
            assert sole_holder(port) == "", "two sockets share it, and each may answer otherwise"
    assert sole_holder(port) == ""


def test_each_program_is_one_line_and_each_hidden_kind_of_socket_too() -> None:
    me = os.getpid()
    seen = [Listener(HERE, 1, (me,)), Listener(HERE, 1, (me,)), Listener("::1", 1, (me,))]
    unseen = [Listener("0.0.0.0", 1, (), 7)] * 2
    first, second = described([*seen, *unseen], [{me}])
    assert first.startswith(f"{HERE}:1 (2 sockets), [::1]:1 by PID {me} (")
    assert second == "0.0.0.0:1 held by a process of user 7 that cannot be seen from here (2 sockets)"
