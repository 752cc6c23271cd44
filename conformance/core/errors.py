"""What can go wrong in a run, split by whose fault it is.

The target's fault is a :class:`Nonconformance`. The environment's fault (nothing listens, the control
interface fails) is :class:`Inconclusive`: it never turns into a verdict about the target. The user's
mistake is a :class:`UsageProblem`. Anything else that is raised in a test is the suite's own fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.core.evidence import Happened, Told


class Nonconformance(AssertionError):
    """The target broke a requirement: what would have been accepted, and what occurred.

    ``actual`` is a text, or what came back itself: an event, an ending, an attempt. Of which kind that was,
    its ``happened`` says; with ``case``, which of a test's cases it was, a failure is known again by that.
    Where it has none, its message stands for it. What is marked in the conversation is ``at`` fault.
    ``cases`` holds every case that failed where one test judged several. ``story`` holds, line by line, what
    was done before, where that was drawn; the error's text ends in it.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: Sequence[str] = (),
        actual: object = "",
        happened: Happened | None = None,
        case: str = "",
        cases: Sequence[Nonconformance] = (),
        story: Sequence[str] = (),
    ) -> None:
        super().__init__("\n".join([message, *story]))
        self.message = message
        self.story = tuple(story)
        self.expected = tuple(expected)
        self.actual = str(actual)
        self.happened: Happened | None = happened or getattr(actual, "happened", None)
        self.at: Happened | None = self.happened if isinstance(actual, str) else getattr(actual, "at", None)
        self.case = case
        self.cases = tuple(cases)

    @property
    def came(self) -> Told:
        """What came back, for a failure that says the same in other words."""
        return Told(self.actual, self.at)

    def of_case(self, case: str) -> Nonconformance:
        """Return the failure as that of one case among several, which its message names."""
        return Nonconformance(
            f"{case}: {self.message}",
            expected=self.expected,
            actual=self.came,
            happened=self.happened,
            case=case,
            cases=self.cases,
            story=self.story,
        )

    @classmethod
    def of_cases(cls, failed: Sequence[Nonconformance], *, judged: int) -> Nonconformance:
        """Return one failure for several cases: told as the first, with the names of the others.

        ``judged`` says how many there were. Where all of them failed alike they are known again as one.
        """
        first, *others = failed
        alike = len(failed) == judged > 1 and len({(one.happened, one.cases) for one in failed}) == 1
        alike = alike and first.happened is not None and not first.cases
        names = f"{', '.join(one.case for one in others[:6])}{', …' if len(others) > 6 else ''}"
        return cls(
            f"{first.message}{f' (also: {names})' if others else ''}",
            expected=first.expected,
            actual=first.came,
            happened=first.happened,
            cases=() if alike else failed,
            case="*" if alike else "",
            story=first.story,
        )


class Inconclusive(Exception):
    """No judgement was possible; the message says what was missing."""


class Unreachable(Inconclusive):
    """The target could not be reached, or stopped answering."""


class NotApplicable(Exception):
    """The target neither offers nor claims what is judged; the message is the evidence."""


class UsageProblem(Exception):
    """A mistake in what the user gave: URL, profile, flag or file. One to three lines, no traceback."""
