"""How long a run goes on with a target that gives nothing to judge, and waits for what never comes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from conformance.client.peer import Limits
from conformance.verdict.outcomes import BROKEN, Outcome

REPLIES = 120  # bounds of a reply without a single test passed: ten minutes, unless --time-scale says else
FEWEST = 25  # tests in a row
IN_VAIN = 2  # tests of one requirement that waited the whole bound for an end, and failed


class Patience:
    """Watch the results of tests go by; lose patience with a target that passes none of them.

    A server that does not end the connections that it has to end costs a whole bound in each test that asks
    for it. Once a requirement is broken beyond doubt, the other tests of the same one wait shorter: whatever
    they find, its verdict stays what it is.
    """

    def __init__(self) -> None:
        self._full: Limits | None = None
        self._in_vain: Counter[str] = Counter()
        self._began: float | None = None
        self._first = ""
        self._count = 0

    def lost(self, outcome: Outcome, message: str, reply: float) -> str:
        """Take note of a test's outcome.

        Args:
            outcome: of the test.
            message: of its failure.
            reply: the bound of a reply, in seconds.

        Returns:
            Why to stop, or an empty string.

        """
        if outcome == Outcome.NOT_APPLICABLE:
            return ""
        if outcome not in {Outcome.FAILED, Outcome.INCONCLUSIVE}:
            self._began = None
            return ""
        now = time.monotonic()
        if self._began is None:
            self._began, self._first, self._count = now, message, 0
        self._count += 1
        waited = now - self._began
        if self._count < FEWEST or waited < REPLIES * reply:
            return ""
        return f"in {waited:.0f} s none of {self._count} tests in a row passed. The first: {self._first}"

    def limits(self, requirement: str, limits: Limits) -> Limits:
        """Return the bounds of a requirement's next test; ``limits`` are the target's as it was probed."""
        self._full = self._full or limits
        if self._in_vain[requirement] < IN_VAIN:
            return self._full
        return replace(self._full, close=min(self._full.close, self._full.prompt))

    def waited(self, requirement: str, outcome: Outcome, seconds: float) -> None:
        """Take note of how long a test took that ended so.

        Args:
            requirement: that the test judged.
            outcome: of the test.
            seconds: that it took.

        """
        if self._full and outcome in BROKEN and seconds >= self._full.close:
            self._in_vain[requirement] += 1
