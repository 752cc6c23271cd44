"""The suite against real servers, over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.conftest import ROOT, Suite

DJANGO = ROOT / "targets" / "django_channels" / "conformance.toml"


def outcomes(folder: Path) -> dict[str, str]:
    """Return the outcome of every requirement in a run's report."""
    written = json.loads((folder / "reports" / "conformance.json").read_text())
    return {one["id"]: one["outcome"] for one in written["requirements"]}


def test_reference_server_passes_everything(suite: Suite, tmp_path: Path) -> None:
    done = suite()
    assert done.returncode == 0, done.stdout[-4000:]
    found = outcomes(tmp_path)
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    port = urlsplit(written["target"]["url"]).port
    # Charged beside tests of HTTP/2, which this server does not speak.
    unseen = {name for name, outcome in found.items() if outcome == "untested"}
    assert unseen <= {"http2.stream-errors", "http2.end-stream"}
    assert set(found.values()) <= {"passed", "observed", "not-applicable", "untested"}, {
        name: outcome for name, outcome in found.items() if outcome not in {"passed", "observed"}
    }
    left = [one for one in psutil.process_iter(["cmdline"]) if str(port) in (one.info["cmdline"] or [])]
    assert not left


def test_django_channels_on_daphne_passes_but_for_what_daphne_breaks(suite: Suite, tmp_path: Path) -> None:
    done = suite(f"--profile={DJANGO}", timeout=400)
    assert done.returncode == 0, done.stdout[-4000:]
    found = outcomes(tmp_path)
    assert [name for name, outcome in found.items() if outcome == "known-failure"] == [
        "handshake.http-version",
        "handshake.host",
        "handshake.host-malformed",
        "handshake.version-malformed",
        "handshake.extensions-malformed",
        "handshake.subprotocol-malformed",
        "handshake.allow-in-405",
    ]
    assert "failed" not in found.values()


def test_without_its_family_it_is_red_and_told_of_it(suite: Suite, tmp_path: Path) -> None:
    text = DJANGO.read_text().replace('cwd = "."', f'cwd = "{DJANGO.parent}"')
    profile = tmp_path / "profile.toml"
    profile.write_text(text.replace('family = ["daphne"]\n', ""))
    earlier = ("conformance/suite/protocol/test_handshake_refused.py", "-k", "earlier_http")
    done = suite(f"--profile={profile}", *earlier)
    assert done.returncode == 1, done.stdout
    assert "1 of 1 failures are known of Daphne" in done.stdout
    assert "--family=daphne" in done.stdout
    done = suite(f"--profile={profile}", "--family=daphne", *earlier)
    assert done.returncode == 0, done.stdout
    assert "known failure of Daphne: handshake.http-version: " in done.stdout
