"""The command: its usage, its exit codes, the incident, and what is documented about it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import psutil
import pytest

from conformance.commands.doctor import command
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.document import schema
from conformance.commands.doctor.walk import LAYERS
from tests.conftest import ROOT
from tests.doctor.asking import run


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://localhost/",),
        ("ws://user:canary@localhost/",),
        ("ws://localhost:1/#fragment",),
        ("ws://localhost:1/?token=canary#fragment",),
        ("ws://localhost:1/", "--timeout", "0"),
        ("ws://localhost:1/", "--timeout", "soon"),
        ("ws://localhost:1/", "--no-such-option"),
        ("ws://localhost:1/", "--profile", "no-such-file.toml"),
        ("wss://localhost:1/", "--ca-file", "no-such-file.pem"),
        ("ws://localhost:1/", "--origin", "https://app.example\r\nX: y"),
        ("ws://localhost:1/", "--subprotocol", "two words"),
    ],
)
def test_mistake_of_the_user_is_4(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 4, done
    assert 1 <= len(done.stderr.strip().splitlines()) <= 3
    assert "canary" not in done.stderr
    assert not done.stdout


def test_fault_of_the_doctor_is_no_diagnosis(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "document", lambda *_: {}["canary"])
    assert command.doctor(["ws://localhost:1/"]) == 11
    said = capsys.readouterr()
    assert "failed" in said.err
    assert "canary" not in said.out + said.err


def test_help_names_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    for code in ("0 ", "1 ", "4 ", "10 ", "11 "):
        assert re.search(rf"^  {code}", done.stdout, re.MULTILINE)


def test_profile_names_the_server_and_its_token_is_never_shown(tmp_path: Path) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text(
        '[target]\nurl = "ws://127.0.0.1:1"\n[carriers]\noffered = ["query"]\n'
        '[credentials.a]\nuser_id = 1\ntoken = { env = "T" }\n'
    )
    done = run(f"--profile={profile}", "--json", T="canary-token")
    assert json.loads(done.stdout)["url"] == "ws://127.0.0.1:1/"
    assert done.returncode == 1
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the incident is rebuilt by SO_REUSEPORT")
def test_incident_is_told_and_cleared_up() -> None:
    done = run("--demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "404 Not Found" in done.stdout
    assert "cause port.shared" in done.stdout
    assert "Healthy" in done.stdout
    (port,) = set(re.findall(r"ws://127\.0\.0\.1:(\d+)/", done.stdout))
    left = [one for one in psutil.process_iter(["cmdline"]) if port in " ".join(one.info["cmdline"] or [])]
    assert not left


def test_every_cause_is_documented_and_named_somewhere() -> None:
    text = (ROOT / "docs" / "doctor.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z]+\.[a-z0-9-]+)` \| (.+) \|$", text, re.MULTILINE))
    assert documented == {str(cause): cause.meaning for cause in Cause}
    code = "".join(one.read_text() for one in (ROOT / "conformance" / "commands" / "doctor").glob("*.py"))
    unused = [cause for cause in Cause if not re.search(rf"\bCause\.{cause.name}\b", code)]
    assert not unused


def test_schema_names_the_layers_of_the_walk() -> None:
    assert schema()["definitions"]["layer"]["properties"]["layer"]["enum"] == list(LAYERS)
