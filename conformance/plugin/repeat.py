"""``--repeat N``: each test N times in one run, to measure instability instead of hiding it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from conformance.verdict.deciding import gravest, rank, unstable
from conformance.verdict.outcomes import Outcome
from conformance.verdict.result_data import TestResult

Round = tuple[list[pytest.TestReport], TestResult | None]


def repeat(
    item: pytest.Item,
    nextitem: pytest.Item | None,
    times: int,
    dress: Callable[[pytest.TestReport, TestResult], None],
) -> None:
    """Run a test so many times, and report it once: with one verdict, or as unstable.

    Args:
        item: the test.
        nextitem: the test after it, as pytest's hooks want it.
        times: how often.
        dress: makes pytest's report say what the folded result says.

    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    rounds: list[Round] = []
    for number in range(1, times + 1):
        # Between rounds everything above the test stays set up, as between two tests of one module.
        following: Any = nextitem if number == times else item.parent
        reports = runtestprotocol(item, log=False, nextitem=following)
        rounds.append((reports, _result(reports)))
        if item.session.shouldstop or item.session.shouldfail:
            break
    results = [result for _, result in rounds if result is not None]
    reports, _ = min(rounds, key=lambda one: rank(one[1].outcome if one[1] else Outcome.SUITE_FAULT))
    if results:
        whole = folded(results)
        for report in reports:
            if getattr(report, "conformance", None) is not None:
                report.conformance = whole.as_data()  # type: ignore[attr-defined]
                dress(report, whole)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def folded(results: Sequence[TestResult]) -> TestResult:
    """Return one result for several of the same test; verdicts that differ make it inconclusive."""
    counts = Counter(one.outcome for one in results)
    first = gravest(results)
    assert first is not None
    charges, flips = _charges(results)
    made = replace(
        first,
        duration=round(sum(one.duration for one in results), 4),
        charges=charges,
        samples=_samples(results),
        rounds={str(outcome): times for outcome, times in counts.items()},
        observed=list(dict.fromkeys(text for one in results for text in one.observed)),
        dialect=sorted({name for one in results for name in one.dialect}),
        symptoms=_each_once(one.symptoms for one in results),
    )
    unstable(made, counts)
    if len(counts) == 1 and flips and Outcome.SUITE_FAULT not in counts:
        # The test's own verdict is the same each time; what it saw on the way is not.
        made.unstable = "; ".join(flips)
    return made


def _result(reports: Sequence[pytest.TestReport]) -> TestResult | None:
    found = [TestResult(**data) for one in reports if (data := getattr(one, "conformance", None)) is not None]
    return gravest(found)


def _charges(results: Sequence[TestResult]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the charges of all rounds, and in words those that were broken in some rounds only."""
    broken = Counter(one["requirement"] for result in results for one in result.breaches)
    merged: dict[tuple[str, bool], Mapping[str, Any]] = {}
    total = len(results)
    flips = [f"{name} broken in {n} of {total}" for name, n in broken.items() if n < total]
    for result in results:
        for one in result.charges:
            name = one["requirement"]
            shaky = 0 < broken[name] < total
            if not shaky:
                before = merged.setdefault((name, one["kept"]), one)
                if both := _each_once(each.get("symptoms", ()) for each in (before, one)):
                    merged[name, one["kept"]] = {**before, "symptoms": both}
            elif not one["kept"]:
                count = f"unstable: broken in {broken[name]} of {total}: {one['message']}"
                merged.setdefault((name, False), {**one, "message": count, "unstable": True})
    return list(merged.values()), flips


def _each_once(lists: Iterable[Sequence[Mapping[str, str]]]) -> list[Mapping[str, str]]:
    found = {tuple(one.values()): one for each in lists for one in each}
    return list(found.values())


def _samples(results: Sequence[TestResult]) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {}
    for one in results:
        for name, times in one.samples.items():
            samples.setdefault(name, []).extend(times)
    return samples
