"""What CI services run, run here: the recipe on the Django target, and the scripts of both templates."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from conformance.ports.waiting import accepts
from conformance.target.launch import free_port
from tests.conftest import ROOT

PING = "protocol/test_control_frames.py::test_unsolicited_pong_is_ignored"
RECIPE = ROOT / "ci" / "recipe"
DJANGO = ROOT / "targets" / "django_channels"
ECHO = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'tests' / 'servers' / 'echo.py'))}"
ONE_TEST = ("--time-scale=0.4", "-k", "test_unsolicited_pong_is_ignored")


def shell(script, folder, *arguments, **environment):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    return subprocess.run(
        ["bash", *script, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env=inherited | {"PYTHON": sys.executable} | environment,
    )  # fmt: skip


def verdict(folder):
    return json.loads((folder / "reports" / "conformance.json").read_text())["verdict"]["name"]


def test_recipe_starts_judges_and_stops_the_django_target(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    python = shlex.quote(sys.executable)
    start = (
        f"cd {shlex.quote(str(DJANGO))} && {python} manage.py prepare && "
        f"{python} -m daphne -v 0 -b 127.0.0.1 -p {port} permissions_site.asgi:application"
    )
    done = shell(
        [RECIPE], tmp_path, "--start", start, f"--server-url=ws://127.0.0.1:{port}", *ONE_TEST,
        DATABASE_PATH=str(tmp_path / "db.sqlite3"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("CONFORMANT (exit 0)")
    assert {"conformance.html", "conformance.json", "junit.xml", "conformance.md", "badge.svg"} <= {
        path.name for path in (tmp_path / "reports").iterdir()
    }
    assert not accepts(port)


def test_recipe_gives_the_verdict_of_a_broken_server(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    deaf = ECHO.replace("echo.py", "deaf_to_pings.py")
    done = shell(
        [RECIPE], tmp_path, "--start", f"{deaf} {port}", "--server-url", f"ws://127.0.0.1:{port}",
        "--time-scale=0.2", "-k", "ping_is_answered",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "non-conformant"
    assert not accepts(port)


@pytest.mark.parametrize(
    ("start", "code", "said"),
    [("echo so it goes; exit 3", 10, "so it goes"), ("sleep 30", 10, "nothing listens on ws://127.0.0.1:")],
)
def test_recipe_says_why_there_is_no_server(tmp_path: Path, start: str, code: int, said: str) -> None:
    url = f"ws://127.0.0.1:{free_port('127.0.0.1')}"
    done = shell([RECIPE], tmp_path, "--start", start, "--wait", "2", f"--server-url={url}")
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "reports").exists()


def test_recipe_does_not_judge_whoever_holds_the_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        url = f"ws://127.0.0.1:{holder.getsockname()[1]}"
        done = shell([RECIPE], tmp_path, "--start", "sleep 30", f"--server-url={url}")
    assert done.returncode == 4
    assert "already" in done.stderr


def block(name, begin):
    """Return the script under a line of a template: YAML's block scalar, read without a library."""
    text = (ROOT / name).read_text()
    after = text[text.index(begin) + len(begin) :].split("|\n", 1)[1]
    indent = len(after) - len(after.lstrip(" "))
    kept = itertools.takewhile(
        lambda line: not line.strip() or line.startswith(" " * indent), after.splitlines()
    )
    return textwrap.dedent("\n".join(kept))


def test_script_of_the_gitlab_template(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    script = block("ci/gitlab.yml", "stop it.").replace("/tmp/conformance/bin/python", sys.executable)
    done = shell(
        ["-euc", script], tmp_path, CONFORMANCE_URL=f"ws://127.0.0.1:{port}", CONFORMANCE_WAIT="20",
        CONFORMANCE_START=f"{ECHO} {port}", CONFORMANCE_OPTIONS=shlex.join(ONE_TEST),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "conformant"
    assert not accepts(port)


def test_script_of_the_github_action(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    (tmp_path / "conformance" / "bin").mkdir(parents=True)
    (tmp_path / "conformance" / "bin" / "python").symlink_to(sys.executable)
    script = block("action.yml", "OPTIONS: ${{ inputs.options }}").replace(
        '"$RUNNER_TEMP/conformance/bin/python"', shlex.quote(sys.executable)
    )
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    done = shell(
        ["-eo", "pipefail", "-c", script], tmp_path, START=f"{ECHO} {port}", WAIT="20", PROFILE="",
        SERVER_URL=f"ws://127.0.0.1:{port}", OPTIONS=shlex.join(ONE_TEST), RUNNER_TEMP=str(tmp_path),
        GITHUB_ACTION_PATH=str(ROOT), GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_ACTIONS="true",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert output.read_text() == "exit-code=0\n"
    assert summary.read_text().startswith("## ✓ WebSocket conformance: conformant")


def test_no_input_of_the_action_stands_in_a_script() -> None:
    text = (ROOT / "action.yml").read_text()
    scripts = re.findall(r"run: \|\n((?: {8}.*\n|\n)+)", text)
    assert len(scripts) == 2
    assert all("${{" not in script for script in scripts)
