"""Two tokens in one opening handshake."""

from __future__ import annotations

from itertools import combinations, permutations
from urllib.parse import quote

import pytest

from conformance.core.errors import Nonconformance
from conformance.suite.auth.refusal import AMBIGUOUS, control, judge_identity, judge_refusal, knock, offered
from conformance.target.profile import CARRIERS
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request

BAD = "not-the-same-token"
ORDERED = [pytest.param(good, bad, id=f"good-{good}-bad-{bad}") for good, bad in permutations(CARRIERS, 2)]
PAIRS = [pytest.param(one, other, id=f"{one}-{other}") for one, other in combinations(CARRIERS, 2)]


def _both(target: Target, first: tuple[str, str], second: tuple[str, str]) -> Request:
    """Return a handshake with two tokens, each given as its carrier and its value."""
    carriers = {first[0]: first[1], second[0]: second[1]}
    path = target.at(OWN)
    if "query" in carriers:
        path += "?token=" + quote(carriers.pop("query"), safe="")
    origin = target.opening(path, token="x", carrier="cookie").get("Origin") if "cookie" in carriers else None
    return target.opening(path, origin=origin, extra=[target.carried(*pair) for pair in carriers.items()])


@pytest.mark.requirement("auth.conflicting-tokens")
@pytest.mark.parametrize(("good", "bad"), ORDERED)
async def test_good_token_beside_a_bad_one(target: Target, good: str, bad: str) -> None:
    offered(target, good, bad)
    await control(target, carrier=good)
    outcome = await knock(target, _both(target, (good, target.users[0].token), (bad, BAD)))
    judge_identity(outcome, what=f"a good token ({good}) beside a bad one ({bad})")
    judge_refusal(target, outcome, statuses=AMBIGUOUS)


@pytest.mark.requirement("auth.conflicting-users")
@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_tokens_of_two_users(target: Target, one: str, other: str) -> None:
    offered(target, one, other)
    await control(target, carrier=one)
    alice, bob = target.users[:2]
    outcome = await knock(target, _both(target, (one, alice.token), (other, bob.token)))
    judge_identity(outcome, what=f"tokens of two users ({one} and {other})")
    judge_refusal(target, outcome, statuses=AMBIGUOUS)


@pytest.mark.requirement("auth.conflicting-tokens")
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("order", ["good-first", "bad-first"])
async def test_same_carrier_twice(target: Target, carrier: str, order: str) -> None:
    offered(target, carrier)
    await control(target, carrier=carrier)
    good = target.users[0].token
    one, other = (good, BAD) if order == "good-first" else (BAD, good)
    name = target.profile.cookie
    plain = target.opening(target.at(OWN), token=one, carrier=carrier)
    request = {
        "query": plain.saying(target=f"{plain.target!s}&token={quote(other, safe='')}"),
        "header": plain.adding(("Authorization", f"Bearer {other}")),
        "subprotocol": plain.setting("Sec-WebSocket-Protocol", f"bearer, {one}, bearer, {other}"),
        "cookie": plain.setting("Cookie", f"{name}={one}; {name}={other}"),
    }[carrier]
    outcome = await knock(target, request)
    judge_identity(outcome, what=f"the carrier {carrier} with two tokens, {order},")
    judge_refusal(target, outcome, statuses=AMBIGUOUS)


@pytest.mark.requirement("auth.same-token-twice")
@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_same_token_in_two_carriers(target: Target, one: str, other: str) -> None:
    offered(target, one, other)
    user = target.users[0]
    await control(target, carrier=one)
    outcome = await knock(target, _both(target, (one, user.token), (other, user.token)))
    target.recorder.observe(str(outcome))
    if not outcome.confirmed_as(user):
        raise Nonconformance(
            "the same token in two carriers was not accepted",
            expected=[f"user_id {user.user_id}"],
            actual=outcome,
        )
