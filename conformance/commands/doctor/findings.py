"""What a layer reports: its state, the cause where it is broken, the evidence, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from conformance.commands.doctor.causes import Cause

State = Literal["ok", "broken", "unseen"]
Verdict = Literal["healthy", "broken", "cannot tell"]
EXIT_CODES: dict[Verdict, int] = {"healthy": 0, "broken": 1, "cannot tell": 10}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; ``command`` is exact where there is one, and never run from here."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one layer showed.

    ``unseen`` without a cause means that the layer could not be looked at and the walk went on; with a cause
    the walk had to end there, and nobody can tell from here whether the target is broken.
    """

    layer: str
    state: State
    summary: str
    cause: Cause | None = None
    evidence: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether the walk stops here."""
        return self.cause is not None


def ok(layer: str, summary: str, *evidence: str) -> Finding:
    """Return the finding of a layer that works.

    Args:
        layer: the name of the layer.
        summary: one sentence.
        evidence: what was seen, line by line.

    """
    return Finding(layer, "ok", summary, evidence=evidence)


def unseen(layer: str, summary: str, *evidence: str, steps: tuple[Step, ...] = ()) -> Finding:
    """Return the finding of a layer that could not be looked at, or not wholly.

    Args:
        layer: the name of the layer.
        summary: one sentence.
        evidence: what was seen, line by line.
        steps: what to do next.

    """
    return Finding(layer, "unseen", summary, evidence=evidence, steps=steps)


def broken(
    layer: str, cause: Cause, summary: str, *, evidence: tuple[str, ...] = (), steps: tuple[Step, ...] = ()
) -> Finding:
    """Return the finding of the layer that is to blame.

    Args:
        layer: the name of the layer.
        cause: the cause, from the list of causes.
        summary: one sentence.
        evidence: what was seen, line by line.
        steps: what to do next.

    """
    return Finding(layer, "broken", summary, cause, evidence, steps)


def undecided(
    layer: str, cause: Cause, summary: str, *, evidence: tuple[str, ...] = (), steps: tuple[Step, ...] = ()
) -> Finding:
    """Return the finding of a layer that stops the walk although nothing is known to be broken.

    Args:
        layer: the name of the layer.
        cause: the cause, from the list of causes.
        summary: one sentence.
        evidence: what was seen, line by line.
        steps: what to do next.

    """
    return Finding(layer, "unseen", summary, cause, evidence, steps)


@dataclass(slots=True)
class Diagnosis:
    """The whole walk."""

    url: str
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def last(self) -> Finding | None:
        """The finding that stopped the walk, where one did."""
        return next((one for one in self.findings if one.ends), None)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the walk."""
        if self.last is None:
            return "healthy"
        return "broken" if self.last.state == "broken" else "cannot tell"

    @property
    def exit_code(self) -> int:
        """The exit code that says the verdict to scripts."""
        return EXIT_CODES[self.verdict]
