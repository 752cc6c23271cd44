"""What the controller of a run hands to its workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.run import Options, Run
from conformance.target.launch import Launcher
from conformance.target.probe import endpoint_of
from conformance.target.target import Capability, Target

PROFILE = """[target]
url = "ws://127.0.0.1:{port}"
start = ["{python}", "-c", "pass"]

[carriers]
offered = ["header"]

[credentials.alice]
user_id = 1
token = { env = "ALICE" }

[credentials.bob]
user_id = 2
token = { generate = "BOB" }
"""


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run that has probed its target, as far as a worker can tell."""
    monkeypatch.setenv("ALICE", "canary-of-alice")
    path = tmp_path / "conformance.toml"
    path.write_text(PROFILE)
    run = Run(Options(profile=path))
    run.launcher = Launcher(run.profile)
    run.url = run.launcher.url()
    run.target = Target(run.url, run.profile, endpoint_of(run.url, run.profile), run.recorder)
    run.target.default_token = "canary-of-alice"
    run.target.path = "/elsewhere"
    run.target.capabilities["session"] = Capability("session", present=True, evidence="it was seen")
    return run


def test_worker_sees_the_controllers_target(controller: Run) -> None:
    shared = json.loads(json.dumps(controller.share()))
    worker = Run(Options(profile=controller.profile.path))
    assert worker.profile.credentials["bob"].token != controller.profile.credentials["bob"].token
    worker.adopt(shared)
    assert worker.target is not None
    assert controller.target is not None
    for name in ("url", "path", "default_token", "limits", "capabilities", "endpoint.addresses"):
        found, wanted = worker.target, controller.target
        for part in name.split("."):
            found, wanted = getattr(found, part), getattr(wanted, part)
        assert found == wanted, name
    assert worker.id == controller.id
    assert worker.profile.credentials == controller.profile.credentials
    assert worker.launcher is not None
    assert worker.launcher.places == controller.launcher.places  # type: ignore[union-attr]
    token = worker.profile.credentials["bob"].token
    assert worker.clean(f"a text with {token}") == "a text with [secret]"
    worker.stop()
    controller.stop()


def test_secrets_of_the_user_are_not_shared(controller: Run) -> None:
    assert "canary-of-alice" not in json.dumps(controller.share())
    controller.stop()
