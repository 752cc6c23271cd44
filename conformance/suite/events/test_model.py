"""Whatever happens, in whatever order: a model of the whole protocol, and stories that are drawn from it.

Stories are lists of steps: they are drawn before they are played, so they can be awaited on the session's
loop, shrink by leaving steps out, and read as what happened.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Sequence

import pytest

from conformance.client.peer import Limits
from conformance.core.errors import NotApplicable
from conformance.fuzz.drawing import Draw
from conformance.fuzz.search import Manner, Plan, search
from conformance.suite.events.model import BURNS, NOTHING, Cast, Idea, ModelStep, World, tell, without
from conformance.suite.events.play import Play
from conformance.suite.events.story import FLAGS, Story, delivers
from conformance.target.profile import Credential
from conformance.target.target import Target

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


def stories(verbs: Sequence[str], cast: Cast) -> Callable[[Draw], tuple[ModelStep, ...]]:
    """Return what draws stories of a cast; an idea shrinks to nothing at all, which leaves its step out."""
    rest = itertools.product((False, True), WHICH, WHO)
    ideas = [Idea(NOTHING), *(Idea(verb, who, which, swift) for swift, which, who in rest for verb in verbs)]
    return lambda draw: tell([draw.choice(ideas) for _ in range(STEPS)], cast)


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

    async def check(steps: tuple[ModelStep, ...], manner: Manner) -> None:
        target.recorder.record.transcripts.clear()  # only those of the last story
        limits = hurry(target.limits) if manner.hasty else target.limits
        play = Play(target, World(cast), users, limits, Story(target), bell="cache" in verbs)
        await play.perform(steps)

    tried = await search(
        stories(verbs, cast),
        check,
        examples=EXAMPLES,
        plan=plan,
        budget=target.limits.event / 2,
        size=lambda steps: (len(steps), str(steps)),
        leave_out=lambda steps, begin, end: without(steps, begin, end, cast),
        stateful=True,
    )
    target.recorder.note(f"{tried} stories of up to {STEPS} steps were played")


def hurry(limits: Limits) -> Limits:
    """Return bounds that are short, for what failed in full ones already."""
    return dataclasses.replace(limits, event=limits.prompt / 3, reply=limits.prompt)
