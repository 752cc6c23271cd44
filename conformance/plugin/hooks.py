"""The pytest plugin's hooks. It leaves every test but the suite's own alone.

:mod:`conformance.plugin.entry` loads it when a test of the suite is collected.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import signal
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable, UsageProblem
from conformance.core.printable import printable
from conformance.plugin.beginning import given, run_of
from conformance.plugin.ending import pytest_sessionfinish, pytest_terminal_summary, pytest_unconfigure
from conformance.plugin.entry import EARLY, SUITE
from conformance.plugin.fixtures import plan, target
from conformance.plugin.judging import dress, judged
from conformance.plugin.mending import Mender, unmended
from conformance.plugin.progress import show
from conformance.plugin.repeat import repeat
from conformance.plugin.run import Run
from conformance.plugin.stash import MENDER, PARTIAL, REQUIREMENT, UNMENDED
from conformance.plugin.tests_page import (
    pytest_html_report_title,
    pytest_html_results_table_header,
    pytest_html_results_table_html,
    pytest_html_results_table_row,
)
from conformance.plugin.workers import Controller, Worker, is_worker
from conformance.spec import NEEDS, Requirement, requirements
from conformance.target.liveness import Sign
from conformance.target.target import Target
from conformance.verdict.deciding import died, may_have_died, tolerate
from conformance.verdict.outcomes import Outcome

WORKER = "conformance-worker"

__all__ = [
    "plan",
    "pytest_html_report_title",
    "pytest_html_results_table_header",
    "pytest_html_results_table_html",
    "pytest_html_results_table_row",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_unconfigure",
    "target",
]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and check a URL that was given before anything else happens."""
    config.addinivalue_line("markers", "requirement(id): the requirement that a conformance test judges")
    config.addinivalue_line("markers", "smoke: the few tests that tell in seconds whether anything works")
    config.addinivalue_line("markers", "intrusive: a flood or a large body, not for other people's servers")
    config.addinivalue_line("markers", "alone: a test beside which no worker of pytest-xdist may run another")
    config.addinivalue_line(
        "markers",
        "judges_fault(where): a test that judges a server whose first handshake, or frames, are wrong",
    )
    if is_worker(config):
        config.pluginmanager.register(Worker(config, lambda item: REQUIREMENT in item.stash), WORKER)
    elif getattr(config.option, "dist", "no") != "no":
        config.pluginmanager.register(Controller(config, run_of, ready), "conformance-controller")
    option = given(config)
    if any(option[name] for name in EARLY) or option["repeat"] != 1:
        run_of(config)


def belongs(path: Path) -> bool:
    """Return whether a file is part of the suite."""
    return path.is_relative_to(SUITE)


# Collecting.


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makemodule(module_path: Path) -> Generator[None, Any, Any]:
    """Run the suite's modules on one event loop for the whole session, whatever the user's ini says.

    Returns:
        The module.

    """
    module = yield
    if module is not None and belongs(module_path):
        module.add_marker(pytest.mark.asyncio(loop_scope="session"))
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its requirement; a test without one, or with an unknown one, is an error."""
    for item in items:
        if belongs(item.path):
            item.stash[REQUIREMENT] = requirement_of(item)


def requirement_of(item: pytest.Item) -> Requirement:
    """Return the requirement that a test names.

    Raises:
        pytest.UsageError: it names none, or one that does not exist.

    """
    marker = item.get_closest_marker("requirement")
    if marker is None or len(marker.args) != 1:
        raise pytest.UsageError(f"{item.nodeid}: every test of the suite names one requirement in its marker")
    found = requirements().get(marker.args[0])
    if found is None:
        raise pytest.UsageError(f"{item.nodeid}: there is no requirement {marker.args[0]!r}")
    return found


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember that the run is partial, so that a known failure is not called stale."""
    if items and belongs(items[0].path):
        items[0].config.stash[PARTIAL] = True


