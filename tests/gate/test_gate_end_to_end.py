"""The gate as a user meets it: the command, its exit code, its words, its file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Suite

PINGS = "conformance/suite/protocol/test_control_frames.py"
RULE = "framing.ping-pong"
NO_BROWSER = {"CONFORMANCE_BROWSER": "/nowhere"}
Server = Callable[..., int]
Gated = Callable[..., subprocess.CompletedProcess[str]]


def last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line with the verdict."""
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return next((line for line in done.stdout.splitlines() if "(exit " in line), "")


def line(done: subprocess.CompletedProcess[str], start: str) -> str:
    return next((one for one in done.stdout.splitlines() if one.startswith(start)), "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "baseline.toml"


@pytest.fixture
def gated(suite: Suite, server: Server, file: Path) -> Gated:
    """Run the Ping tests on a server that breaks one of their rules, by the baseline."""
    url = f"--server-url=ws://127.0.0.1:{server('deaf_to_pings')}"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return suite(url, f"--baseline={file}", PINGS, "--time-scale=0.3", *arguments)

    return run


def document(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "reports" / "conformance.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_baseline_is_written_tolerates_and_turns_red_again(
    gated: Gated, file: Path, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    missing = gated(*workers)
    assert missing.returncode == 4
    assert "no such file. Add --update-baseline" in missing.stderr
    made = gated("--update-baseline", *workers)
    assert made.returncode == 0, made.stdout
    assert "1 added, 0 removed" in line(made, "baseline written: ")
    text = file.read_text()
    assert f'requirement = "{RULE}"' in text

    kept = gated(*workers)
    assert kept.returncode == 0, kept.stdout
    assert RULE in line(kept, "known failure: ")

    file.write_text(text.replace("[125-bytes]: nothing", "[125-bytes]: two Pongs"))
    different = gated(*workers)
    assert different.returncode == 12
    assert "known failures that fail differently now: framing.ping-pong" in last(different)
    assert "now 'ping_is_answered_by_a_pong_with_its_payload[125-bytes]: nothing', not " in line(
        different, "failing differently: "
    )
    assert "failing differently" in (tmp_path / "reports" / "conformance.html").read_text()
    assert [one["kind"] for one in document(tmp_path)["gate"]["findings"]] == ["different"]

    file.write_text(text.replace("expires = 2", "expires = 1"))
    expired = gated(*workers)
    assert expired.returncode == 12
    assert "expired" in last(expired)

    file.write_text(text.replace("expires = 2", "expires = 1").replace('reason = "', 'reason = "Ours. '))
    assert gated("--update-baseline", *workers).returncode == 12, "an update does not prolong a day"
    assert 'reason = "Ours. ' in file.read_text()

    file.write_text(text.replace("\nowner", '\ntarget = "wss://elsewhere*"\nowner'))
    elsewhere = gated(*workers)
    assert elsewhere.returncode == 1
    assert "1 of 1 entries are for other targets" in elsewhere.stdout


def test_update_of_the_same_run_changes_nothing(gated: Gated, file: Path) -> None:
    gated("--update-baseline")
    text = file.read_text()
    assert "0 added, 0 removed, 0 with a new symptom, 1 in all" in gated("--update-baseline").stdout
    assert file.read_text() == text


def test_stale_unmatched_and_vanished_are_12_in_a_whole_run_and_the_update_prunes_them(
    suite: Suite, file: Path
) -> None:
    file.write_text(
        'requirements_version = "1.0"\n'
        f'[[known_failure]]\nrequirement = "{RULE}"\nreason = "was broken once"\n'
        '[[known_failure]]\nrequirement = "gone.since-then"\nreason = "was renamed"\n'
        '[[known_failure]]\nrequirement = "browser.order"\nreason = "no browser here"\n'
    )
    gate = (f"--baseline={file}", "--expect-applicable")
    part = suite(*gate, PINGS, **NO_BROWSER)
    assert part.returncode == 12, "a name that no requirement has is wrong in every run"
    assert last(part).endswith("entries that match nothing: gone.since-then.")
    whole = suite(*gate, **NO_BROWSER)
    assert whole.returncode == 12, whole.stdout
    assert f"known failures that now pass, remove them from baseline.toml: {RULE}." in last(whole)
    assert "entries that match nothing: gone.since-then, browser.order" in last(whole)
    assert "requirements that are no longer judged: " in last(whole)
    assert "no longer judged: framing.binary-message: " in whole.stdout

    pruned = suite(*gate, "--update-baseline", "-n", "2", **NO_BROWSER)
    assert pruned.returncode == 0, pruned.stdout
    assert "0 added, 3 removed" in line(pruned, "baseline updated: ")
    assert "[[known_failure]]" not in file.read_text()
    assert '"browser.order" = "' in file.read_text()


def test_later_suite_turns_no_green_build_red(server: Server, tmp_path: Path, file: Path) -> None:
    for name in ("conformance", "reference_server"):
        shutil.copytree(ROOT / name, tmp_path / "later" / name, ignore=shutil.ignore_patterns("__pycache__"))
    spec = tmp_path / "later" / "conformance" / "spec"
    rules, loader = spec / "requirements" / "protocol.toml", spec / "__init__.py"
    rule = f'id = "{RULE}"\n'
    assert rule in rules.read_text()
    rules.write_text(rules.read_text().replace(rule, f'{rule}since = "1.1"\n'))
    loader.write_text(loader.read_text().replace('VERSION = "1.0"', 'VERSION = "1.1"'))
    file.write_text('requirements_version = "1.0"\n')
    port = server("deaf_to_pings")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conformance", "run", "-q", f"--server-url=ws://127.0.0.1:{port}",
             f"--baseline={file}", "--time-scale=0.3", "-k", "test_control_frames", *arguments],
            cwd=tmp_path / "later", env=os.environ | {"PYTHONPATH": str(tmp_path / "later")},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    pinned = run()
    assert pinned.returncode == 0, pinned.stdout
    assert RULE in line(pinned, "new since requirements 1.0: ")
    file.write_text('requirements_version = "1.1"\n')
    assert run().returncode == 1


def test_unstable_verdict_is_10_and_says_how_often(
    suite: Suite, server: Server, tmp_path: Path, file: Path
) -> None:
    url = f"--server-url=ws://127.0.0.1:{server('moody')}"
    arguments = (url, PINGS, "--time-scale=0.3", "--repeat=6")
    done = suite(*arguments)
    assert done.returncode == 10, done.stdout
    assert RULE in last(done)
    assert "failed in 2 of 6, passed in 4 of 6" in line(done, f"could not be judged: {RULE}")
    shaky = [one["rounds"] for one in document(tmp_path)["tests"] if one["unstable"]]
    assert {"failed": 2, "passed": 4} in shaky
    assert suite(*arguments, f"--baseline={file}", "--update-baseline").returncode == 10
    assert RULE not in file.read_text()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_stable_verdict_is_the_same_when_repeated(
    suite: Suite, server: Server, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    url = f"--server-url=ws://127.0.0.1:{server('deaf_to_pings')}"
    done = suite(url, PINGS, "--time-scale=0.3", "--repeat=2", *workers)
    assert done.returncode == 1, done.stdout
    tests = document(tmp_path)["tests"]
    assert {sum(one["rounds"].values()) for one in tests} == {2}
    failed = [one["rounds"] for one in tests if one["outcome"] == "failed"]
    assert failed
    assert all(one == {"failed": 2} for one in failed)


def test_repeating_burns_more_tokens_than_there_are(suite: Suite) -> None:
    done = suite("conformance/suite/events/test_burned_tokens.py", "--repeat=3")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--update-baseline"], "--update-baseline: say which file with --baseline=FILE."),
        (["--repeat=0"], "--repeat 0: it must be 1 or more."),
        (["--baseline=."], "--baseline .: Is a directory."),
    ],
)
def test_wrong_option_is_4(suite: Suite, arguments: list[str], said: str) -> None:
    done = suite(PINGS, *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_unreachable_server_changes_no_baseline(suite: Suite, file: Path) -> None:
    file.write_text(
        text := f'requirements_version = "1.0"\n[[known_failure]]\nrequirement = "{RULE}"\nreason = "x"\n'
    )
    done = suite("--server-url=ws://127.0.0.1:1", PINGS, f"--baseline={file}", "--update-baseline")
    assert done.returncode == 10
    assert line(done, "baseline not written: ")
    assert file.read_text() == text
