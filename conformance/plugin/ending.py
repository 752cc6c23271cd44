"""The end of a run: the reports, the verdict on the terminal, and the exit status."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from conformance.core.errors import UsageProblem
from conformance.core.printable import printable
from conformance.plugin.entry import guest_of
from conformance.plugin.run import Run
from conformance.plugin.stash import RUN, VERDICT
from conformance.plugin.workers import is_worker
from conformance.report import ci
from conformance.report.console import summary_lines


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports and turn the verdict into the exit status."""
    run = session.config.stash.get(RUN, None)
    if run is None or not run.results.expected_tests or session.config.option.collectonly:
        return
    if is_worker(session.config):
        return
    ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    run.complete = ended and not session.shouldstop
    written = _written(run, run.update_baseline)
    if run.results.trouble or (ended and run.results.tests):
        session.exitstatus = run.results.verdict().exit_code
    if not (_written(run, run.write_reports) and written):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    _spare_hypothesis(session.config)


def _spare_hypothesis(config: pytest.Config) -> None:
    """Take out Hypothesis's plugin where nobody used it: it would load all of Hypothesis to say nothing."""
    plugin = config.pluginmanager.getplugin("hypothesispytest")
    if plugin is not None and "hypothesis" not in sys.modules:
        config.pluginmanager.unregister(plugin)


def _written(run: Run, write: Callable[[], None]) -> bool:
    try:
        write()
    except UsageProblem as problem:
        run.results.trouble = str(problem)
        return False
    return True


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Say the verdict, what broke, and where the reports are.

    Args:
        terminalreporter: pytest's.
        exitstatus: of the run.
        config: pytest's.

    """
    run = config.stash.get(RUN, None)
    if run is None or not run.results.expected_tests or config.option.collectonly:
        return
    terminalreporter.section("conformance", sep="=")
    for line in guest_of(config).misgiven(config):
        terminalreporter.write_line(line)
    lines = summary_lines(run, int(exitstatus))
    for line in lines[:-1]:
        terminalreporter.write_line(printable(run.clean(line)))
    for line in ci.tell(run.made, os.environ) if run.made else ():
        terminalreporter.write_line(line)
    config.stash[VERDICT] = printable(run.clean(lines[-1]))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say the verdict below all that pytest had to say, and stop what the run started, also after Ctrl-C."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and VERDICT in config.stash:
        reporter.write_line(config.stash[VERDICT])
    run = config.stash.get(RUN, None)
    if run is not None:
        run.stop()
        gc.unfreeze()
