"""What a run learns, while it learns it: connections, charges, notes and observations of the current test.

A *charge* judges a requirement other than the test's own, passively or on the way: an invariant of the
wire, a close code that should have been another. It is counted under that requirement wherever it occurred.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from conformance.core.evidence import Happened, other
from conformance.core.masking import Mask, Secret
from conformance.verdict.charges import Charge, Way
from conformance.wire.invariants import Breach
from conformance.wire.transcript import Transcript

MAX_TRANSCRIPTS = 6
MAX_WAYS = 64  # in which one test sees one requirement broken


@dataclass(slots=True)
class Record:
    """All that one test left behind, beside its own outcome."""

    transcripts: list[Transcript] = field(default_factory=list)
    charges: dict[tuple[str, bool], Charge] = field(default_factory=dict)
    ways: dict[str, dict[Way, None]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)
    controls: dict[str, int] = field(default_factory=dict)
    printed: int = 0
    browser: Callable[[], dict[str, Any]] | None = None


class Recorder:
    """The run's memory. What leaves it goes through ``clean``, which knows every secret of the run."""

    def __init__(self, secrets: Iterable[str | Secret] = ()) -> None:
        self.record = Record()
        self._apart: ContextVar[list[Transcript] | None] = ContextVar("apart", default=None)
        self.unanswered_farewells = 0  # of late, over all tests
        self.unended_failures = 0  # of late: a Close frame came, and the end of TCP late or never
        self.clean = Mask()
        self.hide(*secrets)

    def hide(self, *secrets: str | Secret) -> None:
        """Treat these texts as secrets from now on, in every encoding."""
        self.clean.add(*secrets)

    def begin(self) -> None:
        """Start a test with an empty record."""
        self.record = Record()

    def transcript(self, transcript: Transcript) -> None:
        """Keep a connection's transcript for the report."""
        apart = self._apart.get()
        (self.record.transcripts if apart is None else apart).append(transcript)

    @contextlib.contextmanager
    def apart(self) -> Iterator[list[Transcript]]:
        """Keep the transcripts of this task in a list of their own, while other tasks go on beside it.

        Yields:
            The list, which grows while the task goes on.

        """
        mine: list[Transcript] = []
        token = self._apart.set(mine)
        try:
            yield mine
        finally:
            self._apart.reset(token)

    def charge(
        self,
        requirement: str,
        *,
        kept: bool,
        message: str = "",
        happened: Happened | None = None,
        passing: bool = False,
    ) -> None:
        """Judge a requirement on the way.

        The first message of a breach is reported, and each way of it is kept.

        Args:
            requirement: its id.
            kept: whether it was kept.
            message: what was seen, and what was expected.
            happened: of which kind the breach is. Where it is not given, the message stands for it.
            passing: a breach of this kind is the same whichever test sees it.

        """
        self.record.charges.setdefault((requirement, kept), Charge(requirement, kept, message))
        if not kept:
            self._way(requirement, Way(message, happened, passing))

    def breach(self, breach: Breach) -> None:
        """Charge a broken invariant."""
        first = Charge(breach.requirement, kept=False, message=breach.message)
        self.record.charges.setdefault((breach.requirement, False), first)
        self._way(breach.requirement, Way(breach.message, other(breach.kind), passing=True))

    def _way(self, requirement: str, way: Way) -> None:
        ways = self.record.ways.setdefault(requirement, {})
        if any(
            way.happened is not None and (one.happened, one.passing) == (way.happened, way.passing)
            for one in ways
        ):
            return
        if len(ways) < MAX_WAYS:
            ways[way] = None
        else:
            ways[Way(f"more than {MAX_WAYS} ways in one test", passing=True)] = None

    def broken(self, requirement: str) -> str:
        """Return what the current test saw of a requirement being broken, or an empty string."""
        found = self.record.charges.get((requirement, False))
        return found.message or requirement if found else ""

    def control(self, text: str) -> None:
        """Keep what a control showed to work, so that what failed afterwards failed by its fault alone."""
        self.record.controls[text] = self.record.controls.get(text, 0) + 1

    def controls(self) -> list[str]:
        """Return what the controls of the current test showed, each once, with how often."""
        found = self.record.controls.items()
        return [self.clean(text if times == 1 else f"{text} ({times} times)") for text, times in found]

    def note(self, text: str) -> None:
        """Keep a line that helps whoever reads the result."""
        self.record.notes.append(text)

    def observe(self, text: str) -> None:
        """Keep which of several right behaviours occurred."""
        self.record.observed.append(text)

    def sample(self, name: str, seconds: float) -> None:
        """Keep a measured time; the report gives the percentiles of all that have one name."""
        self.record.samples.setdefault(name, []).append(round(seconds, 6))

    def transcripts_as_data(self) -> list[dict[str, Any]]:
        """Return the last transcripts of the current test, ready for the report."""
        return [one.as_data(self.clean) for one in self.record.transcripts[-MAX_TRANSCRIPTS:]]
