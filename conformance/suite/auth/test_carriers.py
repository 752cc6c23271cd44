"""Good tokens in each carrier."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.core.evidence import Told
from conformance.suite.auth.refusal import control, knock
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request

QUERIES = [
    pytest.param("?token={}", id="alone"),
    pytest.param("?token={}&v=2", id="first"),
    pytest.param("?v=2&token={}", id="last"),
]
COOKIES = [
    pytest.param("{name}={token}", id="alone"),
    pytest.param("theme=dark; {name}={token}; lang=en", id="among-others"),
    pytest.param("x{name}=decoy; {name}={token}", id="behind-one-that-ends-alike"),
]


async def _is(target: Target, request: Request, user: Credential) -> None:
    outcome = await knock(target, request)
    if not outcome.confirmed_as(user):
        raise Nonconformance(
            "a good token was not confirmed as its user",
            expected=[f"connection_confirmed with user_id {user.user_id}"],
            actual=outcome,
        )


@pytest.mark.requirement("auth.query-token")
@pytest.mark.parametrize("query", QUERIES)
async def test_token_in_the_query(target: Target, query: str) -> None:
    user = target.users[0]
    path = target.at(OWN) + query.format(quote(user.token, safe=""))
    await _is(target, target.opening(path), user)


@pytest.mark.requirement("auth.header-token")
async def test_token_in_the_header(target: Target) -> None:
    user = target.users[0]
    await _is(target, target.opening(target.at(OWN), token=user.token, carrier="header"), user)


@pytest.mark.requirement("auth.header-scheme-case")
@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_scheme_in_any_case(target: Target, scheme: str) -> None:
    await control(target, carrier="header")
    user = target.users[0]
    await _is(
        target, target.opening(target.at(OWN), extra=[("Authorization", f"{scheme} {user.token}")]), user
    )


@pytest.mark.requirement("auth.subprotocol-token")
async def test_token_as_a_subprotocol(target: Target) -> None:
    user = target.users[0]
    await _is(target, target.opening(target.at(OWN), token=user.token, carrier="subprotocol"), user)


@pytest.mark.requirement("auth.subprotocol-answer")
async def test_subprotocol_pair_is_answered_by_bearer(target: Target) -> None:
    await control(target, carrier="subprotocol")
    outcome = await knock(
        target, target.opening(target.at(OWN), token=target.users[0].token, carrier="subprotocol")
    )
    response = outcome.attempt.response
    answer = response.all("Sec-WebSocket-Protocol") if response else []
    if answer != ["bearer"]:
        raise Nonconformance(
            "the subprotocol pair was not answered by `bearer`",
            expected=["Sec-WebSocket-Protocol: bearer, once"],
            actual=Told(f"{outcome.attempt} with Sec-WebSocket-Protocol {answer}", outcome.at),
        )


@pytest.mark.requirement("auth.cookie-token")
@pytest.mark.parametrize("cookies", COOKIES)
async def test_token_in_the_cookie(target: Target, cookies: str) -> None:
    user = target.users[0]
    plain = target.opening(target.at(OWN), token=user.token, carrier="cookie")
    value = cookies.format(name=target.profile.cookie, token=user.token)
    await _is(target, plain.setting("Cookie", value), user)


@pytest.mark.requirement("auth.user-id-exact")
async def test_user_id_is_exact(target: Target) -> None:
    for user in target.users:
        outcome = await knock(target, target.opening(target.at(OWN), token=user.token))
        large = abs(user.user_id) > 2**53
        if outcome.confirmed_as(user) or (large and outcome.refused(range(400, 600), (1008, 4401, 4403))):
            target.recorder.observe(f"{user.user_id}: {outcome}")
            continue
        raise Nonconformance(
            f"user {user.user_id} was not confirmed by that id",
            expected=[f"user_id {user.user_id}", *(["a refusal"] if large else [])],
            actual=outcome,
        )


@pytest.mark.requirement("auth.groups")
async def test_groups_are_the_users(target: Target) -> None:
    known = [user for user in target.users if user.groups is not None]
    if not known:
        raise NotApplicable("no [credentials.NAME] of the profile has groups")
    for user in known:
        async with target.connect(target.at(OWN), user=user) as client:
            groups = client.confirmation.get("groups")
            if not isinstance(groups, list) or sorted(map(str, groups)) != sorted(user.groups or ()):
                raise Nonconformance(
                    f"user {user.user_id} was not confirmed with the groups of the profile",
                    expected=[f"groups {sorted(user.groups or ())} in any order"],
                    actual=f"groups {groups!r}",
                )


@pytest.mark.requirement("auth.query-only")
async def test_query_is_not_the_only_carrier(target: Target) -> None:
    carriers = target.profile.carriers
    if set(carriers) == {"query"}:
        raise Nonconformance(
            "tokens are taken in the query only, where logs and histories keep them",
            expected=["one of header, subprotocol, cookie beside the query"],
            actual="[carriers] offered = query",
        )
    target.recorder.observe(f"offered: {', '.join(carriers)}")
