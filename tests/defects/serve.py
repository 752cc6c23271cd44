"""`python -m tests.defects.serve NAME …`: the reference server with one defect, or one other manner."""

from __future__ import annotations

import sys

from reference_server.__main__ import main
from tests.defects import tolerated_handshakes
from tests.defects.registry import defects

if __name__ == "__main__":
    name = sys.argv.pop(1)
    if name in tolerated_handshakes.MANNERS:
        tolerated_handshakes.MANNERS[name]()
    else:
        defects()[name].apply()
    sys.exit(main())
