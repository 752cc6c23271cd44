"""`conformance init`: a profile to start from, for servers of every kind."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.target.launch import free_port, launched
from conformance.target.profile import load
from tests.conftest import ROOT, Suite

SMOKE = ("conformance/suite/protocol/test_control_frames.py", "conformance/suite/session/test_heartbeat.py")


def init(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "conformance", "init", *arguments],
        cwd=cwd, env=None, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def written_for(url: str, folder: Path) -> tuple[dict, str]:
    """Write a server's profile, and return it with its text."""
    path = folder / "conformance.toml"
    done = init(url, f"--output={path}")
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    text = path.read_text()
    load(path)
    return tomllib.loads(text), text


@pytest.mark.parametrize("target", ["reference_server", "targets/django_channels"])
def test_permissions_server(suite: Suite, tmp_path: Path, target: str) -> None:
    with launched(load(ROOT / target / "conformance.toml")) as (_, instance):
        found, text = written_for(str(instance.url), tmp_path)
        assert found["target"] == {"url": str(instance.url), "anonymous": True, "no_origin": "accept"}
        assert found["carriers"]["offered"] == ["query", "header", "subprotocol", "cookie"]
        assert "heartbeats are answered" in text
        assert "role_updates" in text
        assert "name the good ones" in text
        assert ('# family = ["daphne"]' in text) == (target == "targets/django_channels")
        done = suite(f"--profile={tmp_path / 'conformance.toml'}", *SMOKE)
    assert done.returncode == 0, done.stdout[-3000:]


def test_plain_echo_server(suite: Suite, server: Callable[..., int], tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{server('plain')}/echo"
    found, text = written_for(url, tmp_path)
    assert found == {"target": {"url": url, "no_origin": "accept"}}
    assert "texts come back: an echo" in text
    assert "any page may connect" in text
    done = suite(f"--profile={tmp_path / 'conformance.toml'}", *SMOKE)
    assert done.returncode == 0, done.stdout[-3000:]


def test_backend_with_other_names_is_shown_its_first_message(tmp_path: Path) -> None:
    profile = load(ROOT / "targets" / "other_names" / "conformance.toml")
    with launched(profile) as (_, instance):
        found, text = written_for(f"{instance.url}socket", tmp_path)
    assert "[dialect" not in found
    assert '# connection_confirmed = "welcome"' in text
    assert found["carriers"]["offered"] == ["query"]


def test_every_commented_key_is_a_key(server: Callable[..., int], tmp_path: Path, monkeypatch) -> None:
    for name in ("ALICE_TOKEN", "BOB_TOKEN", "EXPIRED_TOKEN"):
        monkeypatch.setenv(name, f"{name}-value")
    _, text = written_for(f"ws://127.0.0.1:{server('plain')}", tmp_path)
    keys = [line.removeprefix("# ") for line in text.splitlines()]
    keys = [line for line in keys if line.startswith("[") or " = " in line.split(":")[0]]
    for doubled in ('url = "ws://127.0.0.1:{port}"', 'command = ["python"', 'python = "my_control'):
        keys = [line for line in keys if not line.startswith(doubled)]
    path = tmp_path / "undone.toml"
    path.write_text("\n".join(keys).replace('["my-server", "--port", "{port}"]', '["x"]'))
    profile = load(path)
    assert set(profile.credentials) == {"alice", "bob"}
    assert profile.control_http
    assert profile.known_failures


def test_file_that_is_there_is_kept(server: Callable[..., int], tmp_path: Path) -> None:
    path = tmp_path / "conformance.toml"
    path.write_text("mine")
    url = f"ws://127.0.0.1:{server('plain')}"
    done = init(url, cwd=tmp_path)
    assert done.returncode == 4
    assert "is there already: --force" in done.stderr
    assert path.read_text() == "mine"
    assert init(url, "--force", cwd=tmp_path).returncode == 0
    assert url in path.read_text()


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("ws://127.0.0.1:{free}", 10, "no connection to ws://127.0.0.1:"),
        ("ws://no-such-host.invalid", 10, "does not resolve"),
        ("localhost:8000", 4, "the scheme 'localhost'"),
        ("ws://127.0.0.1:{free}/?token=abc", 10, "no connection to ws://127.0.0.1:"),
        ("ws://127.0.0.1/?token=abc#top", 4, "a WebSocket URL has no fragment"),
    ],
)
def test_what_is_no_server_is_said_in_a_line(tmp_path: Path, url: str, code: int, said: str) -> None:
    done = init(url.replace("{free}", str(free_port("127.0.0.1"))), cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "abc" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not list(tmp_path.iterdir())


def test_http_server_without_websocket_is_10(server: Callable[..., int], tmp_path: Path) -> None:
    port = server(sys.executable, "-m", "http.server", "-b", "127.0.0.1", "PORT")
    done = init(f"ws://127.0.0.1:{port}", cwd=tmp_path)
    assert done.returncode == 10
    assert "/ was answered 'HTTP/1.0 200 OK' by 'SimpleHTTP" in done.stderr
    assert "No profile was written" in done.stderr
