"""What browsers forgive a server, and what not: measured on a server of the suite's own."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from conformance.browser.faulty import FAULTS, RIGHT, ServerFault, faulty_server
from conformance.browser.script import ScriptSocket, open_socket, serve
from conformance.core.errors import Inconclusive
from conformance.suite.browser.pages import name_of
from conformance.target.target import Target

# Without TLS: nothing is mixed with the server's loopback address.
ORIGIN = "http://page.example"
GREETED = ["open", "message"]


async def seen(page: Page, url: str, fault: ServerFault, bound: float) -> ScriptSocket:
    """Open a socket and return it once script has seen what there is to see."""
    socket = await open_socket(page, url, fault.offered)
    while (one := await socket.next(bound)) is not None and one.kind not in {"message", "close"}:
        pass
    return socket


@pytest.mark.requirement("browser.server-faults")
async def test_faults_of_a_server_as_a_browser_judges_them(page: Page, target: Target) -> None:
    bound = target.limits.reply
    await serve(page, ORIGIN)
    async with faulty_server() as url:
        control = await seen(page, f"{url}right", RIGHT, bound)
        if [one.kind for one in control.seen] != GREETED:
            raise Inconclusive(f"without a fault: {control}")
        for name, fault in FAULTS.items():
            socket = await seen(page, url + name, fault, bound)
            forgiven = [one.kind for one in socket.seen] == GREETED
            said = "forgiven" if forgiven else f"refused: {socket}"
            target.recorder.observe(f"{name_of(page)}: {fault.what}: {said}")
