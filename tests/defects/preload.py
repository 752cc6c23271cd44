"""What every suite of the matrix needs, read once into the process that they are all forked from.

It is what a suite would import, read and compile by itself, and nothing else: no verdict depends on it.
"""

from __future__ import annotations

import gc
import inspect
from importlib import metadata

from conformance.plugin.traceability import suite_tests
from conformance.report import document, html

for plugin in metadata.entry_points(group="pytest11"):
    plugin.load()
suite_tests()  # collecting the suite imports its tests, with the assertions that pytest rewrites
inspect.getmodule(html.render.__code__)  # the first look for a line's module goes through all of them
document.schema()
for name in ("report", "browser", "gate"):
    html._template().environment.get_template(f"{name}.html.j2")
# What there is now is no child's garbage to look through, nor to copy.
gc.collect()
gc.freeze()
