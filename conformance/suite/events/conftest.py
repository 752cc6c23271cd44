"""The fixtures of this chapter."""

from conformance.suite.events.fixtures import alice, bob, burned, disposable, story
from conformance.suite.events.nodes import nodes

__all__ = ["alice", "bob", "burned", "disposable", "nodes", "story"]
