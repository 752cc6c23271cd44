"""The fixtures of this chapter, beside the plugin's own ``browser`` and ``page``."""

from conformance.suite.events.fixtures import alice, burned, disposable, story

__all__ = ["alice", "burned", "disposable", "story"]
