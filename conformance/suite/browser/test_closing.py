"""Close codes as script sees them: Protocol §6 and §8."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.suite.browser.pages import another, connected, raw_close_code, visitor, with_close
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target

CLOSES: tuple[tuple[int | None, str], ...] = ((None, ""), (1000, ""), (1000, "tab closed: é"), (4001, "bye"))


@pytest.mark.requirement("browser.close-clean")
async def test_close_of_a_script_is_clean(page: Page, target: Target) -> None:
    user = visitor(target)
    given_back = await asyncio.gather(*(raw_close_code(target, user, *close) for close in CLOSES))
    sockets = [await connected(page, target, user)]
    sockets += [await another(page, target, user) for _ in CLOSES[1:]]
    for socket, (code, reason), wanted in zip(sockets, CLOSES, given_back, strict=True):
        await socket.close(code, reason)
        await with_close(socket, target)
        last = socket.seen[-1]
        if last.kind != "close" or not last.clean or last.code != wanted:
            said = "" if code is None else f" {code}"
            raise Nonconformance(
                f"script did not see its close{said} answered as a raw client's is",
                expected=[f"close {wanted} with wasClean true"],
                actual=str(socket),
            )
        target.recorder.observe(str(last))


@pytest.mark.requirement("browser.revoked-token")
async def test_script_sees_the_end_of_its_token_as_4401(
    page: Page, target: Target, disposable: Credential
) -> None:
    socket = await connected(page, target, disposable)
    async with target.connect(target.at(OWN), user=disposable) as raw:
        await target.control("revoke-token", token=disposable.token)
        ending = await raw.ending()
        if ending.close is None or ending.close.code != 4401:
            raise NotApplicable(f"a raw client saw {ending}, no 4401: see events.closed-when-burned")
    await with_close(socket, target)
    last = socket.seen[-1]
    if last.kind != "close" or last.code != 4401:
        raise Nonconformance(
            "script did not see that its token was revoked, while a raw client did",
            expected=["close 4401"],
            actual=str(socket),
        )
    target.recorder.observe(str(last))
