"""One run over several processes of pytest-xdist.

The controller starts and probes the target once, when the workers have collected; they adopt it. What both
sides tell each other before the first test passes through a folder that only this user can read: the workers
write what they collected, the controller where the target is and by which secrets. Results come back as
attributes of reports, and the controller alone gives the verdict.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.core.errors import Inconclusive
from conformance.net.pace import WORKERS
from conformance.plugin.entry import SUITE
from conformance.plugin.judging import dress
from conformance.spec import requirements
from conformance.verdict.deciding import died_elsewhere
from conformance.verdict.result_data import TestResult

if TYPE_CHECKING:
    from conformance.plugin.run import Run

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, tests are not kept apart
    fcntl = None  # type: ignore[assignment]

# Tests that cause changes see each other's, and burn the same tokens; a run starts one browser.
CHANGING = frozenset({"story", "disposable", "burned", "browser"})
INPUT = "conformance"
OWES_RESET = "conformance_owes_reset"
_COLLECTED, _TARGET = "collected.json", "target.json"


class Unready(Exception):
    """There is no target, so that no test can run."""


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process runs tests for another that reports them."""
    return INPUT in getattr(config, "workerinput", {})


def group_of(item: pytest.Item) -> str:
    """Return what a test must share a process with: a name, or its own where it needs no company."""
    if not CHANGING.isdisjoint(getattr(item, "fixturenames", ())):
        return "changes"
    chapter = item.path.relative_to(SUITE).parts[0]
    return chapter if chapter in {"port_conflict", "robustness"} else item.nodeid


def _write(folder: Path, name: str, value: Any) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)  # its name cannot be guessed
    unfinished = folder / f"{name}.{os.getpid()}"
    unfinished.write_text(json.dumps(value), "utf-8")
    unfinished.replace(folder / name)


class Worker:
    """The worker's side: say what was collected, adopt the target, keep apart what must be alone."""

    def __init__(self, config: pytest.Config, ours: Callable[[pytest.Item], bool]) -> None:
        self.folder = Path(config.workerinput[INPUT])  # type: ignore[attr-defined]
        self.ours = ours

    def tell(self, items: Sequence[pytest.Item], *, partial: bool) -> None:
        """Tell the controller which tests are the suite's, and which belong together."""
        _write(
            self.folder,
            _COLLECTED,
            {"partial": partial, "groups": {one.nodeid: group_of(one) for one in items}},
        )

    def adopt(self, run: Run) -> None:
        """Take over the target of the controller."""
        run.adopt(json.loads((self.folder / _TARGET).read_text("utf-8")))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test that is marked ``alone`` while no other worker runs one.

        Returns:
            What the other plugins return.

        """
        if not self.ours(item):
            return (yield)
        with self._turn(alone=item.get_closest_marker("alone") is not None):
            return (yield)

    @contextlib.contextmanager
    def _turn(self, *, alone: bool) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        # Not filelock: its shared locks live in an SQLite file, and have no turnstile.
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        with (self.folder / "turnstile").open("wb") as turnstile, (self.folder / "room").open("wb") as room:
            # Whoever waits to be alone holds the turnstile, so that nobody slips in before.
            fcntl.flock(turnstile, kind)
            fcntl.flock(room, kind)
            fcntl.flock(turnstile, fcntl.LOCK_UN)
            yield


class Controller:
    """The controller's side: prepare the run once, hand it on, gather what comes back."""

    def __init__(
        self, config: pytest.Config, run_of: Callable[[pytest.Config], Run], ready: Callable[[Run], bool]
    ) -> None:
        self.config = config
        self.run_of = run_of
        self.ready = ready
        self.run: Run | None = None
        self.groups: Mapping[str, str] = {}
        self.owes_reset = False
        self.folder = Path(tempfile.gettempdir()) / f"conformance-{secrets.token_hex(16)}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where to say what it collected."""
        node.workerinput[INPUT] = str(self.folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """Start and probe the target when the first worker has collected tests of the suite.

        Raises:
            pytest.Session.Interrupted: there were errors during collection.
            Unready: there is no target.
            pytest.UsageError: more workers than may share a server on another machine.

        """
        del node
        told = self.folder / _COLLECTED
        if self.run is not None or not told.exists():
            return
        session = self.config.pluginmanager.getplugin("session")
        if (
            session is not None
            and session.testsfailed
            and not self.config.option.continue_on_collection_errors
        ):
            raise pytest.Session.Interrupted("errors during collection")
        collected = json.loads(told.read_text("utf-8"))
        self.groups = collected["groups"]
        self.run = run = self.run_of(self.config)
        run.results.expected_tests = len(self.groups)
        run.results.partial = run.results.partial or collected["partial"]
        if not self.ready(run):
            raise Unready
        workers = self.config.option.numprocesses or 0
        if run.polite and workers > WORKERS:
            raise pytest.UsageError(
                f"-n {workers}: at most {WORKERS} workers share a server on another machine. "
                f"Give -n {WORKERS}, or --intrusive."
            )
        _write(self.folder, _TARGET, run.share())
        self._schedule()

    def _schedule(self) -> None:
        """Distribute the suite's tests by their groups, whatever ``--dist`` is for the user's own."""
        from conformance.plugin.scheduling import GroupScheduling  # noqa: PLC0415 - needs pytest-xdist

        session = self.config.pluginmanager.getplugin("dsession")
        assert session is not None
        chosen = GroupScheduling(self.config, session.log, self.groups)
        for one in session.sched.nodes:
            chosen.add_node(one)
        session.sched = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """End as a run without workers does: without a target, or at the failure that ``-x`` stops at.

        Returns:
            What the other plugins return, or True without a target.

        Raises:
            KeyboardInterrupt: the run was interrupted.
            pytest.Session.Failed: ``-x`` or ``--maxfail`` stopped it.

        """
        try:
            return (yield)
        except Unready:
            return True
        except KeyboardInterrupt as stop:
            limit = self.config.option.maxfail
            if self.run is not None and limit and session.testsfailed >= limit:
                raise session.Failed(str(stop)) from None
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Judge a worker's report in the light of what all others said before."""
        run = self.run
        if run is None or report.nodeid not in self.groups:
            return
        data = getattr(report, "conformance", None)
        if data is not None:
            run.results.trouble = run.results.trouble or getattr(report, "conformance_trouble", "")
            result = TestResult(**data)
            if run.results.trouble:
                died_elsewhere(result)
                data["outcome"] = str(result.outcome)
            dress(report, run, result, requirements()[result.requirement])
        elif report.failed:
            run.results.suite_faults.append(f"{report.nodeid} (its worker process crashed)")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note a worker that crashed, and one that burned tokens."""
        self.owes_reset = self.owes_reset or bool(getattr(node, "workeroutput", {}).get(OWES_RESET))
        if self.run is not None and error and error != "keyboard-interrupt":
            self.run.results.suite_faults.append(f"worker {node.gateway.id}, which crashed")

    @pytest.hookimpl(tryfirst=True)  # before the reports are written
    def pytest_sessionfinish(self) -> None:
        """Put the results in the order of collection, and the target's tokens back."""
        if self.run is None:
            return
        found = self.run.results.tests
        self.run.results.tests = {one: found[one] for one in self.groups if one in found}
        target = self.run.target
        if self.owes_reset and target is not None:
            with contextlib.suppress(Inconclusive):
                asyncio.run(target.control.status("reset"))
            target.control.close()

    def pytest_unconfigure(self) -> None:
        """Remove what was shared."""
        shutil.rmtree(self.folder, ignore_errors=True)
