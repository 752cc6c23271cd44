"""Hostile servers against the suite's own client: it never crashes, hangs or fills the memory.

``HOSTILE=20 pytest tests/hostile`` draws twenty times as many servers, and other ones each time.
"""
