"""Pages that come and go: tabs, navigation, the back-forward cache, offline and online. Protocol §8."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psutil
import pytest
from playwright.async_api import Page

from conformance.browser.script import ScriptSocket, open_socket, serve, serve_also
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.ports.processes import descendants
from conformance.suite.browser.pages import (
    allowed_origin,
    another,
    carried,
    confirmed,
    connected,
    twin,
    visitor,
)
from conformance.suite.browser.raw_controls import raw_visitor
from conformance.suite.browser.test_events import announced, next_event
from conformance.suite.events.story import Change, Story
from conformance.target.profile import Credential
from conformance.target.target import Target

LOOK = 0.02  # seconds
ELSEWHERE = "https://elsewhere.example"


async def hears_only(
    socket: ScriptSocket, twin: Client, story: Story, target: Target, change: Change, told: Sequence[Change]
) -> None:
    """Make a change, and expect its event in a script that came back, and none that it was told before.

    What happened while it was away may be told now, or not.
    """
    await story.cause(change)
    while message := await next_event(story, target, socket):
        if change.announced_by(message):
            return
        if any(one.announced_by(message) for one in told):
            raise Nonconformance(
                "an event that script had received came again after it reconnected",
                expected=[str(change)],
                actual=str(socket),
            )
        target.recorder.observe("what happened meanwhile is told on the new connection")
    heard = await story.expect(twin, change)
    raise Nonconformance(
        f"script did not receive the event that a raw client received ({heard[0].get('event_id')})",
        expected=[str(change)],
        actual=str(socket),
    )


@pytest.mark.requirement("browser.tabs")
async def test_each_tab_of_a_user_gets_each_event_once(
    page: Page, target: Target, story: Story, alice: Credential
) -> None:
    sockets = [await connected(page, target, alice)]
    for _ in range(2):
        tab = await page.context.new_page()
        await serve(tab, allowed_origin(target))
        sockets.append(await another(tab, target, alice))
    async with story.connect(alice) as raw:
        await announced(story, target, raw, sockets, *story.run(alice, 4))


@pytest.mark.requirement("browser.back-forward")
async def test_page_that_the_user_comes_back_to_gets_each_event_once(
    page: Page, target: Target, story: Story, alice: Credential
) -> None:
    socket = await connected(page, target, alice)
    await page.evaluate("addEventListener('pageshow', e => { window.kept = e.persisted; })")
    async with story.connect(alice) as raw:
        before = [story.permission(alice), story.permission(alice)]
        await announced(story, target, raw, [socket], *before)
        await serve(page, ELSEWHERE)
        # A page out of the cache is not loaded again.
        await page.go_back(wait_until="commit")
        kept = await page.evaluate("window.kept === true")
        target.recorder.observe(f"the page {'came out of the cache' if kept else 'was loaded again'}")
        if kept:
            ended = await socket.next(target.limits.close)
            while ended is not None and ended.kind != "close":
                ended = await socket.next(target.limits.close)
            target.recorder.observe(f"its socket saw {ended}")
        fresh = await another(page, target, alice)
        await hears_only(fresh, raw, story, target, story.permission(alice), before)


@pytest.mark.requirement("browser.reconnect")
async def test_script_that_was_offline_gets_each_event_once(
    page: Page, target: Target, story: Story, alice: Credential
) -> None:
    origin = allowed_origin(target)
    await twin(target, origin, alice)
    await serve(page, origin)
    socket = await open_socket(page, *carried(target, alice), where="again")
    await confirmed(socket, target, alice)
    async with story.connect(alice) as raw:
        before = [story.permission(alice), story.permission(alice)]
        await announced(story, target, raw, [socket], *before)
        await page.context.set_offline(True)
        # The first attempt to reconnect fails: then the browser is offline indeed.
        while (seen := await socket.next(target.limits.close)) is not None and seen.kind != "error":
            pass
        if seen is None:
            raise Inconclusive(f"the browser did not go offline: {socket}")
        await story.cause(missed := story.permission(alice))
        await page.context.set_offline(False)
        while (seen := await socket.next(target.limits.handshake)) is not None and seen.kind != "open":
            pass
        if seen is None:
            raise Nonconformance(
                "script did not get a connection after it was offline",
                expected=["open"],
                actual=str(socket),
            )
        await story.expect(raw, missed)
        await hears_only(socket, raw, story, target, story.permission(alice), before)


@pytest.mark.requirement("browser.leaving")
async def test_navigation_and_the_end_of_a_tab_free_the_servers_side(page: Page, target: Target) -> None:
    user = visitor(target)
    await connected(page, target, user)
    before = held(target)
    async with raw_visitor(target):
        raw = held(target) - before
    if left := await kept(target, raw):
        raise Inconclusive(
            f"the raw twin failed: {left} of its connections is held; see the chapter robustness"
        )
    tab = await page.context.new_page()
    await serve(tab, allowed_origin(target))
    for one in (page, tab):
        await another(one, target, user)
    opened = held(target) - before
    if len(opened) < 2:
        raise NotApplicable("the server's connections cannot be seen in its processes")
    await serve_also(page, ELSEWHERE)
    # In place of the page in the history: one that can be come back to may keep its sockets for a while.
    await page.evaluate("url => location.replace(url)", f"{ELSEWHERE}/")
    await tab.close()
    if left := await kept(target, opened):
        raise Nonconformance(
            "the server still holds connections of pages that the user has left, and none of a raw client",
            expected=["none of them"],
            actual=f"{left} of {len(opened)} after {target.limits.close:g} s",
        )


async def kept(target: Target, connections: set[tuple[object, ...]]) -> int:
    """Return how many of these connections the server's processes hold in spite of all patience."""
    for _ in range(int(target.limits.close / LOOK) + 1):
        if not (left := held(target) & connections):
            break
        await asyncio.sleep(LOOK)  # no message says that a process has tidied up
    return len(left)


def held(target: Target) -> set[tuple[object, ...]]:
    """Return the TCP connections to the target's port that its processes hold, by their other ends."""
    assert target.instance is not None, "the requirement's needs promise a process of our own"
    try:
        tree = [psutil.Process(target.instance.pid), *descendants(target.instance.pid)]
        found = [one for process in tree for one in process.net_connections("tcp")]
    except psutil.Error as error:
        raise NotApplicable(f"the server's processes cannot be looked into: {error}") from None
    return {tuple(one.raddr) for one in found if one.raddr and one.laddr.port == target.url.port}
