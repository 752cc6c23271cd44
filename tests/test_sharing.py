"""What the controller of a run hands to its workers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conformance.net.pace import Pace
from conformance.plugin.run import Options, Run
from conformance.target.launch import Adopted, Launcher
from conformance.target.probe import endpoint_of
from conformance.target.snapshot import Capability
from conformance.target.target import Target

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
    run.target.learn(
        Capability("session", present=True, evidence="it was seen"),
        user="alice",
        echo_user="bob",
        path="/elsewhere",
    )
    return run


def test_worker_sees_the_controllers_target(controller: Run) -> None:
    shared = json.loads(json.dumps(controller.share()))
    worker = Run(Options(profile=controller.profile.path))
    assert worker.profile.credentials["bob"].token != controller.profile.credentials["bob"].token
    worker.adopt(shared)
    assert worker.target is not None
    assert controller.target is not None
    for name in ("url", "found", "default_token", "echo_token", "limits", "endpoint.addresses"):
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


@pytest.mark.parametrize("known", [True, False])
def test_worker_handles_the_target_as_the_controller_does(
    controller: Run, tmp_path: Path, *, known: bool
) -> None:
    target = controller.target
    assert target is not None
    if known:
        target.learn(server="Daphne", carrier="header")
        target.instance = Adopted(os.getpid(), tmp_path / "output", target.url, "a server")
        controller.pace = Pace(tmp_path)
    else:
        target.learn(user=None)
        assert controller.launcher is not None
        controller.launcher.close()
        controller.launcher = None
    named = None if known else str(target.url)
    worker = Run(Options(server_url=named, profile=controller.profile.path, strict=known))
    worker.adopt(json.loads(json.dumps(controller.share())))
    found = worker.target
    assert found is not None
    assert (found.profile, found.recorder, found.launcher) == (
        worker.profile,
        worker.recorder,
        worker.launcher,
    )
    assert (found.run_id, found.strict) == (controller.id, known)
    assert found.found == target.found
    assert found.default_token == target.default_token
    assert worker.results.gate.names == (str(found.url), "127.0.0.1", *(["Daphne"] if known else []))
    assert (worker.polite, found.endpoint.pace) == (known, worker.pace)
    if known:
        assert isinstance(found.instance, Adopted)
        assert worker.pace is not None
        assert worker.pace.folder == tmp_path
        assert (found.instance.pid, found.instance.output) == (os.getpid(), tmp_path / "output")
        assert (found.instance.url, found.instance.command) == (found.url, "a server")
    else:
        assert (found.instance, worker.launcher) == (None, None)
    worker.stop()
    controller.stop()
