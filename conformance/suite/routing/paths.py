"""What the tests of this chapter ask for, and how they judge a refusal."""

from __future__ import annotations

from collections.abc import Collection

from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire.handshake import Request

NOT_FOUND = frozenset({404, 403})
MALFORMED = NOT_FOUND | {400}
TOO_LONG = MALFORMED | {414, 431}


def own_id(target: Target) -> int:
    """Return an id that stands in paths: the first user's, whose token goes along, else any."""
    return target.users[0].user_id if target.users else 12


def asking(target: Target, path: str, *, token: bool = True) -> Request:
    """Return a handshake with the first user's token where there is one: it opens most."""
    return target.opening(target.at(path), token=target.users[0].token if token and target.users else None)


def legal(target: Target, path: str) -> Request:
    """Return a handshake for an endpoint, with a token only where nobody gets in without."""
    return asking(target, path, token=not target.profile.anonymous)


async def refused(target: Target, request: Request, statuses: Collection[int] = NOT_FOUND) -> Attempt:
    """Expect a refusal before the upgrade, and charge its status."""
    attempt = await target.refuses(request)
    target.recorder.charge(
        "routing.refusal-status",
        kept=attempt.status in statuses,
        message=f"{attempt} for {request.target!s:.80}, expected {' or '.join(map(str, sorted(statuses)))}",
    )
    return attempt
