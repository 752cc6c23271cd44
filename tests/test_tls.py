"""``wss://``: certificates are verified, by the system's authorities or a file's, unless told not to."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from conformance.net.connection import Connection
from conformance.target.probe import endpoint_of
from conformance.target.profile import Profile
from conformance.target.url import parse
from tests.conftest import ROOT, Suite

CONTROL = "conformance/suite/protocol/test_control_frames.py"
CLOSING = "conformance/suite/protocol/test_closing.py"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Make a private authority and certificates of it, good and bad ones; return their folder."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, certificate in {
        "server": ca.issue_cert("localhost", "127.0.0.1"),
        "another-host": ca.issue_cert("other.example"),
        "expired": ca.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1)),
        "client": ca.issue_cert("client.example"),
    }.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
    return tmp_path


@pytest.fixture
def self_signed(tmp_path: Path) -> Path:
    """Make a certificate that is its own authority."""
    path = tmp_path / "self.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    where = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *words, *where, "-keyout", path, "-out", tmp_path / "self.crt"],
                   check=True, capture_output=True)  # fmt: skip
    path.write_bytes(path.read_bytes() + (tmp_path / "self.crt").read_bytes())
    return path


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the verdict's line; a user's trouble is told in at most three, without a traceback."""
    assert "Traceback" not in done.stdout + done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith("INCONCLUSIVE"))


def test_private_authority_is_trusted_by_its_file(
    suite: Suite, server: Callable[..., int], authority: Path, tmp_path: Path
) -> None:
    port = server("secure", str(authority / "server.pem"))
    done = suite(
        f"--server-url=wss://127.0.0.1:{port}", f"--ca-file={authority / 'ca.pem'}", CONTROL, CLOSING
    )
    assert done.returncode == 0, done.stdout
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    assert written["target"]["url"] == f"wss://127.0.0.1:{port}/"
    assert written["target"]["insecure"] is False


def test_untrusted_certificate_is_10_and_says_so(
    suite: Suite, server: Callable[..., int], authority: Path
) -> None:
    port = server("secure", str(authority / "server.pem"))
    done = suite(f"--server-url=https://127.0.0.1:{port}", CONTROL)
    assert done.returncode == 10, done.stdout
    assert "certificate" in done.stdout
    assert "--ca-file" in done.stdout
    assert "Traceback" not in done.stdout


def test_insecure_is_stated_in_the_report(
    suite: Suite, server: Callable[..., int], authority: Path, tmp_path: Path
) -> None:
    port = server("secure", str(authority / "server.pem"))
    done = suite(f"--server-url=wss://127.0.0.1:{port}", "--insecure", CONTROL)
    assert done.returncode == 0, done.stdout
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    assert written["target"]["insecure"] is True
    page = (tmp_path / "reports" / "conformance.html").read_text()
    # Right below the verdict, before anything that could be read instead of it.
    assert page.index("certificate was not verified") < page.index('<dl class="facts">')
    assert "INSECURE: the server's certificate was not verified" in done.stdout


def test_plain_server_behind_wss_is_10(suite: Suite, server: Callable[..., int]) -> None:
    done = suite(f"--server-url=wss://127.0.0.1:{server('plain')}", CONTROL)
    assert done.returncode == 10, done.stdout
    assert "TLS" in done.stdout


def test_authority_file_that_is_missing_is_4(suite: Suite, tmp_path: Path) -> None:
    done = suite("--server-url=wss://127.0.0.1:1", f"--ca-file={tmp_path / 'none.pem'}", CONTROL)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "none.pem" in done.stderr


def test_authority_file_that_is_no_certificate_is_4(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    done = suite("--server-url=wss://127.0.0.1:1", f"--ca-file={tmp_path / 'ca.pem'}", CONTROL)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "ca.pem: no certificate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("certificate", "words", "remedy"),
    [
        pytest.param("another-host", "not valid for '127.0.0.1'", "Name the server", id="another-host"),
        pytest.param("expired", "certificate has expired", "Renew the certificate", id="expired"),
        pytest.param("self", "self-signed certificate", "--ca-file", id="self-signed"),
    ],
)
def test_bad_certificate_is_10_and_says_what_to_do(
    suite: Suite, server, authority: Path, self_signed: Path, certificate: str, words: str, remedy: str
) -> None:
    port = server("secure", str(authority / f"{certificate}.pem"))
    done = suite(f"--server-url=wss://127.0.0.1:{port}", f"--ca-file={authority / 'ca.pem'}", CONTROL)
    assert done.returncode == 10, done.stdout
    assert words.lower() in complaint(done).lower()
    assert remedy in complaint(done)
    assert "--insecure" in complaint(done)


