"""Bad tokens: confirmed as no user, and refused."""

from __future__ import annotations

import base64
import json
import secrets

import pytest

from conformance.suite.auth.refusal import (
    AMBIGUOUS,
    TOO_LONG,
    UNAUTHENTICATED,
    control,
    judge_identity,
    judge_refusal,
    knock,
    offered,
)
from conformance.target.routes import OWN
from conformance.target.target import Target

MALFORMED = "not-a-token"


def _unsigned(user_id: int) -> str:
    """Return a JSON Web Token that nobody signed: `alg` is `none` (RFC 7519 §6)."""
    claims = {"sub": str(user_id), "user_id": user_id, "exp": 4102444800}
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
        + "."
    )


def _forged(target: Target, kind: str) -> str:
    user = target.users[0]
    return {
        "unknown": secrets.token_urlsafe(32),
        "alg-none": _unsigned(user.user_id),
        "user-id": str(user.user_id),
        "user-name": user.name,
        "null": "null",
        "undefined": "undefined",
        "bearer": "bearer",
        "long": "t" * 3000,
    }[kind]


@pytest.mark.requirement("auth.bad-token")
@pytest.mark.parametrize(
    "kind", ["unknown", "alg-none", "user-id", "user-name", "null", "undefined", "bearer", "long"]
)
async def test_forged_token(target: Target, kind: str) -> None:
    await control(target)
    outcome = await knock(target, target.opening(target.at(OWN), token=_forged(target, kind)))
    judge_identity(outcome)
    judge_refusal(target, outcome, statuses=TOO_LONG if kind == "long" else UNAUTHENTICATED)


@pytest.mark.requirement("auth.bad-token")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("%00", id="nul"),
        pytest.param("%FF%FE", id="not-utf-8"),
        pytest.param("%", id="cut-percent-encoding"),
        pytest.param("%20", id="blank"),
        pytest.param("a%0D%0AX-Injected:%201", id="line-break"),
    ],
)
async def test_token_that_is_no_text(target: Target, value: str) -> None:
    offered(target, "query")
    await control(target, carrier="query")
    outcome = await knock(target, target.opening(f"{target.at(OWN)}?token={value}"))
    judge_identity(outcome)
    judge_refusal(target, outcome, statuses=AMBIGUOUS)
