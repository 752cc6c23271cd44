"""Start the server under test from the profile's command, on a free port, and stop it for certain."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from conformance.core.errors import Unreachable, UsageProblem
from conformance.ports.waiting import POLL, NotReady, accepts, wait_until
from conformance.target.orphans import Orphans
from conformance.target.profile import Profile
from conformance.target.url import ServerURL, parse

STOP_BOUND = 10.0
CHILDREN_BOUND = 2.0
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_PORT = 10240
_reserved: deque[socket.socket] = deque(maxlen=64)
_chance = random.SystemRandom()  # the common generator is seeded by whoever wants the same tests again


def free_port(host: str = "localhost") -> int:
    """Return a TCP port that is free on every address of ``host``, and that no other run will choose.

    It is none of those that the kernel gives to outgoing connections, where that range is known: such a
    connection could take the port before the server does, and one that asks whether the server listens yet
    could even be connected to itself.

    Raises:
        Unreachable: none was found.

    """
    addresses = addresses_of(host)
    first, last = _ports()
    for _ in range(200):
        port = _chance.randint(first, last)
        if _is_free(port, addresses) and _reserve(port):
            return port
    raise Unreachable(f"no free port was found on {host}")


def _ports() -> tuple[int, int]:
    """Return the first and the last port to choose from: those below the ephemeral ones of every system."""
    with contextlib.suppress(OSError, ValueError):
        lowest = int(_EPHEMERAL.read_text("ascii").split()[0])
        if lowest > _FIRST_PORT + 4096:
            return _FIRST_PORT, lowest - 1
    return _FIRST_PORT, 32767


def _is_free(port: int, addresses: Sequence[tuple[socket.AddressFamily, str]]) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            for family, address in addresses:
                one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind((address, port))
        except OSError:
            return False
    return bool(addresses)


def _reserve(port: int) -> bool:
    """Hold a port's number against other processes that choose one, where the kernel can (Linux).

    An abstract socket belongs to the network namespace, as ports do, and ends with the process. The latest
    few are held: by then the server listens.

    Returns:
        Whether the number is held, or cannot be.

    """
    if not sys.platform.startswith("linux"):
        return True
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0websocket-conformance-port-{port}")
    except OSError:
        holder.close()
        return False
    if len(_reserved) == _reserved.maxlen:
        _reserved[0].close()
    _reserved.append(holder)
    return True


@atexit.register
def _release() -> None:
    for holder in _reserved:
        holder.close()


def addresses_of(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses that a name resolves to, in the resolver's order, each once.

    Loopback names count for both families where this machine has them, as browsers resolve them
    themselves (RFC 6761 §6.3).
    """
    found: dict[str, socket.AddressFamily] = {}
    for family, _, _, _, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        found.setdefault(str(address[0]), family)
    if host == "localhost":
        found.setdefault("127.0.0.1", socket.AF_INET)
        if _has_ipv6_loopback():
            found.setdefault("::1", socket.AF_INET6)
    return [(family, address) for address, family in found.items()]


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


