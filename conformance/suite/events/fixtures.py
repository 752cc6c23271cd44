"""Fixtures for tests that cause changes, used by every chapter that does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from conformance.core.errors import Inconclusive, NotApplicable
from conformance.suite.events.story import Story
from conformance.target.control import DONE
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target


@pytest_asyncio.fixture(loop_scope="session")
async def story(target: Target) -> AsyncIterator[Story]:
    """Return the changes of one test; what it granted is revoked behind it."""
    told = Story(target)
    yield told
    await told.undo()


@pytest_asyncio.fixture(loop_scope="session")
async def alice(target: Target) -> Credential:
    """Return the user whose changes are looked at."""
    return target.users[0]


@pytest_asyncio.fixture(loop_scope="session")
async def bob(target: Target) -> Credential:
    """Return another user."""
    if len(target.users) < 2:
        raise NotApplicable("needs two-users: there is one user in the profile")
    return target.users[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def burned(target: Target) -> AsyncIterator[list[Credential]]:
    """Collect the users whose tokens were burned; a server that goes on running is reset at the run's end."""
    users: list[Credential] = []
    yield users
    target.owes_reset = bool(users) and target.instance is None


@pytest_asyncio.fixture(loop_scope="session")
async def disposable(target: Target, burned: list[Credential]) -> Credential:
    """Return a user whose token is still good and may be burned by this one test.

    When all are burned, by a run that repeats tests or by one before it, the target is reset if it can be.
    """
    if not target.disposable:
        raise NotApplicable("the profile names no user with disposable = true")
    user = await _still_good(target, burned)
    if user is None and await target.control.status("reset") == DONE:
        burned.clear()
        user = await _still_good(target, burned)
    if user is None:
        raise Inconclusive(
            f"all {len(target.disposable)} disposable users have burned tokens, and the control interface "
            "has no reset: start the server anew"
        )
    burned.append(user)
    return user


async def _still_good(target: Target, burned: list[Credential]) -> Credential | None:
    for user in target.disposable:
        if user in burned:
            continue
        with contextlib.suppress(Inconclusive):
            async with target.connect(target.at(OWN), user=user) as client:
                if client.user_id == user.user_id:
                    return user
    return None
