"""Request targets in absolute form: RFC 9112 §3.2.2."""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.auth.refusal import Outcome, judge_identity, knock
from conformance.suite.routing.paths import legal
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request


def _absolute(target: Target, request: Request) -> Request:
    return request.saying(target=f"{target.url.origin}{request.target!s}")


async def _knock(target: Target, path: str, *, token: bool) -> Outcome:
    user = target.users[0] if token and target.users else None
    request = target.opening(target.at(path), token=user.token if user else None)
    return await knock(target, _absolute(target, request))


@pytest.mark.requirement("routing.absolute-form")
@pytest.mark.parametrize("path", [pytest.param(OWN, id="own"), pytest.param(ANONYMOUS, id="anonymous")])
async def test_absolute_form_is_the_origin_form(target: Target, path: str) -> None:
    request = legal(target, path)
    plain, absolute = await knock(target, request), await knock(target, _absolute(target, request))
    if not plain.confirmations:
        raise Inconclusive(f"the control failed: {path} in origin form got {plain}")
    if not absolute.confirmations or absolute.user_ids != plain.user_ids:
        raise Nonconformance(
            "the absolute form of an endpoint is not the endpoint",
            expected=[str(plain)],
            actual=absolute,
        )


@pytest.mark.requirement("routing.absolute-form-channel")
@pytest.mark.parametrize("token", [pytest.param(True, id="token"), pytest.param(False, id="no-token")])
async def test_absolute_form_reaches_no_other_users_channel(target: Target, *, token: bool) -> None:
    other = target.users[1].user_id if len(target.users) > 1 else 2
    outcome = await _knock(target, f"{OWN}{other}/", token=token)
    entitled = [target.users[0].user_id] if token and target.users else []
    judge_identity(outcome, entitled=entitled, what="another user's channel in absolute form")
    target.recorder.observe(str(outcome))


@pytest.mark.requirement("routing.absolute-form-channel")
async def test_absolute_form_opens_no_unknown_path(target: Target) -> None:
    request = target.opening(target.at("/ws/permissions/no-such-channel/"))
    await target.refuses(_absolute(target, request))
