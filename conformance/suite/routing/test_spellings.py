"""Other spellings of the endpoints: what gateways decode, routers forgive and number parsers wrap."""

from __future__ import annotations

import pytest

from conformance.core.errors import Nonconformance
from conformance.suite.auth.refusal import Outcome, judge_identity, knock
from conformance.suite.routing.paths import asking
from conformance.target.target import Target

ARABIC = {ord("0") + digit: f"%D9%{0xA0 + digit:X}" for digit in range(10)}
FULLWIDTH = {ord("0") + digit: f"%EF%BC%{0x90 + digit:X}" for digit in range(10)}
# {id} is another user's id: a spelling that opens that user's channel is seen by the identity.
OF_A_USER = [
    pytest.param("/ws/permissions/{id}%2F", id="encoded-last-slash"),
    pytest.param("/ws/permissions%2F{id}/", id="encoded-slash-before-id"),
    pytest.param("//ws/permissions/{id}/", id="leading-double-slash"),
    pytest.param("///ws/permissions/{id}/", id="leading-triple-slash"),
    pytest.param("/ws/permissions/{id};x/", id="parameter-behind-id"),
    pytest.param("/ws/permissions/{id}/;x", id="parameter-behind-slash"),
    pytest.param("/ws/permissions/{id}/%0A", id="line-feed"),
    pytest.param("/ws/permissions/{id}/%0D%0A", id="carriage-return-line-feed"),
    pytest.param("/ws/permissions/{id}/%3Fx=1", id="encoded-question-mark"),
    pytest.param("/ws/permissions/{arabic}/", id="arabic-indic-digits"),
    pytest.param("/ws/permissions/{fullwidth}/", id="fullwidth-digits"),
    pytest.param("/ws/permissions/00{id}/", id="leading-zeros"),
    pytest.param("/ws/permissions/{id:020}/", id="20-digits"),
    pytest.param("/ws/permissions/{id:040}/", id="40-digits"),
    pytest.param("/ws/permissions/{wrapped32}/", id="beyond-2^32"),
    pytest.param("/ws/permissions/{wrapped64}/", id="beyond-2^64"),
    pytest.param("/ws/permissions/9223372036854775808/", id="2^63"),
    pytest.param("/ws/permissions/99999999999999999999/", id="20-nines"),
]
OF_NOBODY = [
    pytest.param("//ws/permissions/", id="leading-double-slash"),
    pytest.param("/ws%2Fpermissions%2Fanonymous", id="encoded-slashes"),
    pytest.param("/ws/permissions/anonymous%2F", id="encoded-last-slash"),
    pytest.param("/ws/permissions/anonymous;x", id="parameter"),
    pytest.param("/ws/permissions/anonymous%0A", id="line-feed"),
    pytest.param("/ws/permissions/anonymous%3Fx=1", id="encoded-question-mark"),
]
UNRESERVED = [
    pytest.param("/ws/permissions/%61nonymous", id="letter"),
    pytest.param("/%77s/permissions/", id="first-letter"),
]


def _spelled(target: Target, path: str) -> str:
    user_id = target.users[1].user_id if len(target.users) > 1 else 2
    return path.format(
        id=user_id,
        arabic=str(user_id).translate(ARABIC),
        fullwidth=str(user_id).translate(FULLWIDTH),
        wrapped32=user_id + 2**32,
        wrapped64=user_id + 2**64,
    )


async def _judge(target: Target, path: str, *, token: bool) -> None:
    outcome = await knock(target, asking(target, path, token=token))
    target.recorder.observe(str(outcome))
    entitled = [target.users[0].user_id] if token and target.users else []
    judge_identity(outcome, entitled=entitled, what=path)
    if outcome.close is not None and outcome.close.code == 1011:
        raise Nonconformance(f"{path} caused an internal error", expected=["a refusal"], actual=outcome)
    target.recorder.charge(
        "routing.spelling-refused",
        kept=_refused(outcome),
        message=f"{outcome} for {path}, expected a refusal",
    )
    if not outcome.attempt.upgraded:
        target.judge_refusal(outcome.attempt)
    await target.aftermath()


def _refused(outcome: Outcome) -> bool:
    return not outcome.attempt.upgraded or (not outcome.messages and outcome.close is not None)


@pytest.mark.requirement("routing.spelling-identity")
@pytest.mark.parametrize("path", OF_A_USER)
@pytest.mark.parametrize("token", [pytest.param(True, id="token"), pytest.param(False, id="no-token")])
async def test_spelling_of_another_users_endpoint(target: Target, path: str, *, token: bool) -> None:
    await _judge(target, _spelled(target, path), token=token)


@pytest.mark.requirement("routing.spelling-identity")
@pytest.mark.parametrize("path", OF_NOBODY)
async def test_spelling_of_the_other_endpoints(target: Target, path: str) -> None:
    await _judge(target, path, token=True)


@pytest.mark.requirement("routing.percent-unreserved")
@pytest.mark.parametrize("path", UNRESERVED)
async def test_percent_encoded_letters(target: Target, path: str) -> None:
    outcome = await knock(target, asking(target, path))
    target.recorder.observe(str(outcome))
