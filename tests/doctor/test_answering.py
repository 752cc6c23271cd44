"""HTTP and the upgrade: who answers, and why it is no WebSocket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.conflicts.situation import importable, port_for, process, script, wait
from tests.doctor.asking import ask
from tests.doctor.conftest import Peculiar

Speaker = Callable[[bytes], int]


@pytest.fixture
def speaks() -> Iterator[Speaker]:
    """Serve every connection the same bytes at once, then end it; return the port."""
    servers: list[socket.socket] = []

    def serve(said: bytes) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def work() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                accepted.recv(1024)
                accepted.sendall(said)
                accepted.close()

        threading.Thread(target=work, daemon=True).start()
        return server.getsockname()[1]

    yield serve
    for one in servers:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


def test_server_that_never_answers(server: Callable[..., int]) -> None:
    found = ask(f"ws://127.0.0.1:{server('silent')}/")
    assert (found.code, found.data["cause"]) == (1, "http.silent")
    assert any("silent.py" in one for one in found.last["evidence"])


def test_server_that_fetches_no_connection() -> None:
    port = port_for()
    with process(*script("never_accepts", port, 50)) as holder:
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/")
    assert (found.code, found.data["cause"]) == (1, "http.not-accepting")
    commands = [one["command"] or "" for one in found.last["steps"]]
    assert str(holder.pid) in commands[0]
    assert not any(one.startswith("kill") for one in commands)


def test_server_that_hangs_up(speaks: Speaker) -> None:
    found = ask(f"ws://127.0.0.1:{speaks(b'')}/")
    assert (found.code, found.data["cause"]) == (1, "http.ended")


def test_another_protocol_is_shown_harmlessly(speaks: Speaker) -> None:
    found = ask(f"ws://127.0.0.1:{speaks(b'SSH-2.0-x' + bytes([27]) + b'[2J' + bytes(2))}/")
    assert (found.code, found.data["cause"]) == (1, "http.not-http")
    assert "SSH-2.0" in found.text
    assert "\x1b" not in found.last["evidence"][0]


def test_asgi_application_without_websocket() -> None:
    port = port_for()
    with (
        importable() as path,
        process(*script("bare_asgi", port), DJANGO_SETTINGS_MODULE="other_project", **path),
    ):
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "upgrade.no-websocket-app"), found.text


def test_files_instead_of_an_application() -> None:
    port = port_for()
    with process(*script("http_only", port)):
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "upgrade.static")


def test_redirect_is_followed_by_the_reader_alone(peculiar: Peculiar) -> None:
    port = peculiar("redirects", "/chat/")
    found = ask(f"ws://127.0.0.1:{port}/chat?token=canary-a1b2c3")
    assert (found.code, found.data["cause"]) == (1, "upgrade.redirect")
    assert found.last["steps"][0]["command"] == f"conformance doctor 'ws://127.0.0.1:{port}/chat/'"
    assert "canary" not in found.text


def test_failing_server_cannot_write_on_the_terminal(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('fails', 'canary-x9y8z7')}/?token=canary-x9y8z7")
    assert (found.code, found.data["cause"]) == (1, "upgrade.failed")
    assert "canary" not in found.text
    assert "[secret]" in found.text
    assert "\x1b" not in "".join(found.last["evidence"])


def test_wrong_accept_is_no_upgrade(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('wrong-accept')}/")
    assert (found.code, found.data["cause"]) == (1, "upgrade.wrong")
