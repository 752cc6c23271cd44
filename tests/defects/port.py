"""The port: who holds it, and how it is given back."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import weakref

import psutil
from websockets.asyncio.server import Server
from websockets.protocol import State
from websockets.server import ServerProtocol

from reference_server import __main__ as program
from reference_server import binding, server
from reference_server.binding import PortOccupiedError
from tests.defects.registry import around, chapter

STOPPING = "port_conflict/test_stopping.py"
OCCUPIED = "port_conflict/test_occupied.py"
defect = chapter("port_conflict/test_identity.py", "port_conflict/test_owners.py", OCCUPIED, time_scale=1.0)
LIVES = ("port_conflict/test_owners.py", STOPPING)
LIFETIME = 90  # seconds; what is left behind on purpose ends by itself


def another_version(condition):
    """Let some connections be answered by what looks like another program."""

    @around(ServerProtocol, "send_response")
    def send_response(original, self, response):
        if condition(self):
            del response.headers["Server"]
            response.headers["Server"] = "reference-server-old"
        original(self, response)


def on_ipv6(connection):
    address = connection.transport.get_extra_info("sockname")
    return address[0] == "::1"


@defect("port.addresses-same-service")
def is_another_version_on_ipv6() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        connection.protocol.old = on_ipv6(connection)
        return original(self, connection, request)

    another_version(lambda protocol: getattr(protocol, "old", False))


@defect("port.repeated-connections")
def is_an_old_version_for_who_comes_behind_eight_others() -> None:
    seen = weakref.WeakSet()

    def behind_eight_others(protocol):
        before = sum(one.state is State.OPEN for one in seen)
        seen.add(protocol)
        return before >= 8

    another_version(behind_eight_others)


@defect(
    "port.http-is-websocket-too",
    companions={"port.addresses-same-service": "one address that upgrades nothing is another service"},
)
def answers_plain_http_only_on_ipv6() -> None:
    @around(server, "asks_for_upgrade")
    def asks_for_upgrade(original, headers):
        return "X-No-Upgrade" not in headers and original(headers)

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if on_ipv6(connection):
            request.headers["X-No-Upgrade"] = "1"
            request.path = "/" if request.path.startswith("/ws/") else request.path
        return original(self, connection, request)


def child(work):
    """Run a function in a child process that ends with the parent's end of a pipe, or by itself."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(theirs)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(LIFETIME)
        work(ours)
        os._exit(0)
    os.close(ours)
    return pid


@defect("port.one-process-tree")
def shares_its_port_with_a_stranger() -> None:
    @around(program, "bind")
    def bind(original, host, port):
        sockets = original(host, port)
        if host == "localhost":
            ours, theirs = os.pipe()
            if (pid := os.fork()) == 0:
                os.close(theirs)
                os.setsid()
                if os.fork():
                    os._exit(0)  # its child has no parent of ours any more
                signal.alarm(LIFETIME)
                number = sockets[0].getsockname()[1]
                for one in sockets:
                    one.close()
                stranger = socket.socket()
                stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stranger.bind(("127.0.0.9", number))
                stranger.listen()
                os.read(ours, 1)  # until the server is gone
                os._exit(0)
            os.close(ours)
            os.waitpid(pid, 0)
            time.sleep(0.2)
        return sockets


@defect("port.no-orphan-holds", files=("port_conflict/test_owners.py",))
def is_what_a_killed_reloader_left_behind() -> None:
    if os.environ.get("RUN_MAIN") != "true":  # so does Django's reloader start its child
        os.environ["RUN_MAIN"] = "true"
        os.execv(sys.executable, sys.orig_argv)
    ended, until = os.pipe()
    told, tells = os.pipe()
    if (reloader := os.fork()) == 0:
        if server_pid := os.fork():
            os.write(tells, str(server_pid).encode())
            os._exit(0)
        os.close(ended)  # the server goes on below, and holds the other end while it lives
        signal.alarm(LIFETIME)
        return
    os.close(until)
    os.waitpid(reloader, 0)
    left_behind = int(os.read(told, 16))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(left_behind, signal.SIGTERM))
    os.read(ended, 1)  # until the server is gone
    os._exit(0)


