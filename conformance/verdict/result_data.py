"""What one test found, and the outcome of one requirement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from conformance.spec import Requirement
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import Outcome
from conformance.verdict.symptom import Symptom


@dataclass(slots=True)
class TestResult:
    """What one test found, as data that can cross a process boundary."""

    __test__ = False

    id: str
    requirement: str
    outcome: Outcome
    duration: float = 0.0
    message: str = ""
    expected: Sequence[str] = ()
    actual: str = ""
    notes: Sequence[str] = ()
    observed: Sequence[str] = ()
    charges: Sequence[Mapping[str, Any]] = ()
    transcripts: Sequence[Mapping[str, Any]] = ()
    repeat: str = ""
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    script: str = ""
    dialect: Sequence[str] = ()
    since: str = ""
    rounds: Mapping[str, int] = field(default_factory=dict)
    unstable: str = ""
    controls: Sequence[str] = ()
    server_output: str = ""
    confined: bool = False  # inconclusive in this case alone: what other tests judged stands
    browser: Mapping[str, Any] = field(default_factory=dict)
    symptoms: Sequence[Mapping[str, str]] = ()
    story: Sequence[str] = ()  # the lines of what was done before, which are told behind the message

    def __post_init__(self) -> None:
        """Take the outcome as plain data holds it, too."""
        self.outcome = Outcome(self.outcome)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data, whose lists are its own ones: nobody changes them any more."""
        # What goes from one process to another takes no enum.
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"outcome": str(self.outcome)}

    @property
    def told(self) -> str:
        """The message, and the story behind it."""
        return "\n".join([self.message, *self.story])

    @property
    def breaches(self) -> list[Mapping[str, Any]]:
        """Charges that were not kept."""
        return [charge for charge in self.charges if not charge["kept"]]


@dataclass(slots=True)
class RequirementResult:
    """A requirement with the outcome that its tests and charges add up to."""

    requirement: Requirement
    outcome: Outcome = Outcome.UNTESTED
    reason: str = ""
    tests: list[str] = field(default_factory=list)
    known_failure: KnownFailure | None = None
    stale: bool = False
    new: bool = False
    symptoms: list[Symptom] = field(default_factory=list)
    unknown: list[Symptom] = field(default_factory=list)
    unjudged: list[TestResult] = field(default_factory=list)


def symptoms_of_test(test: TestResult) -> list[Symptom]:
    """Return in which ways a test saw its requirement broken."""
    return [Symptom.of_data(one) for one in test.symptoms] or [Symptom.of_text(test.message)]


def symptoms_of_charge(charge: Mapping[str, Any]) -> list[Symptom]:
    """Return in which ways a requirement was broken on the way."""
    told = [Symptom.of_data(one) for one in charge.get("symptoms", ())]
    return told or [Symptom.of_text(charge["message"])]
