"""A token in a subprotocol that breaks the grammar of Sec-WebSocket-Protocol: RFC 6455 §4.2.1 and §4.3."""

from __future__ import annotations

import pytest

from conformance.suite.auth.refusal import control, judge_identity, knock
from conformance.target.routes import OWN
from conformance.target.target import Target


@pytest.mark.requirement("auth.malformed-pair")
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param('bearer, "{}"', id="quoted"),
        pytest.param("bearer, {};v=1", id="parameter"),
        pytest.param("bearer, {} x", id="word-behind"),
        pytest.param("bearer, x {}", id="word-in-front"),
        pytest.param("bearer {}", id="blank-for-comma"),
        pytest.param("bearer;{}", id="semicolon-for-comma"),
        pytest.param("bearer={}", id="value"),
    ],
)
async def test_no_token_is_cut_out_of_a_malformed_subprotocol(target: Target, shape: str) -> None:
    await control(target, carrier="subprotocol")
    offer = ("Sec-WebSocket-Protocol", shape.format(target.users[0].token))
    outcome = await knock(target, target.opening(target.at(OWN), extra=[offer]))
    judge_identity(outcome, what="a token in a malformed subprotocol")
    target.recorder.observe(str(outcome))
