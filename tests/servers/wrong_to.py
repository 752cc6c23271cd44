"""``python -m tests.servers.wrong_to WHOM NAME,… OPTIONS``: the reference server, wrong in several ways.

The names are of ``tests/defects/browser.py``. WHOM is ``browsers``, as they are meant, or ``everybody``:
then each raw client counts as a browser, too.
"""

from __future__ import annotations

import sys

from reference_server.__main__ import main
from tests.defects import browser
from tests.defects.registry import defects

if __name__ == "__main__":
    whom, names = sys.argv.pop(1), sys.argv.pop(1)
    if whom == "everybody":
        browser.from_browser = lambda _headers: True
    for name in names.split(","):
        defects()[name].apply()
    sys.exit(main())
