"""The words of a verdict: what a test or a requirement comes to, and what a run comes to."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a test, or a requirement, comes to. The order is that of reports.

    ``SUITE_FAULT`` is a test's alone: a requirement that it leaves unjudged is inconclusive.
    """

    FAILED = "failed"
    FAILED_STRICT_ONLY = "failed-strict-only"
    INCONCLUSIVE = "inconclusive"
    ADVISED = "advised"
    KNOWN_FAILURE = "known-failure"
    PASSED = "passed"
    OBSERVED = "observed"
    NOT_APPLICABLE = "not-applicable"
    UNTESTED = "untested"
    SUITE_FAULT = "suite-fault"


# From the gravest to the emptiest: a requirement's outcome is the first that any of its results has.
GRAVEST_FIRST = (
    Outcome.FAILED,
    Outcome.FAILED_STRICT_ONLY,
    Outcome.INCONCLUSIVE,
    Outcome.KNOWN_FAILURE,
    Outcome.ADVISED,
    Outcome.OBSERVED,
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
    Outcome.UNTESTED,
)
# The outcomes of a broken rule: those that nothing tolerates, and all of them.
BREACHES = frozenset({Outcome.FAILED, Outcome.FAILED_STRICT_ONLY, Outcome.ADVISED})
BROKEN = BREACHES | {Outcome.KNOWN_FAILURE}
KEPT = frozenset({Outcome.PASSED, Outcome.OBSERVED})
EMPTY = frozenset({Outcome.NOT_APPLICABLE, Outcome.UNTESTED})
# The outcomes of a test that judged its requirement: a case that could not be judged does not void them.
JUDGED = BROKEN | KEPT


def gravity(outcome: Outcome) -> int:
    """Return an outcome's place in :data:`GRAVEST_FIRST`; a fault of the suite counts as inconclusive."""
    return GRAVEST_FIRST.index(outcome if outcome in GRAVEST_FIRST else Outcome.INCONCLUSIVE)


class RunVerdict(StrEnum):
    """What a run comes to."""

    CONFORMANT = "conformant"
    NON_CONFORMANT = "non-conformant"
    INCONCLUSIVE = "inconclusive"
    SUITE_FAULT = "suite-fault"
    BASELINE_STALE = "baseline-stale"

    @property
    def exit_code(self) -> int:
        """The exit code that stands for it."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    RunVerdict.CONFORMANT: 0,
    RunVerdict.NON_CONFORMANT: 1,
    RunVerdict.INCONCLUSIVE: 10,
    RunVerdict.SUITE_FAULT: 11,
    RunVerdict.BASELINE_STALE: 12,
}
