"""Starting and stopping the target's own command: real processes, ended for certain."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys

import psutil
import pytest

from conformance.core.errors import Unreachable, UsageProblem
from conformance.target import launch
from conformance.target.launch import Launcher, addresses_of, free_port, launched
from conformance.target.profile import Profile
from tests.conftest import ROOT

BOUND = 10.0
URL = "ws://127.0.0.1:{port}"
LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
STAY = "import signal; signal.pause()"


def profile(code, **members):
    """Return a profile whose start command runs some Python."""
    return Profile(url=URL, start=("{python}", "-c", code, "{port}"), **members)


@contextlib.contextmanager
def launcher_of(one):
    launcher = Launcher(one)
    try:
        yield launcher
    finally:
        launcher.close()


# Ports and addresses.


def test_free_port_can_be_bound_on_every_address():
    port = free_port("localhost")
    with contextlib.ExitStack() as stack:
        for family, address in addresses_of("localhost"):
            one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            one.bind((address, port))


def test_free_port_is_none_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert taken.getsockname()[1] not in {free_port("127.0.0.1") for _ in range(20)}


def test_free_ports_are_none_that_an_outgoing_connection_gets():
    with socket.create_server(("127.0.0.1", 0)) as server:
        outgoing = []
        for _ in range(20):
            with socket.create_connection(server.getsockname()) as client:
                outgoing.append(client.getsockname()[1])
    assert max(free_port("127.0.0.1") for _ in range(20)) < min(outgoing)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")
def test_free_port_is_reserved_against_other_processes():
    port = free_port("127.0.0.1")
    code = f"from conformance.target.launch import _reserve; print(_reserve({port}))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert asked.stdout == "False\n"


def test_reservations_are_released_at_the_end_without_a_word():
    command = "from conformance.target.launch import free_port; free_port()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", command], capture_output=True, check=True)
    assert done.stderr == b""


def test_no_free_port_on_an_address_of_somebody_else():
    with pytest.raises(Unreachable, match="no free port was found on 192"):
        free_port("192.0.2.1")


def test_localhost_is_ipv4_loopback_at_least():
    assert (socket.AF_INET, "127.0.0.1") in addresses_of("localhost")


def test_each_address_is_named_once():
    addresses = [address for _, address in addresses_of("localhost")]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("127.0.0.2", socket.AF_INET), ("::1", socket.AF_INET6)],
)
def test_literal_address_is_itself(host, family):
    assert addresses_of(host) == [(family, host)]


# Placeholders.


def test_placeholders_are_filled():
    with launcher_of(profile("")) as launcher:
        assert re.fullmatch(r"\d+ \d+ .+ /.+", launcher.fill("{port} {control_port} {python} {tmp}"))
        assert launcher.fill("{other}") == "{other}"
        assert launcher.url().port == int(launcher.fill("{port}"))
        assert launcher.url(port="7").port == 7


def test_command_gets_environment_folder_and_secrets(tmp_path):
    code = "import os; print(os.getcwd(), os.environ['PLAIN'], os.environ['SECRET'])"
    one = profile(code, env={"PLAIN": "p{port}"}, generated={"SECRET": "s3cret"}, cwd=tmp_path)
    with launcher_of(one) as launcher:
        instance = launcher.start()
        assert instance.wait_exit(BOUND) == 0
        assert instance.printed().split() == [
            str(tmp_path.resolve()),
            f"p{launcher.fill('{port}')}",
            "s3cret",
        ]


@pytest.mark.parametrize("one", [Profile(), Profile(url=URL), Profile(start=("true",))])
def test_command_needs_its_url(one):
    with pytest.raises(UsageProblem, match=r"target\.url and target\.start"):
        Launcher(one)


# Starting.


def test_server_is_ready_when_it_listens():
    with launched(profile(LISTEN + STAY)) as (_, instance):
        assert instance.running
        socket.create_connection((instance.url.host, instance.url.port), BOUND).close()
    assert not instance.running


def test_command_that_prints_and_dies_is_unreachable():
    code = "import sys; print('first'); print('no such table: users', file=sys.stderr); print(); sys.exit(3)"
    with (
        pytest.raises(Unreachable, match=r"ended with 3 before it listened: no such table: users$"),
        launched(profile(code)),
    ):
        pass


def test_command_that_dies_silently_is_unreachable():
    with pytest.raises(Unreachable, match=r"ended with 0 .* it printed nothing$"), launched(profile("")):
        pass


def test_command_that_never_listens_is_unreachable():
    one = profile("import sys; print('thinking'); " + STAY, ready_timeout=0.5)
    with (
        pytest.raises(Unreachable, match=r"nothing listens on ws://127\.0\.0\.1:\d+/ 0\.5 s after"),
        launched(one),
    ):
        pass


def test_command_that_does_not_exist_is_unreachable():
    one = Profile(url=URL, start=("no-such-command-7f3a",))
    with pytest.raises(Unreachable, match="no-such-command-7f3a failed: No such file"), launched(one):
        pass


def test_prepare_command_runs_first():
    one = profile(
        "import pathlib, sys; print(pathlib.Path(sys.argv[2]).read_text())",
        prepare=(("{python}", "-c", "import sys; open(sys.argv[1], 'w').write('made')", "{tmp}/it"),),
    )
    one.start = (*one.start, "{tmp}/it")
    with launcher_of(one) as launcher:
        launcher.prepare()
        instance = launcher.start()
        assert instance.wait_exit(BOUND) == 0
        assert instance.printed() == "made\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("{python}", "-c", "import sys; print('out'); sys.exit('no database')"),
            "ended with 1: no database",
        ),
        (("no-such-command-7f3a",), "failed: .*No such file"),
    ],
)
def test_prepare_command_that_fails_is_unreachable(command, message):
    with pytest.raises(Unreachable, match=message), launched(profile("", prepare=(command,))):
        pass


# Stopping.


def test_exit_is_bounded():
    with launched(profile(LISTEN + STAY)) as (_, instance):
        assert instance.wait_exit(0.05) is None
        instance.terminate()
        assert instance.wait_exit(BOUND) != 0


def test_server_that_ignores_sigterm_is_killed(monkeypatch):
    monkeypatch.setattr(launch, "STOP_BOUND", 0.2)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    with launched(profile(deaf + LISTEN + STAY)) as (_, instance):
        pid = instance.pid
    assert instance.process.returncode == -9
    assert not psutil.pid_exists(pid)


CHILD = (
    "import subprocess, sys; "
    "c = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session={own}); "
    "print('child', c.pid, flush=True); "
)


@contextlib.contextmanager
def ends(instance, *, within=BOUND):
    """Expect that the child that a server printed the id of ends inside the block, or so long behind it."""
    child = int(re.search(r"child (\d+)", instance.printed())[1])
    handle = os.pidfd_open(child)  # ready to read once it ended, whoever collects it, and whenever
    try:
        assert select.select([handle], [], [], 0)[0] == []
        yield
        assert select.select([handle], [], [], within)[0] == [handle]
    finally:
        os.close(handle)


@pytest.mark.parametrize("own", [False, True], ids=["same-group", "own-session"])
def test_children_are_ended_too(own):
    with launcher_of(profile(CHILD.format(own=own) + LISTEN + STAY)) as launcher:
        instance = launcher.start()
        instance.wait_ready(BOUND)
        with ends(instance, within=0):
            launcher.close()


def test_children_of_a_server_that_died_are_ended_too():
    with launcher_of(profile(CHILD.format(own=False))) as launcher:
        instance = launcher.start()
        assert instance.wait_exit(BOUND) == 0
        with ends(instance):
            launcher.close()


def test_stopping_twice_is_harmless():
    with launched(profile(LISTEN + STAY)) as (launcher, instance):
        instance.stop()
        instance.stop()
        launcher.close()
    assert not instance.running


def test_temporary_folder_is_removed():
    with launched(profile(LISTEN + STAY)) as (launcher, _):
        folder = launcher.folder
        assert folder.is_dir()
    assert not folder.exists()


def test_output_is_kept_behind_the_stop():
    with launched(profile("print('ready', flush=True); " + LISTEN + STAY)) as (_, instance):
        instance.stop()
        assert instance.printed() == "ready\n"


def test_output_that_is_no_utf8_is_kept():
    code = "import sys; sys.stdout.buffer.write(b'caf\\xe9\\n')"
    with launcher_of(profile(code)) as launcher:
        instance = launcher.start()
        instance.wait_exit(BOUND)
        assert instance.printed() == "caf\ufffd\n"


def test_second_instance_has_its_own_port_and_output():
    with launched(profile(LISTEN + STAY)) as (launcher, first):
        second = launcher.start(port=str(free_port("127.0.0.1")))
        second.wait_ready(BOUND)
        assert (first.running, second.running) == (True, True)
        assert first.output != second.output
        assert first.url.port != second.url.port
    assert (first.running, second.running) == (False, False)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open (Linux)")
@pytest.mark.parametrize("deaf", [False, True], ids=["ends-on-sigterm", "ignores-sigterm"])
def test_servers_end_when_the_suite_is_killed(deaf):
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    server = f"{ignore}import time; print('up', flush=True); time.sleep(600)"
    suite = f"""
import sys, time
from conformance.target.launch import Launcher
from conformance.target.profile import Profile
one = Launcher(Profile(url={URL!r}, start=("{{python}}", "-c", {server!r})))
first, second = one.start(), one.start()
while "up" not in first.printed() or "up" not in second.printed():
    time.sleep(0.01)
print(first.pid, second.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", suite], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        servers = [os.pidfd_open(int(pid)) for pid in killed.stdout.readline().split()]
        killed.kill()
    assert len(servers) == 2
    for handle in servers:  # ready to read once the process ended, whoever collects it
        assert select.select([handle], [], [], BOUND)[0] == [handle]
        os.close(handle)


def test_no_shell_outlives_the_servers_it_waits_for():
    with launcher_of(profile("import time; time.sleep(600)")) as launcher:
        launcher.start()
        shells = [
            one for one in psutil.Process().children() if one.name() in {"sh", "dash", "bash", "busybox"}
        ]
        assert shells
    gone, _ = psutil.wait_procs(shells, timeout=BOUND)
    assert len(gone) == len(shells)
