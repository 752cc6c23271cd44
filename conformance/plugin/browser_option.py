"""Which browser the user asked for."""

from __future__ import annotations

import pytest

from conformance.browser.finding import BROWSERS
from conformance.plugin.entry import guest_of

NAMES = (*BROWSERS, "all")


def browser_option(config: pytest.Config) -> str | None:
    """Return which browser was asked for.

    A ``--browser`` of somebody else, such as pytest-playwright's, says it too where it names one of ours.

    Raises:
        UsageError: there is no browser of that name.

    """
    own: str | None = config.option.conformance_browser
    if own is not None and own not in NAMES:
        option = guest_of(config).spelled("browser")
        raise pytest.UsageError(f"{option}={own}: it is none of {', '.join(NAMES)}.")
    other = config.getoption("browser", None) if "browser" in guest_of(config).taken else None
    other = other[0] if isinstance(other, list) and other else other
    return own or (other if other in NAMES else None)
