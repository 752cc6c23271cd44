"""Progress while the suite runs: one line that is rewritten on a terminal, one for each chapter in CI.

It stands in for pytest's dots where the suite alone is run, and leaves ``-v`` and mixed runs as they are.
rich's progress would write past pytest's reporter, and say nothing in a log before its end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable
from typing import Any

import pytest

from conformance.spec import requirements
from conformance.verdict.outcomes import Outcome

QUIET = 15.0
BAD = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.SUITE_FAULT)
_NAMES = {
    Outcome.FAILED: "failed",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.SUITE_FAULT: "broken in the suite",
}


class Progress:
    """Count results as they come in. ``chapters`` names the chapter of each test that will run."""

    def __init__(self, reporter: Any, chapters: Iterable[str], *, terminal: bool) -> None:
        self.reporter = reporter
        self.terminal = terminal
        self.total = Counter(chapters)
        self.done: Counter[str] = Counter()
        self.bad: dict[str, Counter[str]] = {name: Counter() for name in self.total}
        self._told = self._began = time.monotonic()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> Generator[None, tuple[str, str, Any], tuple[str, str, Any]]:
        """Let pytest count the suite's tests, and write no letter for them.

        Returns:
            What pytest would, without the letter.

        """
        status = yield
        return (status[0], "", "") if hasattr(report, "conformance") or report.when != "call" else status

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a result, and say how far the run has come."""
        data = getattr(report, "conformance", None)
        if data is None or report.when == "teardown":
            return
        chapter = requirements()[data["requirement"]].chapter
        self.done[chapter] += 1
        if data["outcome"] in BAD:
            self.bad.setdefault(chapter, Counter())[data["outcome"]] += 1
        self._tell(chapter)

    def pytest_runtest_logstart(self) -> None:
        """Show in a plain log that a long chapter is still at work."""
        if not self.terminal and time.monotonic() - self._told > QUIET:
            self._say(f"still running: {self.done.total()} of {self.total.total()} tests done")

    def _tell(self, chapter: str) -> None:
        if self.terminal:
            done, total = self.done.total(), self.total.total()
            text = f"{done}/{total}{f' {chapter}' if done < total else ''}{self._failures(self.bad)}"
            self.reporter.rewrite(text[: max(20, self.reporter._tw.fullwidth - 1)], erase=True)  # noqa: SLF001
        elif self.done[chapter] == self.total[chapter]:
            failures = self._failures([chapter])
            self._say(
                f"{chapter}: {self.done[chapter]} tests{failures} ({time.monotonic() - self._began:.0f} s)"
            )

    def _failures(self, chapters: Iterable[str]) -> str:
        """Return what went wrong in some chapters, or nothing."""
        sums = sum((self.bad.get(one, Counter()) for one in chapters), Counter[str]())
        return "".join(f", {sums[kind]} {_NAMES[kind]}" for kind in BAD if sums[kind])

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        self.reporter.write_line(line)


def show(config: pytest.Config, items: list[pytest.Item], chapters: Iterable[str], where: str) -> None:
    """Take the place of pytest's dots, where all tests are the suite's and nobody asked for more.

    Args:
        config: pytest's.
        items: all tests of the run.
        chapters: the chapter of each test of the suite.
        where: the server, for people.

    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    chapters = list(chapters)
    if reporter is None or config.get_verbosity() > 0 or len(chapters) != len(items):
        return
    reporter.showfspath = False
    if config.option.reportchars == "fE":  # pytest's own default: our summary names what failed already
        reporter.reportchars = ""
    reporter.write_line(f"{len(items)} tests against {where}")
    terminal = reporter.isatty and reporter.hasmarkup
    config.pluginmanager.register(Progress(reporter, chapters, terminal=terminal), "conformance-progress")
