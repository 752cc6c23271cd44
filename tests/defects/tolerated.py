"""Servers that are right in another way than the reference server: nothing of theirs may turn red."""

from __future__ import annotations

from collections.abc import Callable

FILES = ("protocol",)
MANNERS: dict[str, Callable[[], None]] = {}
