"""How every report writes outcomes, verdicts and levels, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conformance.spec.levels import Level
from conformance.verdict.outcomes import Outcome, RunVerdict


@dataclass(frozen=True)
class Word:
    """How an outcome or a verdict is written: a word, a sign beside it, and what it means."""

    label: str
    sign: str
    meaning: str
    tone: str = ""


# In the order of the reader's interest, which is also the order of sections, counts and bars.
OUTCOMES: Mapping[str, Word] = {
    Outcome.FAILED: Word("Failed", "✕", "The target breaks the requirement."),
    Outcome.FAILED_STRICT_ONLY: Word("Strict only", "§", "A broken MUST that costs nobody anything."),
    Outcome.INCONCLUSIVE: Word("Inconclusive", "?", "The test could not tell."),
    Outcome.ADVISED: Word("Advised", "!", "A recommendation the target does not follow."),
    Outcome.KNOWN_FAILURE: Word("Known failure", "≈", "Broken, and the baseline says so."),
    Outcome.PASSED: Word("Passed", "✓", "The target keeps the requirement."),
    Outcome.OBSERVED: Word("Observed", "○", "Recorded, and judged neither way."),
    Outcome.NOT_APPLICABLE: Word("Not applicable", "-", "The target lacks what it is about."),
    Outcome.UNTESTED: Word("Untested", "·", "No test ran."),
}

VERDICTS: Mapping[str, Word] = {
    RunVerdict.CONFORMANT: Word(
        "Conformant", "✓", "Every requirement that was tested is kept.", Outcome.PASSED
    ),
    RunVerdict.NON_CONFORMANT: Word(
        "Not conformant", "✕", "At least one requirement is broken.", Outcome.FAILED
    ),
    RunVerdict.INCONCLUSIVE: Word(
        "Inconclusive", "?", "This run does not say whether the target conforms.", Outcome.INCONCLUSIVE
    ),
    RunVerdict.SUITE_FAULT: Word(
        "Fault of the suite",
        "!",
        "The suite itself failed; this says nothing about the target.",
        Outcome.INCONCLUSIVE,
    ),
    RunVerdict.BASELINE_STALE: Word(
        "Baseline out of date",
        "≈",
        "The list of known failures no longer fits the target.",
        Outcome.KNOWN_FAILURE,
    ),
}
NO_VERDICT = Word(
    "No verdict", "?", "The document holds no verdict: the run was cut short.", Outcome.INCONCLUSIVE
)

_LEVELS = tuple(Level)

# How much of the suite a target can be tested with: from rung to rung a capability more, and its name.
LADDER = (
    ("", "a URL alone"),
    ("session", "permissions messages"),
    ("credentials", "credentials"),
    ("control", "control interface"),
    ("start-command", "start command"),
)


def known_outcome(word: object) -> str:
    """Return a known outcome; a missing one is untested, and an unknown one is never green."""
    if not word:
        return Outcome.UNTESTED
    return str(word) if str(word) in OUTCOMES else Outcome.INCONCLUSIVE


def worst(outcomes: Iterable[str]) -> str:
    """Return the outcome that matters most, for documents that did not get to say."""
    present = set(outcomes)
    return next((outcome for outcome in OUTCOMES if outcome in present), Outcome.UNTESTED)


def rank(level: str) -> int:
    """Return a level's place among the levels; an unknown one comes last."""
    return _LEVELS.index(Level(level)) if level in _LEVELS else len(_LEVELS)


def weight(level: str) -> str:
    """Return what a level counts as; an unknown one counts as itself."""
    return Level(level).weight if level in _LEVELS else level
