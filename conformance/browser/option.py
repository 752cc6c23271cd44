"""Which browser the user asked for."""

from __future__ import annotations

import pytest

from conformance.browser.finding import BROWSERS


def browser_option(config: pytest.Config) -> str | None:
    """Return which browser was asked for.

    A ``--browser`` of somebody else, such as pytest-playwright's, says it too where it names one of ours.
    """
    own: str | None = config.getoption("conformance_browser")
    other = config.getoption("browser", None)
    other = other[0] if isinstance(other, list) and other else other
    return own or (other if other in {*BROWSERS, "all"} else None)