# Running.


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test as often as ``--repeat`` says, and report it once.

    Returns:
        True where the test was run here.

    """
    if item.config.option.conformance_repeat == 1 or REQUIREMENT not in item.stash:
        return None
    run, requirement = run_of(item.config), item.stash[REQUIREMENT]
    repeat(item, nextitem, run.options.repeat, lambda report, one: dress(report, run, one, requirement))
    return True


@pytest.hookimpl(wrapper=True, specname="pytest_runtest_protocol")
def pytest_mending_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where the server died in a test, find out whether it dies of it, and go on with a fresh one.

    Returns:
        What the other plugins return.

    """
    done = yield
    if REQUIREMENT in item.stash and not is_worker(item.config):
        why = mender_of(item.config).after(item)
        _stop(item, run_of(item.config), why, "stopped answering")
    return done


def mender_of(config: pytest.Config) -> Mender:
    """Return what starts the run's server anew."""
    if MENDER not in config.stash:
        config.stash[MENDER] = Mender(run_of(config))
    return config.stash[MENDER]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell the process that this one works for what was collected."""
    ours = [item for item in session.items if REQUIREMENT in item.stash]
    worker = session.config.pluginmanager.getplugin(WORKER)
    if ours and worker is not None:
        worker.tell(ours, partial=_partial(session, ours))
    if ours:
        gc.freeze()  # what was imported and collected stays: no collection has to look through it again


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Start and probe the target before the first test; without a target there is nothing to run.

    Returns:
        True where there is nothing to run.

    """
    ours = [item for item in session.items if REQUIREMENT in item.stash]
    if not ours or session.config.option.collectonly or session.testsfailed or is_worker(session.config):
        return None
    run = run_of(session.config)
    run.results.expected_tests = len(ours)
    run.results.partial = _partial(session, ours)
    if not ready(run):
        return True
    where = printable(run.clean(str(run.url)))
    show(session.config, session.items, [item.stash[REQUIREMENT].chapter for item in ours], where)
    return None


def ready(run: Run) -> bool:
    """Start and probe the target. Why there is none is kept as the run's trouble.

    Returns:
        Whether there is one.

    Raises:
        pytest.UsageError: a mistake in the profile shows only now.

    """
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        run.prepare()
    except UsageProblem as problem:
        raise pytest.UsageError(printable(str(problem))) from None
    except Inconclusive as error:
        run.results.trouble = printable(run.clean(str(error))).rstrip(".") + "."
    return not run.results.trouble


def _partial(session: pytest.Session, ours: list[pytest.Item]) -> bool:
    return session.config.stash.get(PARTIAL, False) or not _whole_suite(session, ours)


def _whole_suite(session: pytest.Session, ours: list[pytest.Item]) -> bool:
    return {item.path for item in ours} == set(SUITE.rglob("test_*.py")) and "::" not in " ".join(
        session.config.args
    )


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin a test's record; what the target neither has nor claims is not applicable.

    Raises:
        NotApplicable: the target has not what the requirement needs, or the run may not be intrusive.
        Nonconformance: the profile claims what the target has not.

    """
    requirement = item.stash.get(REQUIREMENT, None)
    if requirement is None:
        return
    run = run_of(item.config)
    if run.target is None:
        item.config.pluginmanager.getplugin(WORKER).adopt(run)
    assert run.target is not None
    run.target.limits = run.patience.limits(requirement.id, run.target.limits)
    run.recorder.begin()
    run.recorder.record.printed = run.printed_size()
    run.target.test_id = (
        item.nodeid.split("[")[0].rsplit("/", 1)[-1].encode("ascii", "replace").decode()[:100]
    )
    _spare_what_is_broken(item, run.target)
    if run.polite and item.get_closest_marker("intrusive") is not None:
        raise NotApplicable("intrusive: give --intrusive")
    for need in requirement.needs:
        capability = run.target.capabilities.get(need)
        if capability is None or not capability.present:
            evidence = capability.evidence if capability else "not probed"
            if capability is not None and capability.claim == requirement.id:
                raise Nonconformance(
                    f"the profile claims {NEEDS[need]}, but it is not there",
                    expected=[NEEDS[need]],
                    actual=evidence,
                )
            raise NotApplicable(f"needs {need}: {evidence}")


def _spare_what_is_broken(item: pytest.Item, target: Target) -> None:
    """Let a target that answers wrongly from the first byte on be judged by the tests of just that fault.

    Raises:
        Inconclusive: this test is not one of those.

    """
    if target.found.fault is None:
        return
    marker = item.get_closest_marker("judges_fault")
    if marker is None or target.found.fault_in not in marker.args:
        raise Inconclusive(f"it cannot be judged: {target.found.fault}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Leave no connection of a test open: one that fails midway does not come to close its own."""
    target = run_of(item.config).target if REQUIREMENT in item.stash else None
    with target.tidied() if target is not None else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(tryfirst=True, specname="pytest_runtest_makereport")
