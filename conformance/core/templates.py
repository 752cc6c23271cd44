"""Templates of the HTML pages that ship with the package: strict, and every value escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@functools.cache
def environment(package: str, finalize: Callable[[object], object] | None = None) -> Environment:
    """Return the set-up for a package's templates; ``finalize`` is applied to every value that is printed."""
    made = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["digest"] = _digest
    return made


def _digest(code: str) -> Markup:
    """Return the policy source that allows exactly this inline ``code``."""
    sha256 = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(sha256)
