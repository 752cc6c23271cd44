"""Several nodes, end to end: on a real Redis, started by the suite or given by their URLs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.target.launch import free_port
from tests.conftest import ROOT, Suite
from tests.redis_server import TWO_NODES, redis_server
from tests.test_targets import DJANGO, outcomes

NODES = "conformance/suite/events/test_nodes.py"
TYPES = "conformance/suite/events/test_types.py"
REFERENCE = ROOT / "reference_server" / "conformance.toml"
ACROSS = "events.across-nodes"


@pytest.fixture
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


def across(folder: Path) -> set[str]:
    """Return the outcomes of what is judged about nodes."""
    return {outcome for name, outcome in outcomes(folder).items() if name.startswith(ACROSS)}


def replaced(text: str, changes: dict[str, str], **values: str) -> str:
    for old, new in changes.items():
        assert old in text, old
        filled = new
        for name, value in values.items():
            filled = filled.replace("{" + name + "}", value)
        text = text.replace(old, filled)
    return text


def test_reference_server_of_two_nodes_is_conformant(suite: Suite, tmp_path: Path, redis_url: str) -> None:
    changes = TWO_NODES | {'cwd = ".."': f"cwd = {json.dumps(str(ROOT))}"}
    profile = tmp_path / "nodes.toml"
    profile.write_text(replaced(REFERENCE.read_text("utf-8"), changes, redis=redis_url), "utf-8")
    done = suite(f"--profile={profile}", "conformance/suite/events", timeout=200)
    assert done.returncode == 0, done.stdout[-4000:]
    assert across(tmp_path) == {"passed"}


def test_django_of_two_nodes_on_channels_redis_is_conformant(
    suite: Suite, tmp_path: Path, redis_url: str
) -> None:
    changes = {
        'cwd = "."': f"cwd = {json.dumps(str(DJANGO.parent))}",
        'url = "ws://127.0.0.1:{port}"': 'url = "ws://127.0.0.1:{port}"\nnodes = ["ws://127.0.0.1:{port2}"]',
        'CONTROL_ENABLED = "1"': f'CONTROL_ENABLED = "1", CHANNEL_LAYER_REDIS_URL = "{redis_url}"',
    }
    profile = tmp_path / "nodes.toml"
    profile.write_text(replaced(DJANGO.read_text("utf-8"), changes), "utf-8")
    done = suite(f"--profile={profile}", NODES, TYPES, timeout=200)
    assert done.returncode == 0, done.stdout[-4000:]
    assert across(tmp_path) == {"passed"}


def test_nodes_that_run_already_are_given_by_their_urls(
    suite: Suite, server: Callable[..., int], tmp_path: Path, redis_url: str
) -> None:
    control = free_port("127.0.0.1")
    command = [sys.executable, "-m", "reference_server", "--host", "127.0.0.1", "--port", "PORT"]
    ports = [
        server(*command, "--redis", redis_url, "--control-port", str(control)),
        server(*command, "--redis", redis_url),
    ]
    profile = tmp_path / "running.toml"
    profile.write_text(
        f"""
        [control]
        http = "http://127.0.0.1:{control}/control"
        [carriers]
        offered = ["header"]
        [credentials.alice]
        user_id = 1
        token = {{ env = "TOKEN" }}
        """
    )
    urls = [f"--server-url=ws://127.0.0.1:{port}" for port in ports]
    done = suite(*urls, f"--profile={profile}", NODES, timeout=100, TOKEN="alice-demo-token")
    assert done.returncode == 0, done.stdout[-4000:]
    assert across(tmp_path) == {"passed", "not-applicable"}  # one user, and none whose token may be burned


def test_servers_that_are_no_nodes_of_one_backend_are_told_so(
    suite: Suite, server: Callable[..., int], tmp_path: Path
) -> None:
    control = free_port("127.0.0.1")
    command = [sys.executable, "-m", "reference_server", "--host", "127.0.0.1", "--port", "PORT"]
    ports = [server(*command, "--control-port", str(control)), server(*command)]
    profile = tmp_path / "running.toml"
    profile.write_text(
        f'[control]\nhttp = "http://127.0.0.1:{control}/control"\n[carriers]\noffered = ["header"]\n'
        '[credentials.alice]\nuser_id = 1\ntoken = { env = "TOKEN" }\n'
    )
    urls = [f"--server-url=ws://127.0.0.1:{port}" for port in ports]
    chosen = f"{NODES}::test_change_through_one_node_is_announced_on_every_other[permission-changed]"
    done = suite(
        *urls, f"--profile={profile}", chosen, "--time-scale=0.1", timeout=100, TOKEN="alice-demo-token"
    )
    assert done.returncode == 1, done.stdout[-4000:]
    assert outcomes(tmp_path)[ACROSS] == "failed"


def test_node_url_that_is_none_is_a_usage_error(suite: Suite) -> None:
    done = suite("--server-url=ws://127.0.0.1:1", "--server-url=nowhere", NODES)
    assert done.returncode == 4
    assert "'nowhere'" in done.stdout + done.stderr
