"""Every carrier at every endpoint, with a token in every state: Protocol §3.

One test is one carrier at one endpoint; a control in front of it proves that the carrier works with a good
token, and one behind it that the refusals did not change that.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest

from conformance.suite.auth.refusal import control, judge_identity, judge_refusal, knock, offered
from conformance.target.profile import CARRIERS
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

ENDPOINTS = [
    pytest.param(OWN, id="own"),
    pytest.param(OWN + "{}/", id="user"),
    pytest.param(ANONYMOUS, id="anonymous"),
    pytest.param(ANONYMOUS + "/", id="anonymous-slash"),
]


async def _none_opens(target: Target, endpoint: str, carrier: str, tokens: Mapping[str, str]) -> None:
    await control(target, carrier=carrier)
    where = target.at(endpoint.format(target.users[0].user_id))
    for kind, token in tokens.items():
        request = target.opening(where, token=token, carrier=carrier)
        outcome = await knock(target, request)
        judge_identity(outcome, what=f"a token that is {kind} ({carrier} carrier)")
        judge_refusal(target, outcome)
    await control(target, carrier=carrier)


@pytest.mark.requirement("auth.bad-token")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_no_bad_token_opens_an_endpoint(target: Target, carrier: str, endpoint: str) -> None:
    offered(target, carrier)
    good = target.users[0].token
    cut, longer = good[:-1], good + "x"
    target.recorder.hide(cut, longer)
    tokens = {
        "malformed": "not-a-token",
        "unknown": secrets.token_urlsafe(32),
        "a good one cut short": cut,
        "a good one with a letter more": longer,
    }
    await _none_opens(target, endpoint, carrier, tokens)


@pytest.mark.requirement("auth.bad-token-declared")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_no_declared_bad_token_opens_an_endpoint(target: Target, carrier: str, endpoint: str) -> None:
    offered(target, carrier)
    tokens = {kind.replace("_", " "): token for kind, token in target.profile.bad_tokens.items()}
    await _none_opens(target, endpoint, carrier, tokens)
