"""Canaries: nothing secret that the suite was given appears in anything that it writes or prints."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from conformance.report.artefacts import MAKERS
from conformance.wire.frames import FrameParser
from tests.conftest import ROOT, Suite

BAD = ("EXPIRED", "NOT_YET", "REVOKED", "INACTIVE")
NAMES = ("ALICE", "BOB", "CAROL", *(f"DISPOSABLE_{number}" for number in range(1, 7)), *BAD)
TOKENS = {f"{name}_TOKEN": f"canary-{name.lower().replace('_', '-')}-4f9c2e" for name in NAMES}
BASIC = base64.b64encode(b"me:canary-basic-5a1d").decode()
# What else a profile holds, one canary a place.
PLACES = f"""
echo = "/ws/echo/?key=canary-echo-91c7&room=canary%2Decho%2Droom%2D17"
env = {{ APP_SECRET = "canary-env-20ad" }}
[target.headers]
X-Api-Key = "canary-header-77b2"
X-Proxy = "Basic {BASIC}"
Cookie = "tracker=canary-cookie-3e8f"
"""
FOUND = re.compile(r"canary[-_][a-z]", re.IGNORECASE)
PRINTS = """
import os, sys, base64, urllib.parse
secret = os.environ["APP_SECRET"]
print("starting with", secret, urllib.parse.quote(secret.upper().lower()), base64.b64encode(secret.encode()))
print(secret.encode().hex(" "), "".join(f"%{one:02x}" for one in secret.encode()), flush=True)
sys.argv = sys.argv[1:]
import runpy
runpy.run_module("reference_server", run_name="__main__", alter_sys=True)
"""


def readings(text: str) -> Iterator[str]:
    """Yield a text as it stands, and everything that can be read in it: each encoding, and frames in hex."""
    yield text
    yield html.unescape(unquote_plus(unquote_plus(text)))
    yield re.sub(r"\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})", lambda it: chr(int(it[1] or it[2], 16)), text)
    for run in re.findall(r"[A-Za-z0-9+/_-]{12,4000}", text):
        for at in range(4):
            part = run[at : len(run) - (len(run) - at) % 4].replace("-", "+").replace("_", "/")
            try:
                yield base64.b64decode(part).decode("latin-1")
            except binascii.Error:
                continue
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[\s:]*){6,}", text):
        digits = re.sub(r"[\s:]", "", run)
        data = bytes.fromhex(digits[: len(digits) // 2 * 2])
        yield data.decode("latin-1")
        yield from (frame.payload.decode("latin-1") for frame in FrameParser().feed(data))


def leaks(text: str) -> list[str]:
    """Return what surrounds each canary that can be read in a text."""
    return [
        one[max(0, it.start() - 60) : it.end() + 40] for one in readings(text) for it in FOUND.finditer(one)
    ]


@pytest.mark.parametrize("form", [
    "canary-echo", "canary%2decho", "canary\\u002decho", base64.b64encode(b"me:canary-x5a1d").decode(),
    b"canary-echo".hex(" "), "81 8b 00 00 00 00 63 61 6e 61 72 79 2d 65 63 68 6f",
])  # fmt: skip
def test_leak_would_be_seen(form: str) -> None:
    assert leaks(f"told {form} and more")


def profile_in(folder: Path) -> Path:
    """Write a profile with a canary at every place, whose failures are about credentials."""
    text = (ROOT / "reference_server" / "conformance.toml").read_text()
    for name in TOKENS:
        text = text.replace(f'generate = "{name.removesuffix("_TOKEN")}_TOKEN"', f'env = "{name}"')
    printing = folder / "printing.py"
    printing.write_text(PRINTS)
    # Every requirement about tokens is made to fail, so that failures are written with their transcripts.
    text = text.replace("user_id = 1\n", "user_id = 7777\n").replace('cwd = ".."', f'cwd = "{ROOT}"')
    text = text.replace("[carriers]", f"{PLACES}\n[carriers]")
    text = text.replace('"-m", "reference_server",', f'{json.dumps(str(printing))}, "-m",')
    profile = folder / "profile.toml"
    profile.write_text(text)
    return profile


def test_no_artefact_holds_a_secret(suite: Suite, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    reports = tmp_path / "reports"
    done = suite(
        f"--profile={profile_in(tmp_path)}", "conformance/suite/auth",
        "conformance/suite/protocol/test_utf8.py",
        "conformance/suite/routing/test_endpoints.py", "-v", "-l", "--self-contained-html",
        f"--html={reports / 'tests.html'}", f"--junit-xml={reports / 'pytest.xml'}",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), **TOKENS, timeout=400,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    assert "::error title=" in done.stdout
    written = {"terminal": done.stdout, "errors": done.stderr, "summary": summary.read_text()}
    written |= {path.name: path.read_text() for path in sorted(reports.glob("*.*"))}
    assert len(written) == 3 + len(MAKERS) + 2
    scripts = {path.name: path.read_text() for path in (reports / "repro").iterdir()}
    assert any('talk.secret("ALICE_TOKEN"' in text for text in scripts.values())
    assert any('talk.secret("HEADER_X_API_KEY"' in text for text in scripts.values())
    written |= scripts
    assert "[secret]" in written["conformance.json"]
    written |= compared(reports / "conformance.json", tmp_path)
    assert {name: found[:3] for name, text in written.items() if (found := leaks(text))} == {}


def compared(document: Path, folder: Path) -> dict[str, str]:
    """Return what `conformance compare` writes and prints of a run."""
    files = {kind: folder / f"compared.{kind}" for kind in ("html", "markdown", "json")}
    options = [f"--{kind}={path}" for kind, path in files.items()]
    done = conformance(folder, "compare", str(document), str(document), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return {"comparison": done.stdout + done.stderr} | {
        path.name: path.read_text() for path in files.values()
    }


def conformance(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with the secrets in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=folder, env={"PATH": "/usr/bin:/bin", **TOKENS}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_no_baseline_holds_a_secret(suite: Suite, tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    suite(
        f"--profile={profile_in(tmp_path)}", "conformance/suite/auth/test_carriers.py",
        f"--baseline={known}", "--update-baseline", **TOKENS,
    )  # fmt: skip
    assert "[[known_failure]]" in known.read_text()
    assert leaks(known.read_text()) == []


def test_no_failing_control_command_tells_a_secret(suite: Suite, tmp_path: Path) -> None:
    failing = tmp_path / "control.py"
    failing.write_text("import sys\nprint('cannot', *sys.argv[1:], file=sys.stderr)\nsys.exit(1)\n")
    profile = profile_in(tmp_path)
    text = profile.read_text()
    command = ["{python}", str(failing), "--key", "canary-command-6b0d", "{action}", "{parameters}"]
    profile.write_text(f"{text.partition('[control]')[0]}[control]\ncommand = {json.dumps(command)}\n")
    done = suite(f"--profile={profile}", "conformance/suite/events", "-v", **TOKENS, timeout=200)
    written = {path.name: path.read_text() for path in sorted((tmp_path / "reports").glob("*.*"))}
    written |= {"terminal": done.stdout, "errors": done.stderr}
    assert "cannot --key" in written["conformance.json"], "the command was not run"
    assert {name: found[:3] for name, text in written.items() if (found := leaks(text))} == {}


def test_profile_that_init_writes_holds_no_secret(server: Callable[..., int], tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{server('plain')}/?key=canary-init-51ce&room=canary%2Dinit%2Droom"
    done = conformance(tmp_path, "init", url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert leaks(done.stdout + done.stderr + (tmp_path / "conformance.toml").read_text()) == []


def test_no_complaint_about_a_profile_holds_a_secret(tmp_path: Path) -> None:
    profile = profile_in(tmp_path)
    text = profile.read_text()
    for place, wrong in (
        ('echo = "/', 'echo = "no path '),
        ("anonymous = true", "anonymous = 7"),
        ("[carriers]", "[no_such_table]"),
    ):
        profile.write_text(text.replace(place, wrong))
        done = conformance(tmp_path, "run", f"--profile={profile}", "-k", "pong")
        assert done.returncode == 4, done.stdout + done.stderr
        assert leaks(done.stdout + done.stderr) == []
