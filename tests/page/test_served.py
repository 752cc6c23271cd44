"""How the page is served: its policy, and the command `conformance page`."""

from __future__ import annotations

import html
import http.client
import re
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from conformance.commands.page import begins_with
from reference_server.page import FILE, page, sealed
from tests.conftest import ROOT
from tests.page.serving import Backend, command

TEXT = FILE.read_text("utf-8")
META = html.unescape(re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', TEXT)[1])


def fetch(port: int, path: str = "/", method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Return status, headers and body."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request(method, path)
    answer = client.getresponse()
    body = answer.read().decode()
    client.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_policy_in_the_file_fits_its_script_and_style() -> None:
    assert sealed(TEXT) == TEXT, "the page was changed: run python -m reference_server.page"
    assert "unsafe" not in META
    assert META.startswith("default-src 'none'; script-src 'sha256-")
    assert len(re.findall("'sha256-", META)) == 2
    # The policy stands before whatever it governs.
    assert TEXT.index("Content-Security-Policy") < TEXT.index("<style>")


def test_nothing_is_loaded_and_nothing_is_inline() -> None:
    assert not re.search(r'\s(?:src|href|action|srcset)="(?!data:,")', TEXT)
    assert not re.search(r'\s(?:on\w+|style)="', TEXT.partition("<script>")[0])
    assert "@import" not in TEXT
    assert "url(" not in TEXT.partition("<script>")[0]
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "eval(",
        "localStorage",
        "sessionStorage",
        "cookie =",
    ):
        assert sink not in TEXT


def test_both_servers_send_the_page_under_one_policy(backend: Backend) -> None:
    status, headers, body = fetch(backend.port)
    assert (status, body) == (200, TEXT)
    assert headers["content-security-policy"] == f"{META}; frame-ancestors 'none'"
    with command("--server-url=ws://127.0.0.1:1/api/ws/permissions/") as (_, printed):
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", printed)[1])
        status, own, body = fetch(port)
        assert status == 200
        for name in ("content-type", "content-security-policy", "referrer-policy", "x-content-type-options"):
            assert own[name] == headers[name]
        given = '<meta name="server-url" content="ws://127.0.0.1:1/api/ws/permissions/">'
        assert body == TEXT.replace('<meta name="server-url" content="">', given)
        assert fetch(port, method="HEAD")[::2] == (200, "")
        assert fetch(port, "/etc/passwd")[0] == 404


def test_url_is_escaped_in_the_page() -> None:
    body, _ = page('ws://host/"><script>alert(1)</script>')
    assert body.count(b"<script>") == 1
    assert b'content="ws://host/&quot;&gt;&lt;script&gt;' in body


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("ws://localhost:8000", "ws://localhost:8000/ws/permissions/"),
        ("https://app.example/", "wss://app.example/ws/permissions/"),
        ("ws://localhost:8000/echo", "ws://localhost:8000/echo"),
        ("http://[::1]:9/api/ws/permissions/1/", "ws://[::1]:9/api/ws/permissions/1/"),
    ],
)
def test_url_without_a_path_gets_the_endpoint(given: str, begins: str) -> None:
    assert begins_with(given) == begins


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_command_listens_on_loopback_says_so_and_ends_by_ctrl_c(host: str) -> None:
    with command(f"--server-url=ws://{host}:1") as (process, printed):
        origin = re.search(rf"http://{re.escape(host)}:\d+", printed)[0]
        assert printed == f"test page {origin}/ for ws://{host}:1/ws/permissions/\n"
        listening = [
            one for one in psutil.Process(process.pid).net_connections() if one.status == psutil.CONN_LISTEN
        ]
        assert {one.laddr.ip for one in listening} <= {"127.0.0.1", "::1"}
        assert {f"http://{host}:{one.laddr.port}" for one in listening} == {origin}
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        rest, said = process.stdout.read(), process.stderr.read()
        assert said == ""
        assert f"must allow the origin {origin}." in rest
        assert f"conformance doctor ws://{host}:1/ws/permissions/ --origin {origin}\n" in rest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--server-url"),
        (("--server-url=ftp://localhost",), "none of ws, wss, http, https"),
        (("--server-url=ws://localhost", "--port=70000"), "not a port, 0 to 65535"),
        (("--server-url=ws://localhost", "--no-such-option"), "unrecognized arguments"),
    ],
)
def test_mistake_of_the_user_is_4(arguments: tuple[str, ...], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "page", *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert said in done.stderr
    assert "canary" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_occupied_port_is_4_and_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with command("--server-url=ws://127.0.0.1:1", f"--port={port}") as (process, _):
            _, said = process.communicate(timeout=10)
            assert process.returncode == 4
            assert f"port {port} at 127.0.0.1 is already in use" in said
            assert f"PID {psutil.Process().pid}" in said
