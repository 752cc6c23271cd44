"""Start, occupied port, stop: the server as a process."""

from __future__ import annotations

import http.client
import signal
import socket
import sys
import time

import pytest
from reference_harness import BOUND, KEY, TOKENS, Running, server, start


def finished(
    *arguments: str, host: str = "localhost", tokens: dict[str, str] = TOKENS
) -> tuple[int, str, str]:
    process = start(*arguments, host=host, tokens=tokens)
    try:
        output, errors = process.communicate(timeout=BOUND)
    finally:
        process.kill()
        process.wait(BOUND)
    return process.returncode, output, errors


def raw_websocket(running: Running) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", running.port), timeout=BOUND)
    client.sendall(
        f"GET /ws/permissions/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    received = b""
    while b"connection_confirmed" not in received:
        received += client.recv(4096)
    return client


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_every_address_of_localhost_is_bound(target: Running) -> None:
    assert f"listening on ws://localhost:{target.port} (127.0.0.1" in target.output[0]
    assert ("::1" in target.output[0]) == has_ipv6()
    for address in ["127.0.0.1"] + ["::1"] * has_ipv6():
        client = http.client.HTTPConnection(address, target.port, timeout=BOUND)
        client.request("GET", "/")
        response = client.getresponse()
        assert response.status == 200
        assert response.getheader("Server") == "reference-server"
        response.read()
        client.close()


def test_occupied_port_names_its_holder(target: Running) -> None:
    began = time.monotonic()
    status, output, errors = finished("--port", str(target.port))
    assert time.monotonic() - began < 10.0
    assert status == 98
    assert output == ""
    assert 1 <= len(errors.splitlines()) <= 3
    for fact in (str(target.port), "127.0.0.1", f"PID {target.process.pid}", "reference_server", "started 2"):
        assert fact in errors


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
def test_port_occupied_at_one_address_only_is_occupied() -> None:
    with socket.socket(socket.AF_INET6) as holder:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        holder.bind(("::1", 0))
        holder.listen()
        status, _, errors = finished("--port", str(holder.getsockname()[1]))
    assert status == 98
    assert "::1" in errors


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
def test_port_is_not_shared_with_one_who_would_share_it() -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        assert finished("--port", str(holder.getsockname()[1]))[0] == 98


def test_occupied_control_port_is_told(target: Running) -> None:
    status, output, errors = finished("--control-port", str(target.control_port))
    assert (status, output) == (98, "")
    assert str(target.control_port) in errors


@pytest.mark.parametrize(
    ("arguments", "host", "status"),
    [
        (["--port", "65536"], "localhost", 2),
        (["--port", "x"], "localhost", 2),
        (["--origin", "app.example"], "localhost", 2),
        (["--max-message-bytes", "0"], "localhost", 2),
        (["--nonsense"], "localhost", 2),
        ([], "no-such-host.invalid", 1),
        ([], "192.0.2.1", 1),
        ([], "a" * 70 + ".example", 1),
    ],
)
def test_mistake_is_one_line(arguments: list[str], host: str, status: int) -> None:
    code, output, errors = finished(*arguments, host=host)
    assert code == status
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert errors.startswith("error: ")


@pytest.mark.parametrize("token", ["with space", "é", TOKENS["BOB_TOKEN"]])
def test_unusable_token_is_named_and_not_shown(token: str) -> None:
    code, _, errors = finished(tokens={**TOKENS, "CAROL_TOKEN": token})
    assert code == 2
    assert "CAROL_TOKEN" in errors
    assert token not in errors


def test_demonstration_tokens_are_shown_and_handed_in_ones_never() -> None:
    tokens = {**dict.fromkeys(TOKENS, ""), "ALICE_TOKEN": "secret-of-this-run"}
    with server(tokens=tokens) as running:
        with running.connect("bob-demo-token") as client:
            assert client.confirmed["user_id"] == 2
        with running.connect("secret-of-this-run") as client:
            assert client.confirmed["user_id"] == 1
        running.get("/ws/permissions/?token=secret-of-this-run-not")
        running.process.terminate()
        running.process.wait(BOUND)
        rest, errors = running.process.stdout.read(), running.process.stderr.read()
    output = "".join(running.output) + rest
    assert "bob-demo-token" in output
    assert "secret-of-this-run" not in output + errors
    assert errors == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_closes_with_1001_and_the_port_can_be_taken_at_once(number: int) -> None:
    with server() as running:
        port, control_port = str(running.port), str(running.control_port)
        with running.connect() as client:
            running.process.send_signal(number)
            assert client.closed_with()[0] == 1001
        assert running.process.wait(BOUND) == 0
        assert running.process.stderr.read() == ""
        with server("--port", port, "--control-port", control_port) as second:
            assert str(second.port) == port


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
def test_stop_does_not_wait_for_clients_that_ignore_it() -> None:
    with server() as running, raw_websocket(running), raw_websocket(running):
        silent = socket.create_connection(("127.0.0.1", running.port), timeout=BOUND)
        with silent:
            began = time.monotonic()
            running.process.terminate()
            assert running.process.wait(BOUND) == 0
            assert time.monotonic() - began < 1.0
        assert running.process.stderr.read() == ""


def test_client_without_pongs_is_closed_with_4408() -> None:
    with server("--ping-interval", "0.2") as running, raw_websocket(running) as client:
        received = b""
        while data := client.recv(4096):
            received += data
    assert b"\x89\x04" in received
    assert received.endswith(b"\x11\x38No Pong came.")


def test_client_with_pongs_stays() -> None:
    with server("--ping-interval", "0.05") as running, running.connect() as client:
        time.sleep(0.5)
        assert client.before_heartbeat() == []


def test_message_limit_is_an_option() -> None:
    with server("--max-message-bytes", "100") as running, running.connect() as client:
        client.websocket.send("x" * 101)
        assert client.closed_with()[0] == 1009
