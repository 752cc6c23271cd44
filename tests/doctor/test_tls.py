"""TLS: certificates that are refused, and both sides not meaning the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.doctor.asking import ask
from tests.doctor.conftest import Peculiar


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca


@pytest.fixture
def issued(authority: trustme.CA, tmp_path: Path) -> Path:
    return written(authority.issue_cert("localhost", "127.0.0.1"), tmp_path)


def written(certificate: trustme.LeafCert, folder: Path) -> Path:
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "server.pem"


def test_trusted_certificate_is_healthy(issued: Path, peculiar: Peculiar) -> None:
    port = peculiar("--tls", str(issued))
    found = ask(f"wss://localhost:{port}/", "--ca-file", str(issued.parent / "ca.pem"))
    assert found.code == 0, found.text
    assert "its certificate is trusted" in found.text


def test_unknown_authority(issued: Path, peculiar: Peculiar) -> None:
    port = peculiar("--tls", str(issued))
    found = ask(f"wss://localhost:{port}/")
    assert (found.code, found.data["cause"]) == (1, "tls.unknown-ca")
    assert found.last["steps"][0]["command"].startswith(f"openssl s_client -connect localhost:{port} ")
    assert ask(f"wss://localhost:{port}/", "--insecure").code == 0


def test_another_name(authority: trustme.CA, tmp_path: Path, peculiar: Peculiar) -> None:
    port = peculiar("--tls", str(written(authority.issue_cert("app.example"), tmp_path)))
    found = ask(f"wss://localhost:{port}/", "--ca-file", str(tmp_path / "ca.pem"))
    assert (found.code, found.data["cause"]) == (1, "tls.wrong-name")


@pytest.mark.parametrize(
    ("days", "cause"), [((-2, -1), "tls.expired"), ((1, 2), "tls.not-yet-valid")], ids=["expired", "not-yet"]
)
def test_not_valid_today(
    days: tuple[int, int], cause: str, authority: trustme.CA, tmp_path: Path, peculiar: Peculiar
) -> None:
    begin, end = (datetime.now(UTC) + timedelta(days=one) for one in days)
    port = peculiar(
        "--tls", str(written(authority.issue_cert("localhost", not_before=begin, not_after=end), tmp_path))
    )
    found = ask(f"wss://localhost:{port}/", "--ca-file", str(tmp_path / "ca.pem"))
    assert (found.code, found.data["cause"]) == (1, cause)


def test_tls_on_a_plain_port(peculiar: Peculiar) -> None:
    port = peculiar()
    found = ask(f"wss://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "tls.plain-port")
    assert found.last["steps"][0]["command"] == f"conformance doctor ws://127.0.0.1:{port}/chat"


def test_plain_on_a_tls_port(issued: Path, peculiar: Peculiar) -> None:
    port = peculiar("--tls", str(issued))
    found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "tls.needed")
    assert found.last["steps"][0]["command"] == f"conformance doctor wss://127.0.0.1:{port}/chat"
