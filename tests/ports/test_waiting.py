"""Waiting for a server to listen: as long as it may still come, and no longer."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from conformance.ports.waiting import NotReady, accepts, wait_until
from conformance.target.launch import free_port


def test_what_comes_later_is_waited_for():
    looks = iter([False, False, True])
    wait_until(lambda: next(looks))
    assert not list(looks)


def test_process_that_ended_is_not_waited_for():
    with (
        subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process,
        pytest.raises(NotReady, match="the process ended with 3") as caught,
    ):
        wait_until(lambda: False, process=process, bound=60)
    assert caught.value.status == 3


def test_process_that_never_gets_ready_is_waited_for_so_long():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with pytest.raises(NotReady, match=r"it was not ready within 0\.1 s") as caught:
            wait_until(lambda: False, process=process, bound=0.1)
        assert process.poll() is None
        process.kill()
    assert caught.value.status is None


def test_listening_socket_accepts_and_a_free_port_does_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert accepts(server.getsockname()[1])
    assert not accepts(free_port("127.0.0.1"))
