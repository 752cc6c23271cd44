"""Real Apache and HAProxy in front, with the faults that people lost days to, and without them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.conflicts.situation import port_for, process, wait
from tests.doctor.asking import ask
from tests.doctor.conftest import Peculiar
from tests.doctor.test_proxy import NGINX, UPGRADES, nginx

APACHE = shutil.which("apache2", path="/usr/sbin:/usr/bin")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
MODULES = Path("/usr/lib/apache2/modules")
APACHE_CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
User nobody
Group nogroup
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LoadModule proxy_wstunnel_module {modules}/mod_proxy_wstunnel.so
LoadModule rewrite_module {modules}/mod_rewrite.so
RewriteEngine On
RewriteCond %{{HTTP:Upgrade}} websocket [NC]
RewriteCond %{{HTTP:Connection}} {connection} [NC]
RewriteRule /(.*) ws://127.0.0.1:{behind}/$1 [P,L]
ProxyPass / http://127.0.0.1:{behind}/
"""
HAPROXY_CONFIGURATION = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend front
  bind 127.0.0.1:{port} ssl crt {certificate} alpn h2,http/1.1
  default_backend behind
backend behind
  server one 127.0.0.1:{behind} ssl verify none alpn h2,http/1.1 {more}
"""


@contextlib.contextmanager
def apache(folder: Path, behind: int, connection: str) -> Iterator[int]:
    """Run Apache, which passes on what the pattern takes for an upgrade; yield its port."""
    assert APACHE is not None
    port = port_for()
    folder.chmod(0o755)
    file = folder / "apache.conf"
    file.write_text(
        APACHE_CONFIGURATION.format(
            folder=folder, port=port, behind=behind, connection=connection, modules=MODULES
        )
    )
    with process(APACHE, "-f", str(file), "-DFOREGROUND"):
        wait(port)
        yield port


@pytest.mark.skipif(APACHE is None, reason="Apache is not installed")
@pytest.mark.parametrize(
    ("connection", "cause"), [("^Upgrade$", "proxy.exact-connection"), (r"\bUpgrade\b", None)]
)
def test_apache_that_compares_connection_exactly(
    connection: str, cause: str | None, peculiar: Peculiar, tmp_path: Path
) -> None:
    with apache(tmp_path, peculiar(), connection) as port:
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert found.data["cause"] == cause, found.text
    if cause:
        assert "RewriteCond %{HTTP:Connection}" in str(found.last["steps"][0]["command"])


@pytest.mark.skipif(HAPROXY is None or NGINX is None, reason="HAProxy or nginx is not installed")
@pytest.mark.parametrize(("more", "cause"), [("", "upgrade.http2-refused"), ("ws h1", None)])
def test_haproxy_that_announces_websocket_over_http2(
    more: str, cause: str | None, peculiar: Peculiar, tmp_path: Path
) -> None:
    assert HAPROXY is not None
    authority, pem = tmp_path / "ca.pem", tmp_path / "server.pem"
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(authority)
    issuer.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    tls = f"ssl_certificate {pem}; ssl_certificate_key {pem};"
    location = f"proxy_pass http://127.0.0.1:{peculiar()}; {UPGRADES}"
    with nginx(tmp_path, location, tls="ssl http2", more=tls) as behind:
        port = port_for()
        file = tmp_path / "haproxy.cfg"
        file.write_text(HAPROXY_CONFIGURATION.format(port=port, behind=behind, certificate=pem, more=more))
        with process(HAPROXY, "-f", str(file), "-db"):
            wait(port)
            found = ask(f"wss://localhost:{port}/chat", "--ca-file", str(authority))
    assert found.data["cause"] == cause, found.text
    if cause:
        assert any("ws h1" in str(step["command"]) for step in found.last["steps"])
