"""The fixtures of this chapter."""

from conformance.suite.events.fixtures import alice, bob, burned, disposable, story

__all__ = ["alice", "bob", "burned", "disposable", "story"]
