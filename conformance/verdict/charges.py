"""Judgements on requirements that a test is not about, made on the way."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.core.evidence import Happened


@dataclass(frozen=True, slots=True)
class Charge:
    """One judgement on a requirement: kept or broken, and what was seen."""

    requirement: str
    kept: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a charged requirement was broken.

    ``happened`` is the kind of what came back, where it is a value and not only told; what was seen in
    ``passing``, on any connection, has nothing to do with the test that made it.
    """

    message: str
    happened: Happened | None = None
    passing: bool = False
