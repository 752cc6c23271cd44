"""The suite against real servers, over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from conformance.verdict.families import families
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
        "handshake.version-spelling",
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


# The small targets: a part of the suite, where backends differ most. The whole of it is run by hand.

SMALL = {
    "starlette": "uvicorn",
    "aiohttp": "aiohttp",
    "websockets": "websockets",
    "node_ws": "ws",
}
PARTS = [
    *(f"conformance/suite/session/test_{part}.py" for part in ("heartbeat", "check_permission", "errors")),
    *(f"conformance/suite/auth/test_{part}.py" for part in ("carriers", "foreign_channel", "origin")),
    *(f"conformance/suite/protocol/test_{part}.py" for part in ("limits", "handshake_refused")),
    "conformance/suite/events/test_types.py",
]


@pytest.fixture(scope="session")
def node_ws() -> None:
    """Install the pinned `ws` where the profile looks for it; where that cannot be had, only CI is red."""
    unavailable = pytest.fail if os.environ.get("CI") else pytest.skip
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        unavailable(f"{' and '.join(missing)} not found: the target node_ws needs Node.js 18 or later")
    folder = ROOT / "targets" / "node_ws"
    if (folder / "node_modules" / "ws").is_dir():
        return
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        unavailable(f"npm ci could not install ws: {done.stderr[-2000:]}")


@pytest.mark.parametrize("name", SMALL)
def test_small_target_passes_but_for_what_its_server_breaks(
    suite: Suite, tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    if name == "node_ws":
        request.getfixturevalue("node_ws")
    done = suite(f"--profile={ROOT / 'targets' / name / 'conformance.toml'}", *PARTS, timeout=400)
    assert done.returncode == 0, done.stdout[-4000:]
    found = outcomes(tmp_path)
    known = {one.requirement for one in families()[SMALL[name]].entries}
    assert {one for one, outcome in found.items() if outcome == "known-failure"} <= known
    # Whatever one lacks is noticed here: nothing may silently stop applying.
    judged = {
        "auth.cookie-token",
        "auth.foreign-channel",
        "events.role-updated",
        "session.heartbeat-echo",
    }
    assert {one: found[one] for one in judged} == dict.fromkeys(judged, "passed")


def test_backend_that_lets_other_pages_than_its_own_in_is_judged(suite: Suite, tmp_path: Path) -> None:
    folder = ROOT / "targets" / "websockets"
    text = (folder / "conformance.toml").read_text().replace(",http://127.0.0.1:{port}", "")
    profile = tmp_path / "profile.toml"
    profile.write_text(text.replace('cwd = "."', f'cwd = "{folder}"'))
    done = suite(f"--profile={profile}", "conformance/suite/browser/test_carriers.py")
    assert done.returncode == 0, done.stdout[-4000:]
    found = outcomes(tmp_path)
    assert found["browser.cookie-token"] == "not-applicable"
    assert found["browser.subprotocol-token"] == "passed"
