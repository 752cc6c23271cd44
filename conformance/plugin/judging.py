"""From what a test raised and recorded to its result, and from the result to pytest's own report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from conformance.browser.witness import cut
from conformance.client.recorder import Record
from conformance.core.errors import Nonconformance, NotApplicable
from conformance.core.printable import printable
from conformance.plugin.run import Run
from conformance.report.cards import anchor
from conformance.report.console import failure_text
from conformance.report.gate_lines import tolerance_lines
from conformance.report.repro.files import repro, repro_path
from conformance.report.whose import told
from conformance.spec import Requirement, requirements
from conformance.verdict.deciding import decide, found_nothing_wrong, nobody_answered
from conformance.verdict.outcomes import BREACHES, KEPT, Outcome
from conformance.verdict.result_data import TestResult, symptoms_of_charge, symptoms_of_test
from conformance.verdict.symptom import Symptom, symptoms_of
from conformance.wire.fault_marking import mark

ALIVE = "the server ended what this test opened without an answer; asked behind it, it was alive"


def judged(run: Run, item: pytest.Item, call: pytest.CallInfo[None], requirement: Requirement) -> TestResult:
    """Return a test's result from what it raised and recorded.

    Args:
        run: that the test belongs to.
        item: the test.
        call: how its call ended.
        requirement: that the test names.

    """
    record = run.recorder.record
    marker = item.get_closest_marker("requirement")
    error = call.excinfo.value if call.excinfo is not None else None
    result = TestResult(
        id=item.nodeid,
        requirement=requirement.id,
        outcome=Outcome.UNTESTED,
        duration=round(call.duration, 4),
        notes=[run.clean(note) for note in record.notes],
        observed=[run.clean(text) for text in record.observed],
        charges=[
            {
                "requirement": one.requirement,
                "kept": one.kept,
                "message": run.clean(one.message),
                "symptoms": [] if one.kept else _cleaned(run, _of_ways(record, one.requirement, item)),
            }
            for one in record.charges.values()
        ],
        repeat=run.repeat(item.nodeid),
        samples={name: list(times) for name, times in record.samples.items()},
        dialect=sorted(run.profile.dialect.seen - run.results.dialect_seen),
        since=marker.kwargs.get("since", "") if marker else "",
    )
    if isinstance(error, pytest.skip.Exception):
        error = NotApplicable(str(error))
    decide(result, error, requirement, lambda: run.results.level_outcome(requirement, result.since))
    if isinstance(error, Nonconformance):
        result.expected, result.actual = [run.clean(one) for one in error.expected], run.clean(error.actual)
        result.story = [run.clean(one) for one in error.story]
        result.symptoms = _cleaned(run, symptoms_of(_test(item), error))
    if result.outcome == Outcome.SUITE_FAULT:
        result.notes = [*result.notes, f"{type(error).__name__} raised by the suite"]
    result.message = run.clean(_message(error)) if error is not None else ""
    if found_nothing_wrong(result) and _silent(record):
        # To end TCP is an answer, of a server that is there.
        ended = any(one.ended for one in record.transcripts)
        dead = run.why_dead() if ended else None
        if ended and dead is None:
            result.notes = [*result.notes, ALIVE]
        else:
            nobody_answered(result, run.clean(str(dead)) if dead else "")
    if not found_nothing_wrong(result) or result.breaches:
        if isinstance(error, Nonconformance):
            mark(record.transcripts, error.at)
        result.transcripts = run.recorder.transcripts_as_data()
        result.controls = run.recorder.controls()
        result.server_output = run.printed_since(record.printed)
        if record.browser is not None:
            result.browser = {
                name: [cut(run.clean(line)) for line in seen] if isinstance(seen, list) else seen
                for name, seen in record.browser().items()
            }
    if result.outcome in BREACHES or result.breaches:
        result.script = repro(run.target, run.recorder, result, requirement)
    return result


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, Nonconformance) else str(error)


def _test(item: pytest.Item) -> str:
    """Return by which name a test goes in symptoms: its function's, with its parameters."""
    return item.name.removeprefix("test_")


