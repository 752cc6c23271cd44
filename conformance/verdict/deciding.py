"""How the outcome of a test is decided: here and nowhere else.

What the test raised gives the first outcome. It does not stand where nobody was there to be judged, or where
the target died. A breach may be tolerated. Several rounds of a test that differ prove nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.spec import Requirement
from conformance.spec.levels import Level
from conformance.verdict.outcomes import BREACHES, KEPT, Outcome, gravity
from conformance.verdict.result_data import TestResult

SILENT = "no connection of this test was answered by HTTP: what did not happen there proves nothing"
# What a death breaks beside: who was connected is harmed, and no Close frame comes.
OF_A_DEATH = frozenset(
    {"robustness.others-unharmed", "robustness.prompt", "closing.failure-close-frame", "closing.failure-code"}
)


def decide(
    result: TestResult, error: BaseException | None, requirement: Requirement, breach: Callable[[], Outcome]
) -> None:
    """Set the outcome by what a test raised.

    Args:
        result: which is given the outcome.
        error: what the test raised, if anything.
        requirement: that it judged.
        breach: returns what breaking its requirement amounts to.

    """
    match error:
        case None:
            result.outcome = Outcome.OBSERVED if requirement.level == Level.MAY else Outcome.PASSED
        case NotApplicable():
            result.outcome = Outcome.NOT_APPLICABLE
        case Inconclusive():
            result.outcome = Outcome.INCONCLUSIVE
            result.confined = not isinstance(error, Unreachable)
        case Nonconformance():
            result.outcome = breach()
        case _:
            result.outcome = Outcome.SUITE_FAULT


def found_nothing_wrong(result: TestResult) -> bool:
    """Return whether a test found nothing wrong.

    That proves nothing of a server that answered none of it.
    """
    return result.outcome in KEPT | {Outcome.NOT_APPLICABLE}


def nobody_answered(result: TestResult, why: str) -> None:
    """Take back what a test found on a server that said nothing: nobody has been judged."""
    _void(result, f"{SILENT}, for {why}" if why else SILENT, lambda charge: not charge["kept"])


def may_have_died(result: TestResult, *, ended: bool) -> bool:
    """Return whether the target has to be asked if it lives.

    Args:
        result: of a test.
        ended: whether its process is known to be gone.

    """
    harmed = any(one["requirement"] in OF_A_DEATH for one in result.breaches)
    broken = result.outcome in BREACHES and result.outcome != Outcome.ADVISED
    return harmed or ended or broken or result.outcome in {Outcome.INCONCLUSIVE, Outcome.SUITE_FAULT}


def died(result: TestResult, why: str) -> None:
    """Take back what a test found on a server that died meanwhile: a broken rule cannot be told from that."""
    before = f" Before that: {result.message}" if result.message else ""
    message = f"the target died in this test: {why}.{before}"
    _void(result, message, lambda charge: charge["kept"] or charge["requirement"] not in OF_A_DEATH)


def died_elsewhere(result: TestResult) -> None:
    """Take back a breach that was found after the target died in the hands of another worker."""
    if result.outcome in BREACHES:
        result.outcome = Outcome.INCONCLUSIVE


def tolerate(result: TestResult, known: Callable[[TestResult], bool]) -> None:
    """Call a breach a known failure where everything that failed is ``known``."""
    if result.outcome in BREACHES and known(result):
        result.outcome = Outcome.KNOWN_FAILURE


def rank(outcome: Outcome) -> int:
    """Return an outcome's place among those of several rounds, the gravest first."""
    return -1 if outcome == Outcome.SUITE_FAULT else gravity(outcome)


def unstable(result: TestResult, counts: Mapping[Outcome, int]) -> None:
    """Call the result of several rounds inconclusive where their outcomes differ; ``counts`` says how often.

    ``result`` is the gravest of them.
    """
    if Outcome.SUITE_FAULT in counts or len(counts) < 2:
        return
    total = sum(counts.values())
    ordered = sorted(Counter(counts).items(), key=lambda one: rank(one[0]))
    result.unstable = ", ".join(f"{name} in {times} of {total}" for name, times in ordered)
    gravest = f"{result.outcome}: {result.message or 'without a message'}"
    result.outcome, result.message = Outcome.INCONCLUSIVE, f"unstable: {result.unstable}; {gravest}"


def gravest(results: Iterable[TestResult]) -> TestResult | None:
    """Return the result that counts of several phases or rounds of one test."""
    return min(results, key=lambda one: rank(one.outcome), default=None)


def _void(result: TestResult, message: str, stays: Callable[[Mapping[str, Any]], bool]) -> None:
    result.outcome, result.confined, result.message = Outcome.INCONCLUSIVE, False, message
    result.charges = [one for one in result.charges if stays(one)]
