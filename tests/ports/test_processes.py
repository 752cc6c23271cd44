"""Which processes belong together, and which of them are orphans, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from conformance.ports.listeners import listeners
from conformance.ports.processes import is_orphan, owner, trees
from conformance.ports.programs import head
from conformance.ports.waiting import wait_until
from tests import conflicts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are made otherwise")
SLEEP = "import time; time.sleep(60)"


@contextlib.contextmanager
def sleeping(*, code: str = SLEEP, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a session of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **env}, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextlib.contextmanager
def left_alone(**env: str) -> Iterator[int]:
    """Yield a process whose parent has ended, as daemons and orphans are."""
    code = (
        "import subprocess, sys; "
        f"print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}], stdout=subprocess.DEVNULL).pid)"
    )
    with sleeping(code=code, **env) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.wait(10)
        wait_until(lambda: SLEEP in psutil.Process(pid).cmdline())  # it is forked before it is that
        yield pid


def test_same_command_started_twice_is_two_programs() -> None:
    with sleeping() as one, sleeping() as other:
        assert trees([one.pid, other.pid]) == [{one.pid}, {other.pid}]


def test_parent_and_child_of_another_command_are_one_program() -> None:
    code = f"import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); {SLEEP}"
    with sleeping(code=code) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert trees([child, parent.pid]) == [{parent.pid, child}]
        assert head([child, parent.pid]) == parent.pid


def test_workers_of_a_parent_that_holds_nothing_are_one_program() -> None:
    with conflicts.a_socket_each() as it:
        pids = {pid for one in listeners(it.port) for pid in one.pids}
        assert it.pids["server"] not in pids
        assert len(pids) == 3
        assert trees(pids) == [pids]
        assert not any(is_orphan(pid) for pid in pids)


def test_process_that_ended_is_a_tree_of_its_own() -> None:
    with sleeping() as one:
        pass
    assert trees([one.pid]) == [{one.pid}]
    assert not is_orphan(one.pid)
    assert str(owner(one.pid)) == f"PID {one.pid} (cannot be seen) since an unknown time"


def test_child_of_a_reloader_that_ended_is_an_orphan() -> None:
    with left_alone(RUN_MAIN="true") as pid:
        assert is_orphan(pid)
        assert str(owner(pid)).endswith(", whose parent has ended")


def test_daemon_is_no_orphan() -> None:
    with left_alone(RUN_MAIN="") as pid:
        assert not is_orphan(pid)
        assert "whose parent" not in str(owner(pid))


def test_worker_of_a_living_parent_is_no_orphan() -> None:
    with sleeping(RUN_MAIN="true") as one:  # in a session of its own, and watched over by this test
        assert not is_orphan(one.pid)
    with conflicts.spawned() as it:
        pids = {pid for one in listeners(it.port) for pid in one.pids}
        assert len(pids) == 3
        assert not any(is_orphan(pid) for pid in pids)


def test_stopped_process_is_said_to_be_stopped() -> None:
    with sleeping() as one:
        os.kill(one.pid, signal.SIGSTOP)
        wait_until(lambda: owner(one.pid).stopped)
        assert str(owner(one.pid)).endswith(", stopped by a signal")
