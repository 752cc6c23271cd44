"""A real nginx in front: without the upgrade's headers, with them, with nobody behind, with files alone."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.conflicts import Situation
from tests.conflicts.situation import port_for, process, wait
from tests.doctor.asking import ask
from tests.doctor.conftest import Peculiar

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
UPGRADES = (
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;'
)
CONFIGURATION = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} {tls}; {more} location / {{ {location} }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, location: str, *, tls: str = "", more: str = "") -> Iterator[int]:
    """Run nginx with one location; yield its port."""
    assert NGINX is not None
    port = port_for()
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, location=location, tls=tls, more=more))
    with process(NGINX, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")):
        wait(port)
        yield port


def test_upgrade_headers_that_are_not_passed_on(channels: Situation, tmp_path: Path) -> None:
    with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{channels.port};") as port:
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/anonymous")
    assert (found.code, found.data["cause"]) == (1, "proxy.no-upgrade"), found.text
    assert "proxy_set_header Upgrade $http_upgrade" in found.text
    assert "nginx" in found.last["summary"]


def test_upgrade_headers_not_passed_on_to_another_server(peculiar: Peculiar, tmp_path: Path) -> None:
    with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{peculiar()};") as port:
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "proxy.no-upgrade"), found.text


def test_proxy_that_passes_them_on_is_healthy(channels: Situation, tmp_path: Path) -> None:
    with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{channels.port}; {UPGRADES}") as port:
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/anonymous")
    assert found.code == 0, found.text
    assert "one program holds the port" in found.text


def test_proxy_with_nobody_behind_it(tmp_path: Path) -> None:
    with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{port_for()};") as port:
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "proxy.upstream"), found.text


def test_nginx_that_serves_files(tmp_path: Path) -> None:
    with nginx(tmp_path, f"root {tmp_path};") as port:
        found = ask(f"ws://127.0.0.1:{port}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "upgrade.static"), found.text


def test_plain_http_on_its_tls_port(tmp_path: Path) -> None:
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    more = f"ssl_certificate {tmp_path}/server.pem; ssl_certificate_key {tmp_path}/server.pem;"
    with nginx(tmp_path, "return 204;", tls="ssl", more=more) as port:
        found = ask(f"ws://localhost:{port}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "tls.needed"), found.text


def test_page_for_every_path_of_a_real_nginx(tmp_path: Path) -> None:
    page = "default_type text/html; return 200 '<!doctype html><html><title>App</title></html>';"
    with nginx(tmp_path, page) as port:
        found = ask(f"ws://127.0.0.1:{port}/ws/chat")
    assert (found.code, found.data["cause"]) == (1, "upgrade.catch-all"), found.text
    assert "location /ws/chat" in found.text


def test_credentials_that_a_real_nginx_wants(peculiar: Peculiar, tmp_path: Path) -> None:
    (tmp_path / "users").write_text("ann:{PLAIN}secret\n")
    (tmp_path / "users").chmod(0o644)
    tmp_path.chmod(0o755)
    more = f"auth_basic staff; auth_basic_user_file {tmp_path}/users;"
    with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{peculiar()}; {UPGRADES}", more=more) as port:
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "access.http-auth"), found.text
    assert "auth_basic off;" in [step["command"] for step in found.last["steps"]]


def test_host_that_a_real_nginx_does_not_pass_on(peculiar: Peculiar, tmp_path: Path) -> None:
    lost = UPGRADES.replace("proxy_set_header Host $http_host;", "")
    assert lost != UPGRADES
    port_behind = peculiar("compares-origin")
    for upgrades, cause in ((lost, "origin.host-lost"), (UPGRADES, None)):
        with nginx(tmp_path, f"proxy_pass http://127.0.0.1:{port_behind}; {upgrades}") as port:
            found = ask(f"ws://127.0.0.1:{port}/chat")
        assert found.data["cause"] == cause, found.text
        if cause:
            assert "proxy_set_header Host $http_host;" in found.text


def test_limit_of_connections_of_a_real_nginx(peculiar: Peculiar, tmp_path: Path) -> None:
    with nginx(tmp_path, "return 503;") as port:
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (10, "proxy.limited"), found.text
