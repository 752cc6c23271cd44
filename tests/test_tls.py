"""``wss://``: certificates are verified, by the system's authorities or a file's, unless told not to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.conftest import Suite

CONTROL = "conformance/suite/protocol/test_control_frames.py"
CLOSING = "conformance/suite/protocol/test_closing.py"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Make a private authority and a certificate of it for localhost; return their folder."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "server.pem"
    )
    return tmp_path


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
    assert "not verified" in (tmp_path / "reports" / "conformance.html").read_text()


def test_plain_server_behind_wss_is_10(suite: Suite, server: Callable[..., int]) -> None:
    done = suite(f"--server-url=wss://127.0.0.1:{server('plain')}", CONTROL)
    assert done.returncode == 10, done.stdout
    assert "TLS" in done.stdout


def test_authority_file_that_is_missing_is_4(suite: Suite, tmp_path: Path) -> None:
    done = suite("--server-url=wss://127.0.0.1:1", f"--ca-file={tmp_path / 'none.pem'}", CONTROL)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "none.pem" in done.stderr
