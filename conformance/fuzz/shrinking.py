"""Make an example that failed short, from the numbers that it was drawn from. Hypothesis knows how."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import Flaky

from conformance.fuzz.drawing import Draw, Unfit

T = TypeVar("T")


class _Refused(Exception):
    """An example fails. Always raised in one line: to Hypothesis all failures are one."""


class _Found(ExampleDatabase):
    """What Hypothesis takes for the failure of an earlier run."""

    def __init__(self, chosen: Sequence[int]) -> None:
        super().__init__()
        self._value = choices_to_bytes([*chosen, 0])  # one too many, lest it be taken for short already

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Return it, by whatever name."""
        del key
        return [self._value]

    def save(self, key: bytes, value: bytes) -> None:
        """Keep nothing."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Keep nothing."""


def shrink(make: Callable[[Draw], T], chosen: Sequence[int], fails: Callable[[T], bool]) -> None:
    """Look for shorter examples that fail, beginning with the one that was made of the ``chosen`` numbers.

    ``fails`` remembers what it was asked; what it raises that is no ``Exception`` ends the search at once.
    """

    @st.composite
    def examples(draw: st.DrawFn) -> T:
        try:
            return make(Draw(lambda bound: draw(st.integers(0, bound - 1))))
        except Unfit:
            reject()

    @settings(
        max_examples=1_000_000,  # the caller bounds it by time
        deadline=None,
        database=_Found(chosen),
        report_multiple_bugs=False,
        print_blob=False,
        phases=(Phase.reuse, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(example=examples())
    def body(example: T) -> None:
        if fails(example):
            raise _Refused

    with contextlib.suppress(_Refused, Flaky):  # what failed is known to ``fails``
        body()