@defect("port.second-instance-exits")
def calls_an_occupied_port_a_success() -> None:
    program.EXIT_PORT_OCCUPIED = 0


@defect("port.second-instance-exits", files=(OCCUPIED,))
def shares_the_port_with_a_second_instance() -> None:
    class Shared(socket.socket):
        def bind(self, address):
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            super().bind(address)

    binding.socket.socket = Shared


@defect("port.second-instance-names-port")
def does_not_say_which_port_is_occupied() -> None:
    around(program, "describe_holders")(lambda *_: "error: cannot start")


@defect("port.second-instance-harmless")
def lets_a_second_instance_close_the_firsts_connections() -> None:
    @around(program, "bind")
    def bind(original, host, port):
        try:
            return original(host, port)
        except PortOccupiedError:
            for one in psutil.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid:
                    os.kill(one.pid, signal.SIGUSR1)
            time.sleep(0.2)
            raise

    @around(server.PermissionsServer, "start")
    async def start(original, self, sockets):
        signal.signal(signal.SIGUSR1, lambda *_: [one.transport.abort() for one in self._open])
        await original(self, sockets)


UNSEEN = "what comes after the end is not seen of a server that does not end"


@defect(
    "port.free-after-sigterm",
    files=LIVES,
    companions={
        "port.going-away": "who does not go tells nobody",
        "port.no-child-outlives": UNSEEN,
        "port.taken-again-at-once": UNSEEN,
        "port.exit-status": UNSEEN,
        "port.nothing-after-sigkill": UNSEEN,
    },
    time_scale=0.3,
)
def overhears_sigterm_for_eight_seconds() -> None:
    @around(program, "run")
    async def run(original, *args):
        loop = server.asyncio.get_running_loop()

        @around(loop, "add_signal_handler")
        def add_signal_handler(add, number, stop):
            add(number, lambda: loop.call_later(8, stop))

        await original(*args)


HELD = "the port is still held, so nobody can take it again"


@defect(
    "port.no-child-outlives",
    files=LIVES,
    companions={
        "port.free-after-sigterm": "the port is held by the child, which is the fault",
        "port.taken-again-at-once": HELD,
        "port.nothing-after-sigkill": HELD,
    },
)
def leaves_a_worker_behind() -> None:
    @around(program, "bind")
    def bind(original, host, port):
        sockets = original(host, port)
        if host == "localhost":
            child(lambda _: time.sleep(LIFETIME))
        return sockets


@defect("port.nothing-after-sigkill", files=LIVES)
def leaves_a_worker_behind_when_it_is_killed() -> None:
    workers = []

    @around(program, "bind")
    def bind(original, host, port):
        sockets = original(host, port)
        if host == "localhost":
            workers.append(child(lambda _: time.sleep(LIFETIME)))
        return sockets

    @around(server.PermissionsServer, "stop")
    async def stop(original, self):
        await original(self)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # noqa: ASYNC222 - it has just been killed


@defect(
    "port.taken-again-at-once",
    files=LIVES,
    companions={"port.nothing-after-sigkill": "there is no second instance to be killed"},
)
def cannot_take_a_port_that_was_used_a_moment_ago() -> None:
    class Plain(socket.socket):
        def setsockopt(self, level, name, *value):
            if (level, name) != (socket.SOL_SOCKET, socket.SO_REUSEADDR):
                super().setsockopt(level, name, *value)

    @around(binding, "_bind_one")
    def bind_one(original, *address):
        binding.socket.socket = Plain
        return original(*address)


@defect("port.going-away", files=LIVES)
def says_1000_when_it_stops() -> None:
    @around(Server, "close")
    def close(original, self, *, code=1001, reason=""):
        original(self, code=1000, reason="")