class Launcher:
    """One folder of temporary files, one set of ports, and the processes started in them."""

    def __init__(self, profile: Profile, places: Mapping[str, str] | None = None) -> None:
        """Choose ports and folder, or take the ``places`` of a run whose server another process started.

        Raises:
            UsageProblem: the profile has no URL or no start command.

        """
        if not profile.url or not profile.start:
            raise UsageProblem("a start command needs target.url and target.start in the profile")
        self.profile = profile
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")
        host = parse(profile.url.replace("{port}", "1").replace("{control_port}", "1")).host
        self.places = dict(places or {}) or {
            "port": str(free_port(host)),
            "control_port": str(free_port("127.0.0.1")),
            "python": sys.executable,
            "tmp": self._folder.name,
        }
        self.processes: list[Instance] = []
        self._orphans = Orphans()

    @property
    def folder(self) -> Path:
        """The run's temporary folder."""
        return Path(self._folder.name)

    def fill(self, text: str, **other: str) -> str:
        """Return a text with ports, interpreter and temporary folder in its placeholders."""
        for name, value in (self.places | other).items():
            text = text.replace("{" + name + "}", value)
        return text

    def url(self, **other: str) -> ServerURL:
        """Return the URL that the command answers on."""
        return parse(self.fill(self.profile.url or "", **other))

    def environment(self, **other: str) -> dict[str, str]:
        """Return the environment of the profile's commands; ``other`` fills placeholders anew."""
        extra = {name: self.fill(value, **other) for name, value in self.profile.env.items()}
        return os.environ | {"PYTHONUNBUFFERED": "1"} | extra | self.profile.generated

    def prepare(self) -> None:
        """Run the profile's prepare commands.

        Raises:
            Unreachable: one failed; the message ends with what it printed last.

        """
        for words in self.profile.prepare:
            command = [self.fill(word) for word in words]
            try:
                done = subprocess.run(
                    command, cwd=self.profile.cwd, env=self.environment(), capture_output=True, text=True,
                    timeout=120, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Unreachable(f"the prepare command {shlex.join(command)} failed: {error}") from None
            if done.returncode:
                last = (done.stderr or done.stdout).strip().splitlines()[-1:]
                said = " ".join(last)
                raise Unreachable(
                    f"the prepare command {shlex.join(command)} ended with {done.returncode}: {said}"
                )

    def start(self, **other: str) -> Instance:
        """Start the command; ``other`` fills placeholders anew, such as another ``port``.

        Returns:
            The process.

        Raises:
            Unreachable: the command cannot be started.

        """
        command = [self.fill(word, **other) for word in self.profile.start]
        output = self.folder / f"output-{len(self.processes) + 1}.log"
        try:
            with output.open("wb") as sink:
                process = subprocess.Popen(
                    command, cwd=self.profile.cwd, env=self.environment(**other), stdin=subprocess.DEVNULL,
                    stdout=sink, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise Unreachable(f"the start command {shlex.join(command)} failed: {error.strerror}") from None
        self._orphans.keep(process.pid)
        instance = Instance(process, output, self.url(**other), shlex.join(command), self._orphans)
        self.processes.append(instance)
        return instance

    def close(self) -> None:
        """Stop whatever still runs and remove the temporary folder."""
        for instance in self.processes:
            instance.stop()
        with contextlib.suppress(OSError):
            self._folder.cleanup()


class Instance:
    """A started server: its process, what it prints, and its stop."""

    def __init__(
        self, process: subprocess.Popen[bytes], output: Path, url: ServerURL, command: str, orphans: Orphans
    ) -> None:
        self.process = process
        self._orphans = orphans
        self._stopped = False
        self.output = output
        self.url = url
        self.command = command

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process still lives."""
        return self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status, where the process has ended and it can be known."""
        return self.process.returncode

    def printed(self) -> str:
        """Return what the server has printed so far."""
        try:
            return self.output.read_text("utf-8", errors="replace")
        except OSError:
            return ""

    def wait_ready(self, timeout: float) -> None:
        """Wait until the port accepts a TCP connection.

        Raises:
            Unreachable: the process ended first, or ``timeout`` seconds passed.

        """
        try:
            wait_until(self._listens, process=self.process, bound=timeout)
        except NotReady as trouble:
            what = f"nothing listens on {self.url} {timeout:g} s after the start command"
            if trouble.status is not None:
                what = f"the start command ended with {trouble.status} before it listened"
            raise Unreachable(f"{what}: {self._last_line()}") from None

    def _listens(self) -> bool:
        return any(accepts(self.url.port, address) for _, address in addresses_of(self.url.host))

    def _last_line(self) -> str:
        lines = [line for line in self.printed().splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it printed nothing"

    def wait_exit(self, timeout: float) -> int | None:
        """Return the exit status, or ``None`` when the process still runs after ``timeout`` seconds."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM)."""
        if self.running:
            self.process.terminate()

    def stop(self) -> None:
        """End the process and every child that it left; once, for a process id may be given out again."""
        if self._stopped:
            return
        self._stopped = True
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.pid).children(recursive=True)
        self._end(children)
        self._orphans.release(self.pid)

    def _end(self, children: list[psutil.Process]) -> None:
        self.terminate()
        if self.wait_exit(STOP_BOUND) is None:
            self.process.kill()
            self.process.wait()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        # A dying child may hold the port a moment longer, and then nobody can be seen who holds it.
        deadline = time.monotonic() + CHILDREN_BOUND
        while any(map(_lives, children)) and time.monotonic() < deadline:
            time.sleep(POLL)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Adopted(Instance):
    """A server that another process of this run started, and will stop."""

    def __init__(self, pid: int, output: Path, url: ServerURL, command: str) -> None:
        self._pid = pid
        self.output = output
        self.url = url
        self.command = command
        try:
            self._found: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._found = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether the process still lives."""
        return self._found is not None and _lives(self._found)

    @property
    def exit_status(self) -> int | None:
        """Nothing: only the process that started it is told."""
        return None

    def stop(self) -> None:
        """Do nothing: it is not ours to stop."""


@contextlib.contextmanager
def launched(profile: Profile) -> Iterator[tuple[Launcher, Instance]]:
    """Prepare, start and wait for a profile's server; stop it at the end, whatever happens.

    Yields:
        Who starts instances, and the first one.

    """
    launcher = Launcher(profile)
    try:
        launcher.prepare()
        instance = launcher.start()
        instance.wait_ready(profile.ready_timeout)
        yield launcher, instance
    finally:
        launcher.close()
