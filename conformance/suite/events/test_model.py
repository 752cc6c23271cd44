"""Whatever happens, in whatever order: a model of the whole protocol, and Hypothesis to tell stories of it.

Stories are lists of steps and no RuleBasedStateMachine: they are drawn before they are played, so they can be
awaited on the session's loop, shrink by leaving steps out, and read as what happened.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from conformance.client.peer import Limits
from conformance.core.errors import NotApplicable
from conformance.fuzz.search import Plan
from conformance.suite.events.model import BURNS, NOTHING, Cast, Idea, ModelStep, World, tell, without
from conformance.suite.events.play import Play
from conformance.suite.events.story import FLAGS, Story, delivers
from conformance.suite.exploring import explore
from conformance.target.profile import Credential
from conformance.target.target import Target

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EXAMPLES = 30
STEPS = 24
WHO = (0, 0, 0, 1, 1, 2, 3)  # things go wrong where much happens to few
WHICH = (0, 0, 1, 2)
OPENING = ("open", "open", "open", "begin", "dawdle", "finish", "finish", "close", "break")
TALKING = ("check", "greet")
CHANGES = {
    "permission_changed": ("grant", "grant", "grant", "revoke", "revoke"),
    "role_updated": ("roles",),
    "menu_access_updated": ("menus",),
    "cache_invalidated": ("cache", "cache-all"),
}


def stories(verbs: Sequence[str], cast: Cast) -> SearchStrategy[tuple[ModelStep, ...]]:
    """Return the stories of a cast; an idea shrinks to nothing at all, which leaves its step out.

    Each idea is one choice among all of them, for Hypothesis takes its time over each choice when it shrinks;
    and no two are drawn from the same strategy, for it would draw most stories as copies of others with one
    idea in two places.
    """
    from hypothesis import strategies as st  # noqa: PLC0415 - loaded where it is needed

    rest = itertools.product((False, True), WHICH, WHO)
    ideas = [Idea(verb, who, which, swift) for swift, which, who in rest for verb in verbs]
    places = [st.sampled_from([Idea(NOTHING, place), *ideas]) for place in range(STEPS)]
    return st.tuples(*places).map(lambda drawn: tell(drawn, cast))


async def playable(story: Story, alice: Credential) -> tuple[str, ...]:
    """Return the verbs that stories may be made of: changes whose events are delivered, and the others."""
    async with story.connect(alice, events=()) as client:
        changes = [verb for event in FLAGS if delivers(client, event) for verb in CHANGES[event]]
    if not changes:
        raise NotApplicable("connection_confirmed says by its features that no event is delivered")
    return (*OPENING, *TALKING, *changes)


async def resettable(target: Target) -> bool:
    """Whether the tester can bring burned tokens back; workers that share a server must not."""
    shared = "PYTEST_XDIST_WORKER" in os.environ
    return bool(target.disposable) and not shared and await target.control.status("reset") == 204


@pytest.mark.requirement("events.model")
async def test_story_of_changes_and_connections_goes_as_the_model_says(
    plan: Plan, target: Target, story: Story, alice: Credential
) -> None:
    verbs = await playable(story, alice)
    players = [*target.users[:2]]
    if await resettable(target):
        players.append(target.disposable[0])
        verbs = (*verbs, *BURNS)
    users = {one.name: one for one in players}
    burnable = players[-1].name if players[-1].disposable else None
    cast = Cast(tuple(users), anonymous=target.has("anonymous"), burnable=burnable)

    async def attempt(steps: tuple[ModelStep, ...], hurried: bool) -> None:  # noqa: FBT001
        target.recorder.record.transcripts.clear()  # only those of the last story
        limits = hurry(target.limits) if hurried else target.limits
        play = Play(target, World(cast), users, limits, Story(target), bell="cache" in verbs)
        await play.perform(steps)

    tried = await explore(
        stories(verbs, cast),
        attempt,
        plan=plan,
        default=EXAMPLES,
        patience=target.limits.event,
        weigh=lambda steps: (len(steps), str(steps)),
        leave_out=lambda steps, begin, end: without(steps, begin, end, cast),
    )
    target.recorder.note(f"{tried} stories of up to {STEPS} steps were played")


def hurry(limits: Limits) -> Limits:
    """Return bounds that are short, for what failed in full ones already."""
    return dataclasses.replace(limits, event=limits.prompt / 3, reply=limits.prompt)
