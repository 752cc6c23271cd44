"""Conversations that no table holds: RFC 6455 §5 and RFC 7692, drawn at random and made short on failure.

``--examples=N`` draws more of them, for nights; ``--hypothesis-seed=S`` draws the same again.
"""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive
from conformance.fuzz.conversation import Conversation, Menu
from conformance.fuzz.faults import FAULTS, Fault, Wrong, wrong
from conformance.fuzz.search import Manner, Plan, search
from conformance.fuzz.strategies import conversations
from conformance.suite.protocol.fuzzing import (
    AT_ONCE,
    COMPRESSED,
    FAULTY,
    HELD,
    UnwelcomeError,
    apart,
    hold,
    menu_of,
    refuse,
    shrinking_time,
)
from conformance.target.target import Target

UNPROVEN = 3
Menus = dict[bool, Menu]


@pytest.fixture(scope="module")
def menus() -> Menus:
    """Return what was found out for tests before: without compression, and with it."""
    return {}


async def found_out(target: Target, menus: Menus, *, compress: bool) -> Menu:
    """Return which messages leave a connection open; where texts do not, the next test asks again."""
    if compress not in menus:
        menu = await menu_of(target, compress=compress)
        if not menu.texts:
            return menu
        menus[compress] = menu
    return menus[compress]


async def hold_conversations(
    target: Target, menus: Menus, plan: Plan, *, compress: bool, examples: int
) -> None:
    """Hold as many legal conversations as the plan says, or as many as are usual."""
    menu = await found_out(target, menus, compress=compress)
    held, objections = 0, list[str]()

    async def check(conversation: Conversation, manner: Manner) -> None:
        nonlocal held
        try:
            await hold(target, menu, conversation, manner)
            held += 1
        except UnwelcomeError as objection:
            objections.append(str(objection))

    await search(
        conversations(menu),
        apart(target, check),
        examples=examples,
        plan=plan,
        budget=shrinking_time(target),
        at_once=AT_ONCE,
    )
    if not held:
        raise Inconclusive(f"the control failed: the application ends every conversation: {objections[0]}")
    target.recorder.observe(f"drawn: {plan.count(examples)}")
    if objections:
        target.recorder.observe(
            f"{len(objections)} of them could not be judged: the application ends the connection for "
            f"what they say: {objections[0]}"
        )


@pytest.mark.requirement("framing.any-conversation")
async def test_any_legal_conversation_is_answered(target: Target, menus: Menus, plan: Plan) -> None:
    await hold_conversations(target, menus, plan, compress=False, examples=HELD)


@pytest.mark.requirement("deflate.any-conversation")
async def test_any_compressed_conversation_is_answered(target: Target, menus: Menus, plan: Plan) -> None:
    await hold_conversations(target, menus, plan, compress=True, examples=COMPRESSED)


@pytest.mark.parametrize(
    "fault",
    [pytest.param(one, id=one.id, marks=pytest.mark.requirement(one.requirement)) for one in FAULTS],
)
async def test_fault_anywhere_fails_the_connection(
    target: Target, menus: Menus, plan: Plan, fault: Fault
) -> None:
    await target.bystander()
    menu = await found_out(target, menus, compress=fault.deflate)
    if fault.late and not menu.texts:
        raise Inconclusive(f"an ordinary text message ends the connection: {menu.minds}")
    came_so_far: list[bool] = []

    async def check(example: Wrong, manner: Manner) -> None:
        if came_so_far.count(False) >= UNPROVEN:
            if not any(came_so_far):
                raise Inconclusive("the control failed: no legal conversation came as far as its fault")
            return  # each may cost a whole bound, and legal conversations have a test of their own
        came_so_far.append(await refuse(target, fault, example, manner))

    await search(
        wrong(fault, menu),
        apart(target, check),
        examples=FAULTY,
        plan=plan,
        budget=shrinking_time(target),
        at_once=AT_ONCE,
    )
    if not any(came_so_far):
        raise Inconclusive("the control failed: no legal conversation came as far as its fault")
    await target.aftermath()
