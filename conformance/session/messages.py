"""The messages of the permissions protocol, checked against their JSON Schemas.

The branch is chosen by ``type`` first, so that a complaint names the member and not the whole message.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match


@cache
def schemas() -> dict[str, Any]:
    """Return the schemas of all messages that a server may send, by message type."""
    text = resources.files("conformance.spec").joinpath("messages.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    server: dict[str, Any] = loaded["server"]
    return server


@cache
def _validator(kind: str) -> Draft7Validator:
    return Draft7Validator(schemas()[kind])


def faults(message: Any) -> str:
    """Return what is wrong with a server's message in one line, or an empty string."""
    if not isinstance(message, dict):
        return "not a JSON object"
    kind = message.get("type")
    if not isinstance(kind, str):
        return "no string member 'type'"
    if kind not in schemas():
        return ""  # a message type that the specification does not know is nobody's fault
    error = best_match(_validator(kind).iter_errors(message))
    if error is None:
        return ""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{kind}{where}: {error.message[:200]}"
