"""Close codes as script sees them: Protocol §6 and §8."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from conformance.errors import Inconclusive, Nonconformance
from conformance.suite.browser.pages import connected, raw_close_code, visitor, with_close
from conformance.target.profile import Credential
from conformance.target.target import OWN, Target

CLOSES = [
    pytest.param(None, "", id="without-code"),
    pytest.param(1000, "", id="1000"),
    pytest.param(1000, "tab closed: é", id="1000-with-reason"),
    pytest.param(4001, "bye", id="4001-with-reason"),
]


@pytest.mark.requirement("browser.close-clean")
@pytest.mark.parametrize(("code", "reason"), CLOSES)
async def test_close_of_a_script_is_clean(page: Page, target: Target, code: int | None, reason: str) -> None:
    user = visitor(target)
    given_back = await raw_close_code(target, user, code, reason)
    socket = await connected(page, target, user)
    await socket.close(code, reason)
    await with_close(socket, target)
    last = socket.seen[-1]
    if last.kind != "close" or not last.clean or last.code != given_back:
        raise Nonconformance(
            "script did not see its close answered as a raw client's is",
            expected=[f"close {given_back} with wasClean true"],
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
            raise Inconclusive(f"the raw twin saw {ending}: see events.closed-when-burned")
    await with_close(socket, target)
    last = socket.seen[-1]
    if last.kind != "close" or last.code != 4401:
        raise Nonconformance(
            "script did not see that its token was revoked", expected=["close 4401"], actual=str(socket)
        )
