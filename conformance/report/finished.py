"""A run that has ended, as far as the terminal tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from conformance.target.target import Target
from conformance.verdict.results import Results
from conformance.verdict.update import Changes


class Asked(Protocol):
    """What the user asked for, as far as the closing lines depend on it."""

    @property
    def baseline(self) -> Path | None:
        """The file of known failures."""

    @property
    def update_baseline(self) -> bool:
        """Whether it was to be written anew."""


class Finished(Protocol):
    """The results of a run, its target, and what was written."""

    results: Results
    target: Target | None
    changes: Changes | None

    @property
    def options(self) -> Asked:
        """The options of the run."""

    @property
    def polite(self) -> bool:
        """Whether the target was handled as other people's servers are."""

    @property
    def written(self) -> Sequence[Path]:
        """The reports that were written."""

    def dialect(self) -> Mapping[str, Any] | None:
        """Return what became of the dialect's entries, where the profile has any."""
