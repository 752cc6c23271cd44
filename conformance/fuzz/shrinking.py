"""Make an example that failed short, from the numbers that it was drawn from. Hypothesis knows how."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, choices_to_bytes

from conformance.fuzz.drawing import Draw, Unfit

T = TypeVar("T")
EARLIER = "_hypothesis_internal_database_key"


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
    @seed(
        0
    )  # so that the same failure becomes the same short one; below the settings, whose database it drops
    @given(example=examples())
    def body(example: T) -> None:
        if fails(example):
            raise _Refused

    # As `hypothesis.find` does: with --hypothesis-seed there would be no failure of an earlier run.
    setattr(body, EARLIER, b"found")
    with contextlib.suppress(Exception):  # also Hypothesis's own: what failed is known to ``fails``
        body()
