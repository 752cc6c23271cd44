"""The same seed, the same conversations: whatever else this process has loaded.

Hypothesis mixes constants of every local module that happens to be imported into what it draws. A test that
runs alone, or from an installed package, would so draw other conversations than in the whole suite, and a
seed from a report would not give them back. Nothing public turns that off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hypothesis.internal.conjecture import providers

SOURCE = "_get_local_constants"


@contextlib.contextmanager
def steady() -> Iterator[None]:
    """Draw without the constants of local modules; where Hypothesis takes none, nothing changes."""
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
