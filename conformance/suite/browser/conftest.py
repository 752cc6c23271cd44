"""The fixtures of this chapter: its own, and those of tests that cause changes.

They stand here and not in the plugin, where ``browser`` and ``page`` would be mistaken for those of
pytest-playwright, in this suite or in the user's own tests.
"""

from conformance.browser.fixtures import browser, page
from conformance.suite.events.fixtures import alice, burned, disposable, story

__all__ = ["alice", "browser", "burned", "disposable", "page", "story"]
