"""`check_permission`: what is not granted is not held."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from conformance.client.matching import says
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.session.replies import shown
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target

UNKNOWN = [
    pytest.param("conformance.no-such-permission", id="unknown"),
    pytest.param("право.🚀", id="unicode"),
    pytest.param("' OR '1'='1", id="quotes"),
    pytest.param("*", id="asterisk"),
    pytest.param("__proto__", id="prototype"),
]
COMMON = ["articles.view", "admin", "is_superuser"]


@pytest.mark.requirement("session.permission-unknown")
@pytest.mark.parametrize("permission", UNKNOWN)
async def test_unknown_permission_is_not_held(target: Target, permission: str) -> None:
    await _refused(target, None, permission)


@pytest.mark.requirement("session.permission-anonymous")
@pytest.mark.parametrize("permission", COMMON)
async def test_anonymous_holds_no_permission(target: Target, permission: str) -> None:
    if permission in target.profile.public_permissions:
        raise NotApplicable(f"the profile says that {permission} is public")
    await _refused(target, target.anonymous_path, permission)


@pytest.mark.requirement("session.permission-held")
async def test_user_holds_what_the_profile_says(target: Target) -> None:
    holders = [user for user in target.users if user.permissions]
    if not holders:
        raise NotApplicable("the profile lists no user's permissions")
    for user in holders:
        async with target.connect(target.at(OWN), user=user) as client:
            await _answers(client, user.permissions or (), user, allowed=True)


@pytest.mark.requirement("session.permission-held")
async def test_everybody_holds_what_is_public(target: Target) -> None:
    if not target.profile.public_permissions or not target.has("anonymous"):
        raise NotApplicable("the profile names no public permission, or anonymous access is off")
    async with target.connect(target.anonymous_path) as client:
        await _answers(client, target.profile.public_permissions, None, allowed=True)


@pytest.mark.requirement("session.permission-of-another")
async def test_user_does_not_hold_what_another_does(target: Target) -> None:
    listed = [user for user in target.users if user.permissions is not None]
    asked = 0
    for user in listed:
        own = {*(user.permissions or ()), *target.profile.public_permissions}
        foreign = sorted({one for other in listed for one in other.permissions or ()} - own)
        if not foreign:
            continue
        asked += len(foreign)
        async with target.connect(target.at(OWN), user=user) as client:
            await _answers(client, foreign, user, allowed=False)
    if not asked:
        raise NotApplicable("the profile lists no permission that one user holds and another does not")


async def _answers(
    client: Client, permissions: Iterable[str], user: Credential | None, *, allowed: bool
) -> None:
    if client.user_id != (user.user_id if user else None):
        raise Inconclusive(f"a connection that this test needs was confirmed as {client.user_id}")
    name = user.name if user else "anonymous"
    for permission in permissions:
        if await client.allowed(permission) is not allowed:
            raise Nonconformance(
                f"check_permission contradicts the profile's permissions of {name}",
                expected=[f"allowed: {str(allowed).lower()} for {permission!r}"],
                actual=f"allowed: {str(not allowed).lower()}",
            )


async def _refused(target: Target, path: str | None, permission: str) -> None:
    async with target.connect(path) as client:
        reply = await client.ask("check_permission", data={"permission": permission})
        data = {"permission": permission, "allowed": False}
        if not says(reply, {"type": "permission_result", "data": data}):
            raise Nonconformance(
                "check_permission was not answered by a refusal",
                expected=[f"permission_result with the permission {permission!r} and allowed: false"],
                actual=shown(reply),
            )
