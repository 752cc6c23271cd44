"""WebSocket over HTTP/2, end to end: a gateway that is right, Hypercorn, and servers that offer none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.conftest import ROOT, Suite

FILES = tuple(f"conformance/suite/protocol/test_http2_{one}.py" for one in ("opening", "streams", "session"))
# Reproduced by hand, see docs/findings.md.
HYPERCORN = {
    "failed": {"http2.unknown-protocol", "http2.masking", "http2.close"},
    "advised": {"http2.stream-errors", "http2.half-close", "http2.isolation"},
}


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Return the folder of a private authority and of a certificate of it, its key in a file of its own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    one = authority.issue_cert("localhost", "127.0.0.1")
    one.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return tmp_path


@pytest.fixture
def outcomes(tmp_path: Path) -> Callable[[], dict[str, dict[str, str]]]:
    """Return the requirements of the HTTP/2 section by outcome, with their reasons."""

    def read() -> dict[str, dict[str, str]]:
        written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
        found: dict[str, dict[str, str]] = {}
        for row in written["requirements"]:
            if row["id"].startswith("http2."):
                found.setdefault(row["outcome"], {})[row["id"]] = row["reason"]
        return found

    return read


def profile_of(folder: Path, *files: str) -> Path:
    """Write the reference server's profile for the gateway, over TLS where a certificate is given."""
    lines = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8").splitlines()
    words = ["{python}", "-m", "tests.servers.http2", "{port}", "{control_port}", *files]
    changed = {"start = ": f"start = {json.dumps(words)}", "cwd = ": f"cwd = {json.dumps(str(ROOT))}"}
    if files:
        changed["url = "] = 'url = "wss://localhost:{port}"'
        lines += ["[tls]", 'ca_file = "ca.pem"']
    path = folder / "conformance.toml"
    path.write_text(
        "\n".join(next((new for old, new in changed.items() if one.startswith(old)), one) for one in lines)
    )
    return path


@pytest.mark.parametrize("how", ["prior-knowledge", "tls"])
def test_right_gateway_passes_everything(suite: Suite, certificates: Path, outcomes, how: str) -> None:
    files = (str(certificates / "server.pem"),) if how == "tls" else ()
    done = suite(f"--profile={profile_of(certificates, *files)}", *FILES)
    assert done.returncode == 0, done.stdout
    assert set(outcomes()) == {"passed"}, outcomes()


def test_hypercorn_is_judged_as_by_hand(suite: Suite, server, outcomes) -> None:
    hypercorn = [sys.executable, "-m", "hypercorn", "tests.servers.echo_asgi:app"]
    port = server(*hypercorn, "-b", "127.0.0.1:PORT")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", "--time-scale=0.3", *FILES)
    found = {outcome: set(rows) for outcome, rows in outcomes().items()}
    assert {name: found.get(name) for name in HYPERCORN} == HYPERCORN, done.stdout
    assert not found.get("inconclusive"), done.stdout
    assert done.returncode == 1


def test_hypercorn_offers_it_over_tls(suite: Suite, server, certificates: Path, outcomes) -> None:
    pem = certificates / "server.pem"
    hypercorn = [sys.executable, "-m", "hypercorn", "tests.servers.echo_asgi:app"]
    port = server(*hypercorn, "-b", "127.0.0.1:PORT", "--certfile", str(pem), "--keyfile", str(pem))
    done = suite(
        f"--server-url=wss://127.0.0.1:{port}", f"--ca-file={certificates / 'ca.pem'}", FILES[0],
        "-k", "extended_connect or path_refused or subprotocol",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    passed = {"http2.extended-connect", "http2.routes", "http2.subprotocol"}
    assert passed <= set(outcomes()["passed"]), done.stdout


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        pytest.param("plain", "the HTTP/2 preface was answered by", id="plain"),
        pytest.param("secure", "ALPN was answered by nothing, not h2", id="tls"),
    ],
)
def test_server_without_it_is_left_alone_with_evidence(
    suite: Suite, server, certificates: Path, outcomes, name: str, evidence: str
) -> None:
    port = server(name, *([str(certificates / "server.pem")] if name == "secure" else []))
    url = f"{'wss' if name == 'secure' else 'ws'}://127.0.0.1:{port}"
    ping = "conformance/suite/protocol/test_control_frames.py"
    done = suite(f"--server-url={url}", f"--ca-file={certificates / 'ca.pem'}", *FILES, ping)
    assert done.returncode == 0, done.stdout
    assert set(outcomes()) == {"not-applicable", "untested"}  # what is judged on the way was never on it
    assert all(evidence in reason for reason in outcomes()["not-applicable"].values()), outcomes()
