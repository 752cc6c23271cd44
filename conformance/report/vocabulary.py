"""How every report writes outcomes, verdicts and levels, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """How an outcome or a verdict is written: a word, a sign beside it, and what it means."""

    label: str
    sign: str
    meaning: str
    tone: str = ""


# In the order of the reader's interest, which is also the order of sections, counts and bars.
OUTCOMES: Mapping[str, Word] = {
    "failed": Word("Failed", "✕", "The target breaks the requirement."),
    "failed-strict-only": Word("Strict only", "§", "A broken MUST that costs nobody anything."),
    "inconclusive": Word("Inconclusive", "?", "The test could not tell."),
    "advised": Word("Advised", "!", "A recommendation the target does not follow."),
    "known-failure": Word("Known failure", "≈", "Broken, and the baseline says so."),
    "passed": Word("Passed", "✓", "The target keeps the requirement."),
    "observed": Word("Observed", "○", "Recorded, and judged neither way."),
    "not-applicable": Word("Not applicable", "-", "The target lacks what it is about."),
    "untested": Word("Untested", "·", "No test ran."),
}

VERDICTS: Mapping[str, Word] = {
    "conformant": Word("Conformant", "✓", "Every requirement that was tested is kept.", "passed"),
    "non-conformant": Word("Not conformant", "✕", "At least one requirement is broken.", "failed"),
    "inconclusive": Word(
        "Inconclusive", "?", "This run does not say whether the target conforms.", "inconclusive"
    ),
    "suite-fault": Word(
        "Fault of the suite",
        "!",
        "The suite itself failed; this says nothing about the target.",
        "inconclusive",
    ),
    "baseline-stale": Word(
        "Baseline out of date", "≈", "The list of known failures no longer fits the target.", "known-failure"
    ),
}
NO_VERDICT = Word("No verdict", "?", "The document holds no verdict: the run was cut short.", "inconclusive")

LEVELS = ("MUST", "MUST NOT", "SHALL", "SHALL NOT", "REQUIRED", "SHOULD", "SHOULD NOT", "RECOMMENDED", "MAY")


def known_outcome(word: object) -> str:
    """Return a known outcome; a missing one is untested, and an unknown one is never green."""
    if not word:
        return "untested"
    return str(word) if str(word) in OUTCOMES else "inconclusive"


def worst(outcomes: Iterable[str]) -> str:
    """Return the outcome that matters most, for documents that did not get to say."""
    present = set(outcomes)
    return next((outcome for outcome in OUTCOMES if outcome in present), "untested")


def rank(level: str) -> int:
    """Return a level's place among the levels; an unknown one comes last."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def weight(level: str) -> str:
    """Return a level without its NOT: for counting, what is demanded weighs as much as what is forbidden."""
    return level.removesuffix(" NOT")
