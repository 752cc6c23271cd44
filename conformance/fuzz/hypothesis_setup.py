"""Hypothesis as this suite needs it: with its notes in a folder of the run, and the same for the same seed.

Hypothesis takes as long to load as all of this package. So it is told its folder when it is first needed,
which in most runs is never, and whoever needs it loads it then.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

SOURCE = "_get_local_constants"
_folder: list[str] = []


def keep_in(folder: str) -> None:
    """Remember the folder of the run that has begun: the user's own is not ours to write in."""
    _folder[:] = [folder]


def tell() -> None:
    """Load Hypothesis and tell it of the folder, before it does anything; without a run it keeps its own."""
    with warnings.catch_warnings(action="ignore"):  # of a library that is loaded amid a test
        from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415 - see above

    for folder in _folder:
        set_hypothesis_home_dir(folder)


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Draw without the constants of local modules; where Hypothesis takes none, nothing changes.

    Hypothesis mixes constants of every local module that happens to be imported into what it draws. A test
    that runs alone, or from an installed package, would so draw other conversations than in the whole suite,
    and a seed from a report would not give them back. Nothing public turns that off.
    """
    from hypothesis.internal.conjecture import providers  # noqa: PLC0415 - see above

    module: Any = providers
    original = getattr(module, SOURCE, None)
    if original is None:
        yield
        return
    setattr(module, SOURCE, module.Constants)
    module.CONSTANTS_CACHE.cache.clear()
    try:
        yield
    finally:
        setattr(module, SOURCE, original)
        module.CONSTANTS_CACHE.cache.clear()
