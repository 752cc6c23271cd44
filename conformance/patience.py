"""How long a run goes on with a target that is there, but gives nothing that could be judged."""

from __future__ import annotations

import time

REPLIES = 120  # bounds of a reply without a single test passed: ten minutes, unless --time-scale says else
FEWEST = 25  # tests in a row


class Patience:
    """Watch the results of tests go by, and lose patience with a target that passes none of them."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._first = ""
        self._count = 0

    def lost(self, outcome: str, message: str, reply: float) -> str:
        """Take note of a test's outcome; return why to stop, or an empty string.

        ``reply`` is the bound of a reply in seconds.
        """
        if outcome == "not-applicable":
            return ""
        if outcome not in {"failed", "inconclusive"}:
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
