"""Run the suite against a server that is wrong on purpose, and say what it made of it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.fuzz import search
from conformance.spec import Requirement
from tests.defects.registry import Defect
from tests.redis_server import redis_server

ROOT = Path(__file__).parents[2]
SUITE = "conformance/suite"
BOUND = 180.0
READY = 30.0  # seconds in which a server has to listen, also on a busy machine
ENDED = "ended.json"

# Each suite is a process of its own, forked from one that has imported what they all import.
PROCESSES = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
PROCESSES.set_forkserver_preload(["tests.defects.preload"])
# A few tests of every other chapter: a defect must not be blamed for what it does not break.
SAMPLE = (
    "protocol/test_control_frames.py::test_unsolicited_pong_is_ignored",
    "session/test_confirmation.py::test_confirmation_comes_once",
    "auth/test_carriers.py::test_groups_are_the_users",
    "routing/test_methods.py::test_plain_get_is_no_websocket",
    "events/test_delivery.py::test_event_has_one_event_id_on_all_connections",
    "port_conflict/test_owners.py",
)
# What the reference server never has: a certificate.
NEVER = ("browser.certificate", "browser.untrusted-certificate")
BAD = ("failed", "failed-strict-only", "advised", "inconclusive")
# How the terminal calls what a defect amounts to.
WORDS = {"failed": "FAILED", "failed-strict-only": "strict only", "advised": "advised"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its exit status, what it printed, its report, and the seconds that it took.

    The exit status is below 0 where it did not end by itself. ``processor`` counts the server's time too.
    """

    exit_code: int
    printed: str
    report: Mapping[str, Any]
    seconds: float = 0.0
    processor: float = 0.0

    def by_requirement(self, *outcomes: str) -> dict[str, str]:
        """Return the requirements with one of these outcomes, and why."""
        rows = self.report.get("requirements", ())
        return {row["id"]: f"{row['outcome']}: {row['reason']}" for row in rows if row["outcome"] in outcomes}


def run(
    name: str,
    files: Iterable[str],
    *,
    replacing: Mapping[str, str] | None = None,
    time_scale: float = 0.2,
    sample: bool = True,
) -> Outcome:
    """Run tests of the suite against the reference server with a defect or another manner."""
    text = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    changes = {
        '"-m", "reference_server"': f'"-m", "tests.defects.serve", "{name}"',
        "[target]\n": f"[target]\nready_timeout = {READY / time_scale:g}\n",
        **(replacing or {}),
    }
    return run_with(text, files, replacing=changes, time_scale=time_scale, sample=sample)


def run_with(
    profile: str,
    files: Iterable[str],
    *,
    replacing: Mapping[str, str] | None = None,
    time_scale: float = 0.2,
    sample: bool = False,
) -> Outcome:
    """Run tests of the suite with a profile, in which texts are replaced."""
    for old, new in {'cwd = ".."': f"cwd = {json.dumps(str(ROOT))}", **(replacing or {})}.items():
        assert old in profile, f"the profile has no {old!r}"
        profile = profile.replace(old, new)
    chosen = [*files]
    if sample:
        parts = [one.split("::")[0] for one in chosen]
        chosen += [one for one in SAMPLE if not any(one.startswith(part) for part in parts)]
    with tempfile.TemporaryDirectory(prefix="defects-") as folder:
        path = Path(folder, "conformance.toml")
        path.write_text(profile, "utf-8")
        arguments = [
            "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider",
            f"--profile={path}", f"--report-dir={folder}", f"--time-scale={time_scale:g}",
            *(f"{SUITE}/{one}" for one in chosen),
        ]  # fmt: skip
        late, printed = _finished(arguments, Path(folder))
        # The process's own exit code is not asked: another thread that starts one may have read it already.
        ended = {"exit_code": -1} if late else {"exit_code": -2} | _read(folder, ENDED)
        return Outcome(printed=printed, report=_read(folder, "conformance.json"), **ended)


def _read(folder: str, name: str) -> dict[str, Any]:
    with contextlib.suppress(OSError):
        found: dict[str, Any] = json.loads(Path(folder, name).read_text("utf-8"))
        return found
    return {}


def _finished(arguments: list[str], folder: Path) -> tuple[bool, str]:
    output = folder / "output.txt"
    process = PROCESSES.Process(target=_suite, args=(arguments, output))
    process.start()
    process.join(BOUND)
    late = process.is_alive()
    if late:
        process.terminate()  # the suite stops its server on SIGTERM
        process.join(30)
        process.kill()
        process.join()
    printed = output.read_text("utf-8", errors="replace") if output.exists() else ""
    return late, f"{printed}\nit did not end within {BOUND:g} s" if late else printed


def _suite(arguments: list[str], output: Path) -> None:
    with output.open("wb") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    os.chdir(ROOT)
    for name in [one for one in os.environ if one.startswith("PYTEST_")]:
        del os.environ[name]
    # Servers by the hundred are started from the same few modules: they are compiled once.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    search.SEARCH_SECONDS = BOUND / 2  # all examples are drawn, also on a busy machine
    began, before = time.monotonic(), sum(os.times()[:4])
    ended = {
        "exit_code": int(pytest.main(arguments)),
        "seconds": time.monotonic() - began,
        "processor": sum(os.times()[:4]) - before,
    }
    output.with_name(ENDED).write_text(json.dumps(ended), "utf-8")


def judged(defect: Defect) -> Outcome:
    """Run the suite against a defect, with a Redis of its own where its profile names ``{redis}``."""
    with contextlib.ExitStack() as stack:
        profile = dict(defect.profile)
        if any("{redis}" in new for new in profile.values()):
            url = stack.enter_context(redis_server())
            profile = {old: new.replace("{redis}", url) for old, new in profile.items()}
        return run(
            f"{defect.module}.{defect.name}",
            defect.files,
            replacing=profile,
            time_scale=defect.time_scale,
            sample=defect.sample,
        )


def complaints(defect: Defect, rule: Requirement, outcome: Outcome) -> list[str]:
    """Return what is wrong with the suite's verdict about a defect; nothing when it is right."""
    wrong = []
    wanted = "advised" if rule.advisory else "failed-strict-only" if rule.strict_only else "failed"
    bad = outcome.by_requirement(*BAD)
    if not bad.get(defect.requirement, "").startswith(f"{wanted}:"):
        wrong.append(f"{defect.requirement} is not {wanted}: {bad.get(defect.requirement, 'it passed')}")
    if f"{WORDS[wanted]}: {defect.requirement} (" not in outcome.printed:
        wrong.append(f"the terminal does not name {defect.requirement} as {wanted}")
    if wanted == "failed" and f"{defect.requirement} · {rule.level}" not in outcome.printed:
        wrong.append(f"no failure's text names {defect.requirement}")
    wrong += [
        f"{name} went down with it: {why}"
        for name, why in bad.items()
        if name != defect.requirement and name not in defect.companions
    ]
    judged_at_all = outcome.by_requirement("passed", "observed")
    wrong += [f"the companion {one} was not harmed" for one in defect.companions if one in judged_at_all]
    lost = [] if defect.profile else outcome.by_requirement("not-applicable")
    kept = {*defect.companions, *NEVER}
    wrong += [f"{one} became not applicable" for one in lost if one not in kept]
    failed = wanted == "failed" or any(why.startswith("failed:") for why in bad.values())
    if outcome.exit_code != int(failed):
        reason = outcome.report.get("verdict", {}).get("reason", "it wrote no report")
        wrong.append(f"exit status {outcome.exit_code}, expected {int(failed)}: {reason}")
    return wrong
