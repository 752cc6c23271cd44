"""What a defect is, and all of them."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MODULES = (
    "handshake",
    "refusals",
    "malformed",
    "framing",
    "server_frames",
    "utf8",
    "closing",
    "deflate",
    "conversations",
    "session",
    "messages",
    "auth",
    "jwt_tokens",
    "origin",
    "routing",
    "events",
    "delivery",
    "port",
    "browser",
    "robustness",
    "handshake_bytes",
    "handshake_early",
    "handshake_refusals",
    "deflate_offers",
    "http2",
    "data",
    "limits",
    "routes",
    "model",
    "nodes",
)


@dataclass(frozen=True, slots=True)
class Defect:
    """One vice: what it breaks, and what is run to see it.

    ``companions`` are requirements that cannot but go down with it, each with the argument why; ``files``
    are the tests that are run, below ``conformance/suite``; ``profile`` replaces texts of the profile.
    Without ``sample`` nothing else is run: the vice takes away what the other tests need.
    """

    name: str
    requirement: str
    apply: Callable[[], None]
    module: str
    files: tuple[str, ...]
    companions: Mapping[str, str] = field(default_factory=dict)
    profile: Mapping[str, str] = field(default_factory=dict)
    time_scale: float = 0.2
    sample: bool = True


REGISTRY: dict[str, Defect] = {}


def chapter(*files: str, time_scale: float = 0.2) -> Callable[..., Any]:
    """Return the decorator of one module's defects, with the tests that they are shown to."""

    def defect(
        requirement: str,
        *,
        companions: Mapping[str, str] | None = None,
        profile: Mapping[str, str] | None = None,
        files: tuple[str, ...] = files,
        time_scale: float = time_scale,
        sample: bool = True,
    ) -> Callable[[Callable[[], None]], Callable[[], None]]:
        def register(apply: Callable[[], None]) -> Callable[[], None]:
            name = apply.__name__.replace("_", "-")
            module = apply.__module__.rsplit(".", 1)[-1]
            assert name not in REGISTRY, f"two defects are called {name}"
            REGISTRY[name] = Defect(
                name, requirement, apply, module, files, companions or {}, profile or {}, time_scale, sample
            )
            return apply

        return register

    return defect


def defects() -> dict[str, Defect]:
    """Return every defect by its name."""
    for module in MODULES:
        importlib.import_module(f"tests.defects.{module}")
    return REGISTRY


def around(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function around one of a module or class; it gets the original as its first argument."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        is_classmethod = inspect.isclass(owner) and inspect.ismethod(original)
        setattr(owner, name, staticmethod(patched) if is_classmethod else patched)
        return function

    return decorate
