"""What can go wrong in a run, split by whose fault it is.

The target's fault is a :class:`Nonconformance`. The environment's fault (nothing listens, the control
interface fails) is :class:`Inconclusive`: it never turns into a verdict about the target. The user's
mistake is a :class:`UsageProblem`. Anything else that is raised in a test is the suite's own fault.
"""

from __future__ import annotations

from collections.abc import Sequence


class Nonconformance(AssertionError):
    """The target broke a requirement: what would have been accepted, and what occurred."""

    def __init__(self, message: str, *, expected: Sequence[str] = (), actual: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = tuple(expected)
        self.actual = actual


class Inconclusive(Exception):
    """No judgement was possible; the message says what was missing."""


class Unreachable(Inconclusive):
    """The target could not be reached, or stopped answering."""


class NotApplicable(Exception):
    """The target neither offers nor claims what is judged; the message is the evidence."""


class UsageProblem(Exception):
    """A mistake in what the user gave: URL, profile, flag or file. One to three lines, no traceback."""
