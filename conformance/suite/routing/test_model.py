"""Whatever path, spelling, method and query: the model of §2, and a search for what disagrees with it."""

from __future__ import annotations

import itertools

import pytest

from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.core.evidence import other
from conformance.fuzz.search import Manner, Plan, search
from conformance.suite.auth.refusal import Outcome, judge_identity, knock
from conformance.suite.routing.model import Request, Route, requests, route
from conformance.suite.routing.paths import TOO_LONG
from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire import handshake

EXAMPLES = 250
PACE = 8  # a fresh connection is tried behind each eighth refusal, the bystander asked behind each
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@pytest.mark.requirement("routing.model")
async def test_request_is_answered_as_the_model_says(plan: Plan, target: Target) -> None:
    users = target.users
    own = users[0].user_id if users else None
    other = users[1].user_id if len(users) > 1 else 2
    refusals = itertools.count(1)
    await target.bystander()

    async def check(case: Request, _manner: Manner) -> None:
        target.recorder.record.transcripts.clear()  # only those of the last request
        found = route(case.path)
        try:
            outcome = await answer(target, case, found)
            judge(target, case, found, outcome, own)
            if not outcome.attempt.upgraded:
                await behind_refusal(target, case, outcome.attempt, next(refusals))
        except Unreachable as trouble:
            raise Inconclusive(f"{case} was the last that was asked: {trouble}") from None

    tried = await search(
        requests([one for one in (own, other) if one is not None]),
        check,
        examples=EXAMPLES,
        plan=plan,
        budget=target.limits.event / 2,
        size=lambda case: (len(case.path + case.query), str(case)),
        stateful=True,
    )
    target.recorder.note(f"{tried} requests were made")


def asked(target: Target, case: Request) -> handshake.Request:
    """Return a case as an opening handshake."""
    token = target.users[0].token if case.token and target.users else None
    return target.opening(target.at(case.path + case.query), token=token).saying(method=case.method)


async def answer(target: Target, case: Request, found: Route) -> Outcome:
    """Return what becomes of a request; what must not be upgraded is not listened to any further."""
    if found.kind != "none" and case.method == "GET":
        return await knock(target, asked(target, case))
    attempt = await target.attempt(asked(target, case))
    attempt.connection.shut()
    return Outcome(attempt)


def judge(target: Target, case: Request, found: Route, outcome: Outcome, own: int | None) -> None:
    """Expect what the model says of a request."""
    entitled = [own] if case.token and own is not None else []
    judge_identity(outcome, entitled=entitled, what=str(case))
    if outcome.close is not None and outcome.close.code == 1011:
        raise Nonconformance(f"{case} caused an internal error", expected=["a refusal"], actual=outcome.told)
    if found.kind == "none" or case.method != "GET":
        if outcome.attempt.upgraded:
            what = "is no endpoint" if found.kind == "none" else "is no opening handshake"
            raise Nonconformance(
                f"{case} {what} and was opened",
                expected=["a refusal"],
                actual=outcome,
                happened=other(f"{case.method} {what} and was opened"),
            )
    elif found.kind == "spelling":
        refused = not outcome.attempt.upgraded or (not outcome.messages and outcome.close is not None)
        message = f"{outcome} for {case.path}, expected a refusal"
        target.recorder.charge("routing.spelling-refused", kept=refused, message=message)
    elif found.kind != "equivalent":
        judge_endpoint(target, case, found, outcome, own)


def judge_endpoint(target: Target, case: Request, found: Route, outcome: Outcome, own: int | None) -> None:
    """Expect that an endpoint is open to whom it is for, as whom it is for."""
    known = case.token and own is not None
    if found.kind == "user" and not (known and found.user_id == own):
        return  # somebody else's: that nobody is confirmed as that user was expected already
    if not known and not target.profile.anonymous:
        return
    allowed = {"own": [own if known else None], "user": [own], "anonymous": [None, own if known else None]}
    wanted = allowed[found.kind]
    if not outcome.confirmations or outcome.confirmations[0].get("user_id") not in wanted:
        names = ["null" if one is None else one for one in dict.fromkeys(wanted)]
        raise Nonconformance(
            f"{case} is an endpoint and was not opened as such",
            expected=[f"confirmed with user_id {one}" for one in names],
            actual=outcome.told,
        )


async def behind_refusal(target: Target, case: Request, first: Attempt, number: int) -> None:
    """Judge how a request was refused, that it would be so again, and that it harmed nobody."""
    target.judge_refusal(first)
    if route(case.path).kind == "none" and case.method == "GET":
        # Who asks without a token may be asked for one before the path is looked at.
        statuses = TOO_LONG if case.token else TOO_LONG | {401}
        target.recorder.charge(
            "routing.refusal-status",
            kept=first.status in statuses,
            message=f"{first} for {case.path!s:.80}, expected {', '.join(map(str, sorted(statuses)))}",
        )
    if number % PACE:
        try:
            await (await target.bystander()).ping()
        except Nonconformance as fault:
            raise Nonconformance(
                f"{case} silenced another connection", expected=fault.expected, actual=fault.came
            ) from None
        return
    again = await target.attempt(asked(target, case))
    again.connection.shut()
    if not {first.status, again.status} & PASSING:
        target.recorder.charge(
            "routing.refusals-steady",
            kept=first.status == again.status,
            message=f"{first}, then {again} for {case}",
        )
    await target.aftermath()