def test_self_signed_certificate_can_be_trusted_by_itself(suite: Suite, server, self_signed: Path) -> None:
    done = suite(
        f"--server-url=wss://127.0.0.1:{server('secure', str(self_signed))}",
        f"--ca-file={self_signed.with_name('self.crt')}",
        CONTROL,
    )
    assert done.returncode == 0, done.stdout


def test_tls_server_behind_ws_is_10(suite: Suite, server, authority: Path) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{server('secure', str(authority / 'server.pem'))}", CONTROL)
    assert done.returncode == 10, done.stdout
    assert "wss://" in complaint(done)


def test_name_is_asked_for_and_an_address_is_not(server, authority: Path, tmp_path: Path) -> None:
    log = tmp_path / "names.txt"
    port = server("tls_listener", str(authority / "server.pem"), "sni", str(log))
    for host in ("localhost", "127.0.0.1"):
        endpoint = endpoint_of(parse(f"wss://{host}:{port}"), Profile(ca_file=authority / "ca.pem"))

        async def once(endpoint=endpoint) -> None:
            (await Connection.open(endpoint, label="sni", report=print, timeout=10)).shut()

        asyncio.run(once())
    assert log.read_text().split() == ["localhost", "None"]


@pytest.mark.parametrize("how", ["truncates", "bad-record"])
def test_rude_end_of_tls_behind_the_close_is_not_red(suite: Suite, server, authority: Path, how: str) -> None:
    port = server("tls_listener", str(authority / "server.pem"), how)
    done = suite(
        f"--server-url=wss://127.0.0.1:{port}", f"--ca-file={authority / 'ca.pem'}", CLOSING,
        "-k", "close_with_a_valid_code and 1000 or ends_in_a_fin or ends_tcp_is_let_go",
    )  # fmt: skip
    # What asyncio has read in front of a bad record is lost: that can be no verdict either way.
    assert done.returncode == 0 or (how == "bad-record" and "TLS broke" in done.stdout), done.stdout
    assert "FAILED:" not in done.stdout


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "missing"])
def test_client_certificate_of_the_profile_is_shown(
    suite: Suite, server, authority: Path, tmp_path: Path, *, shown: bool
) -> None:
    port = server(
        "tls_listener", str(authority / "server.pem"), "client-certificate", str(authority / "ca.pem")
    )
    profile = tmp_path / "client.toml"
    profile.write_text('[tls]\nca_file = "ca.pem"\n' + ('certificate = "client.pem"\n' if shown else ""))
    done = suite(f"--server-url=wss://127.0.0.1:{port}", f"--profile={profile}", CONTROL)
    assert done.returncode == (0 if shown else 10), done.stdout
    if not shown:
        assert "client certificate" in complaint(done)


def test_client_certificate_that_is_missing_is_4(suite: Suite, tmp_path: Path) -> None:
    profile = tmp_path / "client.toml"
    profile.write_text('[tls]\ncertificate = "none.pem"\n')
    done = suite("--server-url=wss://127.0.0.1:1", f"--profile={profile}", CONTROL)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "none.pem: No such file" in done.stderr


def test_reference_server_passes_over_tls(suite: Suite, authority: Path, tmp_path: Path) -> None:
    words = ["{python}", "-m", "tests.servers.secure_reference", "{port}", "{control_port}"]
    changed = {
        "start = ": f"start = {json.dumps([*words, str(authority / 'server.pem')])}",
        "cwd = ": f"cwd = {json.dumps(str(ROOT))}",
        "url = ": 'url = "wss://localhost:{port}"',
    }
    lines = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8").splitlines()
    lines = [next((new for old, new in changed.items() if one.startswith(old)), one) for one in lines]
    profile = tmp_path / "secure.toml"
    profile.write_text("\n".join([*lines, "[tls]", 'ca_file = "ca.pem"']))
    files = [
        f"conformance/suite/{one}.py"
        for one in ("protocol/test_closing", "protocol/test_failing", "protocol/test_handshake_bytes",
                    "protocol/test_limits", "events/test_delivery", "port_conflict/test_stopping")
    ]  # fmt: skip
    done = suite(f"--profile={profile}", *files)
    assert done.returncode == 0, done.stdout
    assert "not applicable" not in done.stdout
