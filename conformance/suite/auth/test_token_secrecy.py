"""A token goes in and never comes out."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import Told
from conformance.suite.auth.refusal import Outcome, control, knock, offered
from conformance.target.profile import CARRIERS
from conformance.target.routes import OWN
from conformance.target.target import Target

# Each makes a server say something about the connection or about what it received.
PROVOCATIONS = (
    '{"type":"connect","data":{"userId":"anonymous"}}',
    '{"type":"conformance-no-such-type"}',
    '{"type":"check_permission","data":{"permission":"conformance.no-such-permission"}}',
    "no JSON",
    "[]",
)


def _judge(outcome: Outcome, token: str) -> None:
    received = outcome.received()
    spellings = {
        "as it is": token.encode(),
        "percent-encoded": quote(token, safe="").encode(),
        "in base64": base64.b64encode(token.encode()).rstrip(b"="),
    }
    found = [name for name, spelling in spellings.items() if spelling in received]
    if found:
        raise Nonconformance(
            f"the token came back, {found[0]}",
            expected=["no response, message or close reason with the token in it"],
            actual=Told(f"{outcome}; the token in {_place(outcome, spellings[found[0]])}", outcome.at),
        )


def _place(outcome: Outcome, spelling: bytes) -> str:
    response = outcome.attempt.response
    if response is not None and spelling in response.head:
        return "the response's head"
    if response is not None and spelling in response.body:
        return "the response's body"
    return "a frame"


@pytest.mark.requirement("auth.token-secrecy")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_good_token_never_comes_back(target: Target, carrier: str) -> None:
    offered(target, carrier)
    token = target.users[0].token
    request = target.opening(target.at(OWN), token=token, carrier=carrier)
    outcome = await knock(target, request, saying=PROVOCATIONS)
    _judge(outcome, token)
    if target.users[0].user_id not in outcome.user_ids:
        raise Inconclusive(f"the provocations were not heard: a good token got {outcome}")


@pytest.mark.requirement("auth.token-secrecy")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_bad_token_never_comes_back(target: Target, carrier: str) -> None:
    offered(target, carrier)
    await control(target, carrier=carrier)
    token = f"unknown-{secrets.token_hex(16)}"
    _judge(await knock(target, target.opening(target.at(OWN), token=token, carrier=carrier)), token)


@pytest.mark.requirement("auth.token-secrecy")
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("fault", ["unknown-path", "wrong-version", "plain-get"])
async def test_token_never_comes_back_in_a_refusal(target: Target, carrier: str, fault: str) -> None:
    offered(target, carrier)
    await control(target, carrier=carrier)
    token = target.users[0].token
    path = target.at("/ws/permissions/no-such-channel/" if fault == "unknown-path" else OWN)
    request = target.opening(path, token=token, carrier=carrier)
    if fault == "wrong-version":
        request = request.setting("Sec-WebSocket-Version", "12")
    if fault == "plain-get":
        request = request.without("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
        request = request.adding(("Connection", "close"))
    _judge(await knock(target, request), token)
