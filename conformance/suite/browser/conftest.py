"""The fixtures of this chapter: its own, and those of tests that cause changes.

They stand here and not in the plugin, where ``browser`` and ``page`` would be mistaken for those of
pytest-playwright, in this suite or in the user's own tests.
"""

import pytest

from conformance.browser.finding import asked_for
from conformance.browser.fixtures import browser, page
from conformance.browser.option import browser_option
from conformance.suite.events.fixtures import alice, burned, disposable, story

__all__ = ["alice", "browser", "burned", "disposable", "page", "story"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in each browser that was asked for."""
    option = browser_option(metafunc.config)
    if option is not None and "browser" in metafunc.fixturenames:
        metafunc.parametrize("browser", asked_for(option), indirect=True, scope="session")
