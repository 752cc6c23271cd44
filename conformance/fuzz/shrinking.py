"""Make an example that failed short, from the numbers that it was drawn from. Hypothesis knows how.

Hypothesis takes as long to load as all of this package. So it is loaded by the first failure, which most runs
do not have.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

from conformance.fuzz.drawing import Draw, Unfit

T = TypeVar("T")
_folder: list[str] = []


def keep_in(folder: str) -> None:
    """Remember the folder of the run that has begun: Hypothesis is not to write in the user's own."""
    _folder[:] = [folder]


def load() -> None:
    """Load Hypothesis, which may take seconds on a busy machine, and tell it of the folder."""
    with warnings.catch_warnings(action="ignore"):  # of a library that is loaded amid a test
        from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415 - see above

    for folder in _folder:
        set_hypothesis_home_dir(folder)


def shrink(make: Callable[[Draw], T], chosen: Sequence[int], fails: Callable[[T], bool]) -> None:
    """Look for shorter examples that fail, the same for the same example.

    Args:
        make: makes an example of numbers.
        chosen: the numbers of the example that failed.
        fails: whether an example fails; it remembers what it was asked. What it raises that is not an
            ``Exception`` ends the search at once.

    """
    from hypothesis import Phase, Verbosity, find, reject, settings  # noqa: PLC0415 - see above
    from hypothesis import strategies as st  # noqa: PLC0415
    from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes  # noqa: PLC0415

    @st.composite
    def examples(draw: st.DrawFn) -> T:
        try:
            return make(Draw(lambda bound: draw(st.integers(0, bound - 1))))
        except Unfit:
            reject()

    # To Hypothesis the example is the failure of an earlier run.
    earlier = InMemoryExampleDatabase()
    earlier.save(b"found", choices_to_bytes([*chosen, 0]))  # one too many, lest it be taken for short already
    with contextlib.suppress(Exception):  # also Hypothesis's own: what failed is known to ``fails``
        how = settings(
            settings(derandomize=True),
            max_examples=1_000_000,  # the caller bounds it by time
            deadline=None,
            database=earlier,
            print_blob=False,
            phases=(Phase.reuse, Phase.shrink),
            verbosity=Verbosity.quiet,
        )
        find(examples(), fails, settings=how, database_key=b"found")
