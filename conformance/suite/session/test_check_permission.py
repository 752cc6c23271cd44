"""`check_permission`: what is not granted is not held."""

from __future__ import annotations

import pytest

from conformance.errors import Nonconformance
from conformance.suite.session.replies import shown
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
    await _refused(target, target.anonymous_path, permission)


async def _refused(target: Target, path: str | None, permission: str) -> None:
    async with target.connect(path) as client:
        reply = await client.ask("check_permission", data={"permission": permission})
        data = reply.get("data")
        if (
            reply.get("type") != "permission_result"
            or not isinstance(data, dict)
            or data.get("permission") != permission
            or data.get("allowed") is not False
        ):
            raise Nonconformance(
                "check_permission was not answered by a refusal",
                expected=[f"permission_result with the permission {permission!r} and allowed: false"],
                actual=shown(reply),
            )
