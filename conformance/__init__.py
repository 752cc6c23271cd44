"""The conformance suite that WebSocket backends are held to."""

__version__ = "0.1.0"
