"""Where Hypothesis keeps its notes: in a folder of the run, for the user's own is not ours to write in.

Hypothesis takes as long to load as all of this package. So it is told its folder when it is first needed,
which in most runs is never, and whoever needs it loads it then.
"""

from __future__ import annotations

import warnings

_folder: list[str] = []


def keep_in(folder: str) -> None:
    """Remember the folder of the run that has begun."""
    _folder[:] = [folder]


def tell() -> None:
    """Load Hypothesis and tell it of the folder, before it does anything; without a run it keeps its own."""
    with warnings.catch_warnings(action="ignore"):  # of a library that is loaded amid a test
        from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415 - see above

    for folder in _folder:
        set_hypothesis_home_dir(folder)
