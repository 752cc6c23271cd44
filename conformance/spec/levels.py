"""The levels of requirements, by RFC 2119."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How far a requirement binds. The order is that of reports."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"

    @property
    def binding(self) -> bool:
        """Whether breaking it fails the target."""
        return self in {Level.MUST, Level.MUST_NOT}

    @property
    def advisory(self) -> bool:
        """Whether breaking it is advised against."""
        return self in {Level.SHOULD, Level.SHOULD_NOT}

    @property
    def weight(self) -> Level:
        """The level without its NOT: for counting, what is demanded weighs as much as what is forbidden."""
        return Level.MUST if self.binding else Level.SHOULD if self.advisory else Level.MAY
