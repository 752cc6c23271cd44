"""Which versions of WebSocket a server says that it speaks, and whether it looks at the version at all."""

from __future__ import annotations

from conformance.core.errors import NotApplicable
from conformance.target.target import Target
from conformance.wire.handshake import Request

VERSION = "Sec-WebSocket-Version"


async def listed(target: Target) -> list[str]:
    """Return the versions that the server says it speaks, in its refusal of one that nobody does."""
    refusal = await target.attempt(target.opening().setting(VERSION, "99"), label="which versions it speaks")
    refusal.connection.shut()
    named = refusal.response.get(VERSION) if refusal.response is not None and not refusal.upgraded else None
    return [one.strip() for one in (named or "").split(",") if one.strip()]


async def not_listed(target: Target, version: str) -> None:
    """Go on where the server does not say that it speaks a version, which it then may.

    Raises:
        NotApplicable: it says so.

    """
    versions = await listed(target)
    if version in versions:
        raise NotApplicable(
            f"the server lists version {version} as one that it speaks: {', '.join(versions)}"
        )


def versions_unread(target: Target) -> dict[str, Request]:
    """Return what only a server accepts that does not look at the version."""
    return {
        "handshake.version-unsupported": target.opening().setting(VERSION, "99"),
        "handshake.version-required": target.opening().without(VERSION),
    }
