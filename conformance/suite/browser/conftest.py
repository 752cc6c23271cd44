"""The fixtures of this chapter: its own, and those of tests that cause changes.

They stand here and not in the plugin, where ``browser`` and ``page`` would be mistaken for those of
pytest-playwright, in this suite or in the user's own tests.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from conformance.browser.finding import asked_for
from conformance.browser.keeper import Keeper
from conformance.core.errors import Inconclusive, NotApplicable
from conformance.plugin.browser_fixtures import browser, keeper, page
from conformance.plugin.browser_option import browser_option
from conformance.suite.events.fixtures import alice, burned, disposable, story

__all__ = ["alice", "browser", "burned", "disposable", "keeper", "page", "story"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in each browser that was asked for."""
    option = browser_option(metafunc.config)
    if option is not None and "keeper" in metafunc.fixturenames:
        metafunc.parametrize("keeper", asked_for(option), indirect=True, scope="session")


@contextlib.contextmanager
def blaming(item: pytest.Item) -> Iterator[None]:
    """Say that it was the browser, where it crashed or hung: nothing that a test saw then is the server's."""
    try:
        yield
    except NotApplicable:
        raise
    except Exception:
        kept = getattr(item, "funcargs", {}).get("keeper")
        why = kept.why() if isinstance(kept, Keeper) else ""
        if not why:
            raise
        raise Inconclusive(f"{why}, which says nothing about the server: run this test again") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Open the test's page."""
    with blaming(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, None, None]:
    """Run the test beside a watch over its page."""
    test, kept = item.obj, item.funcargs.get("keeper")
    shown: Any = item.funcargs.get("page")
    if isinstance(kept, Keeper):

        @functools.wraps(test)
        async def watched(**given: Any) -> None:
            await kept.keep(functools.partial(test, **given), shown)

        item.obj = watched
    try:
        with blaming(item):
            yield
    finally:
        item.obj = test