def _of_ways(record: Record, requirement: str, item: pytest.Item) -> Iterator[Symptom]:
    for way in record.ways.get(requirement, ()):
        yield Symptom.of_way(way, _test(item))


def _cleaned(run: Run, symptoms: Iterable[Symptom]) -> list[dict[str, str]]:
    told = ({name: run.clean(text) for name, text in one.as_data().items()} for one in symptoms)
    return list({tuple(one.values()): one for one in told}.values())


def _silent(record: Record) -> bool:
    """Return whether connections were made, and on none of them an opening handshake was answered by HTTP."""
    return bool(record.transcripts) and not any(one.answered for one in record.transcripts)


def dress(report: pytest.TestReport, run: Run, result: TestResult, requirement: Requirement) -> None:
    """Make pytest's own report say what the result says.

    Args:
        report: pytest's, which is changed.
        run: that the test belongs to.
        result: of the test.
        requirement: that the test names.

    """
    report.user_properties.append(("requirement", requirement.id))
    report.sections = [(title, run.clean(text)) for title, text in report.sections]
    if result.outcome == Outcome.SUITE_FAULT:
        # Pytest's traceback is just what is wanted here, with its colours where no secret stands in it.
        if run.clean(report.longreprtext) != report.longreprtext:
            report.longrepr = run.clean(report.longreprtext)
        return
    texts = [
        _breach(run, one, result)
        for one in result.breaches
        if run.results.fails(requirements()[one["requirement"]])
        and not run.results.tolerates_breach(one)
        and _first_seen(run, one)
    ]
    if result.outcome == Outcome.FAILED or (result.outcome == Outcome.INCONCLUSIVE and not result.confined):
        tolerated = run.results.known.get(requirement.id, ())
        seen = [Symptom.of_data(one) for one in result.symptoms]
        whose = _whose(run, requirement, symptoms_of_test(result)) if result.outcome == Outcome.FAILED else ""
        text = failure_text(
            requirement,
            result.message,
            result.expected,
            result.actual,
            result,
            whose=whose,
            story=result.story,
        )
        texts.insert(0, "\n".join([text, *(tolerance_lines(tolerated, seen) if tolerated else [])]))
    if texts:
        texts.append(
            f"  evidence:  {run.options.report_dir / 'conformance.html'}#{anchor(_told(run, result))}"
        )
    if texts and result.script:
        texts[-1] += f"\n  script:    {repro_path(run.options.report_dir, result.id)}"
    if texts:
        report.outcome, report.longrepr = "failed", printable("\n".join(texts))
    elif result.outcome in KEPT:
        report.outcome, report.longrepr = "passed", None
    else:
        line = f"{result.outcome}: {printable(result.told)}"
        report.outcome, report.longrepr = "skipped", (str(report.location[0]), report.location[1] or 0, line)


def _breach(run: Run, breach: Mapping[str, Any], result: TestResult) -> str:
    """Return for the terminal what a test saw broken on the way."""
    rule = requirements()[breach["requirement"]]
    whose = _whose(run, rule, symptoms_of_charge(breach))
    return failure_text(rule, breach["message"], (), "", result, whose=whose)


def _whose(run: Run, rule: Requirement, symptoms: Sequence[Symptom]) -> str:
    header = run.target.found.server if run.target is not None else None
    return told(header, {rule.id: symptoms}).get(rule.id, "")


def _told(run: Run, result: TestResult) -> str:
    """Return the requirement whose card in the report shows this test."""
    broken = [
        one["requirement"] for one in result.breaches if run.results.fails(requirements()[one["requirement"]])
    ]
    return (
        result.requirement
        if result.outcome in {Outcome.FAILED, Outcome.INCONCLUSIVE} or not broken
        else broken[0]
    )


def _first_seen(run: Run, breach: Mapping[str, Any]) -> bool:
    # One cause, one red: a breach that hundreds of tests see turns only the first of them red.
    return not any(
        one["requirement"] == breach["requirement"]
        for test in run.results.tests.values()
        for one in test.breaches
    )
