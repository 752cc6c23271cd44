"""`python -m tests.defects.serve MODULE.NAME …`: the reference server with one defect, or one other manner.

With ``MODULE``, such as ``framing``, that module alone is imported, which takes a quarter of the time; a bare
NAME is looked for in all of them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from reference_server.__main__ import main


def vice(name: str) -> Callable[[], None]:
    """Return the function that makes the server wrong, or different."""
    module, _, function = name.rpartition(".")
    if module:
        found: Callable[[], None] = getattr(
            importlib.import_module(f"tests.defects.{module}"), function.replace("-", "_")
        )
        return found
    from tests.defects import tolerated_handshakes  # noqa: PLC0415 - slow, and seldom needed
    from tests.defects.registry import defects  # noqa: PLC0415

    return tolerated_handshakes.MANNERS.get(name) or defects()[name].apply


if __name__ == "__main__":
    vice(sys.argv.pop(1))()
    sys.exit(main())
