"""Connections without a token, and what only looks like one."""

from __future__ import annotations

import base64

import pytest

from conformance.core.errors import Nonconformance
from conformance.suite.auth.refusal import AMBIGUOUS, control, judge_identity, judge_refusal, knock, offered
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

ENDPOINTS = [
    pytest.param(OWN, id="own"),
    pytest.param(ANONYMOUS, id="anonymous"),
    pytest.param(ANONYMOUS + "/", id="anonymous-slash"),
]


@pytest.mark.requirement("auth.anonymous")
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_without_a_token_a_client_is_anonymous(target: Target, path: str) -> None:
    outcome = await knock(target, target.opening(target.at(path)))
    if target.profile.anonymous:
        kept, expected = outcome.anonymous, "connection_confirmed with user_id null"
    else:
        kept, expected = not outcome.confirmations, "a refusal: the profile says that anonymous access is off"
    if not kept:
        raise Nonconformance(
            "a client without a token was not treated as it is", expected=[expected], actual=outcome
        )


@pytest.mark.requirement("auth.anonymous-channel-token")
@pytest.mark.parametrize("path", ENDPOINTS[1:])
async def test_good_token_on_the_anonymous_channel(target: Target, path: str) -> None:
    user = target.users[0]
    await control(target, user=user)
    outcome = await knock(target, target.opening(target.at(path), token=user.token))
    if not outcome.anonymous and not outcome.confirmed_as(user):
        raise Nonconformance(
            "a good token on the anonymous channel was confirmed neither as anonymous nor as its user",
            expected=["user_id null", f"user_id {user.user_id}"],
            actual=outcome,
        )
    target.recorder.observe("anonymous" if outcome.anonymous else "the token's user")


@pytest.mark.requirement("auth.no-token-no-user")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("?token=", id="empty"),
        pytest.param("?token", id="without-value"),
        pytest.param("?v=2&token=&lang=en", id="among-others"),
    ],
)
async def test_empty_token_in_the_query_is_no_user(target: Target, query: str) -> None:
    await control(target)
    outcome = await knock(target, target.opening(target.at(OWN) + query))
    judge_identity(outcome, what="an empty token")
    target.recorder.observe(str(outcome))


@pytest.mark.requirement("auth.no-token-no-user")
async def test_empty_cookie_is_no_user(target: Target) -> None:
    offered(target, "cookie")
    await control(target, carrier="cookie")
    outcome = await knock(target, target.opening(target.at(OWN), token="", carrier="cookie"))
    judge_identity(outcome, what="an empty cookie")
    target.recorder.observe(str(outcome))


@pytest.mark.requirement("auth.no-token-no-user")
@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Negotiate"])
async def test_another_scheme_is_no_user(target: Target, scheme: str) -> None:
    user = target.users[0]
    await control(target, user=user)
    pair = base64.b64encode(f"{user.name}:{user.user_id}".encode()).decode()
    value = f'Digest username="{user.name}"' if scheme == "Digest" else f"{scheme} {pair}"
    outcome = await knock(target, target.opening(target.at(OWN), extra=[("Authorization", value)]))
    judge_identity(outcome, what=f"Authorization: {scheme}")
    target.recorder.observe(str(outcome))


@pytest.mark.requirement("auth.bearer-without-token")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("bearer", id="alone"),
        pytest.param("chat, bearer", id="last"),
        pytest.param("bearer, bearer", id="twice"),
    ],
)
async def test_subprotocol_bearer_without_a_token(target: Target, value: str) -> None:
    offered(target, "subprotocol")
    await control(target, carrier="subprotocol")
    outcome = await knock(target, target.opening(target.at(OWN), extra=[("Sec-WebSocket-Protocol", value)]))
    judge_identity(outcome, what="`bearer` without a token")
    judge_refusal(target, outcome, statuses=AMBIGUOUS)


@pytest.mark.requirement("auth.bearer-without-token")
async def test_header_bearer_without_a_token(target: Target) -> None:
    offered(target, "header")
    await control(target, carrier="header")
    outcome = await knock(target, target.opening(target.at(OWN), extra=[("Authorization", "Bearer")]))
    judge_identity(outcome, what="`Bearer` without a token")
    judge_refusal(target, outcome, statuses=AMBIGUOUS)