def pytest_verdict_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    """Spare pytest the traceback of a verdict: it is told in words of its own, and `dress` puts them in.

    Returns:
        The report; ``None`` where pytest makes it.

    """
    error = call.excinfo.value if call.excinfo is not None else None
    if REQUIREMENT not in item.stash or not isinstance(error, Nonconformance | Inconclusive | NotApplicable):
        return None
    told = copy.copy(call)
    told.excinfo = None
    return pytest.TestReport.from_item_and_call(item, told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn what a test raised into an outcome, and keep what it recorded.

    Returns:
        The report.

    """
    report = yield
    requirement = item.stash.get(REQUIREMENT, None)
    if requirement is None or (call.when != "call" and call.excinfo is None):
        return report
    run = run_of(item.config)
    result = judged(run, item, call, requirement)
    if may_have_died(result, ended=run.ended) and (why := _stop_if_dead(item, run)):
        died(result, run.clean(why))  # the run's verdict names the test
        if item.stash.get(UNMENDED, None):
            result.charges = [*result.charges, unmended(item.nodeid, run.clean(why))]
    if not run.results.trouble and run.target is not None:
        why = run.patience.lost(result.outcome, result.told, run.target.limits.reply)
        _stop(item, run, why, "gave nothing to judge")
    tolerate(result, run.results.tolerates)
    run.patience.waited(result.requirement, result.outcome, call.duration)
    report.conformance = result.as_data()  # type: ignore[attr-defined]
    report.conformance_trouble = run.results.trouble  # type: ignore[attr-defined]
    dress(report, run, result, requirement)
    return report


def _stop_if_dead(item: pytest.Item, run: Run) -> str:
    """Return why the target answers nobody any more, if so; stop the session where it cannot be mended."""
    if run.results.trouble:
        return run.results.trouble
    dead = run.why_dead()
    if dead is None:
        return ""
    if dead.sign is Sign.REFUSES and item.stash[REQUIREMENT].chapter == "port":
        return ""  # that another service answers now and then is what this chapter judges
    why = str(dead)
    # A server that refuses everybody lives: to start it anew would not tell why.
    mendable = dead.sign is not Sign.REFUSES and not is_worker(item.config)
    mender = mender_of(item.config) if mendable else None
    if mender is not None and mender.able:
        if mender.died(item.nodeid, why):
            run.results.deaths.append(_told(item, run, why, "stopped answering"))
    else:
        _stop(item, run, why, "stopped answering")
        item.stash[UNMENDED] = dead.sign is not Sign.REFUSES
    return why


def _stop(item: pytest.Item, run: Run, why: str, what: str) -> None:
    if why:
        run.results.trouble = _told(item, run, why, what)
        item.session.shouldstop = f"the target {what}"


def _told(item: pytest.Item, run: Run, why: str, what: str) -> str:
    where, rule = item.nodeid.rsplit("/", 1)[-1], item.stash[REQUIREMENT].id
    return printable(run.clean(f"the target {what} during {where} ({rule}): {why.rstrip('.')}."))


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count strict-only, advised, inconclusive and not applicable results under their own names.

    Returns:
        Category, letter and word; ``None`` where pytest has its own.

    """
    data = getattr(report, "conformance", None)
    if data is None or report.when == "teardown":
        return None
    return {
        Outcome.FAILED_STRICT_ONLY: ("strict only", "S", "STRICT ONLY"),
        Outcome.ADVISED: ("advised", "a", "ADVISED"),
        Outcome.KNOWN_FAILURE: ("known failures", "k", "KNOWN FAILURE"),
        Outcome.INCONCLUSIVE: ("inconclusive", "?", "INCONCLUSIVE"),
        Outcome.NOT_APPLICABLE: ("not applicable", "-", "NOT APPLICABLE"),
    }.get(data["outcome"])
