"""Take the README's pictures of the test page: ``python -m tests.page.screenshots``."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, async_playwright

from conformance.browser.chromium import find_browser, launch_options
from tests.conftest import ROOT
from tests.page.serving import ALICE, Backend
from tests.page.showing import Shown

DOCS = ROOT / "docs"


async def laptop(browser: Browser, backend: Backend) -> None:
    """A session with heartbeats, a check and events."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    shown = Shown(page)
    await shown.open(backend.page)
    await shown.connect("subprotocol", ALICE)
    for number in range(1, 31):
        await page.locator("#heartbeat").dispatch_event("click")
        await shown.logged("received", "heartbeat_ack", f'"id":"page-{number}"')
    backend.control("grant", user_id=1, permission="articles.publish")
    backend.control("set-roles", user_id=1, roles="author,editor")
    await shown.logged("received", "role_updated")
    await shown.press("Clear")
    await shown.press("Heartbeat")
    await shown.logged("received", "heartbeat_ack", "page-31")
    await page.get_by_label("Permission", exact=True).fill("articles.publish")
    await shown.press("Check permission")
    await shown.logged("received", "permission_result")
    backend.control("invalidate-cache", scope="all", keys="menus")
    await shown.logged("received", "cache_invalidated")
    await page.evaluate("document.activeElement.blur()")
    await page.screenshot(path=DOCS / "page.png")


async def phone(browser: Browser, backend: Backend) -> None:
    """A handshake that failed, and what to do about it."""
    page = await browser.new_page(
        viewport={"width": 390, "height": 844}, color_scheme="dark", device_scale_factor=1.75
    )
    shown = Shown(page)
    await shown.open(backend.page, f"ws://localhost:{backend.port}/ws/permissions/1")
    await shown.connect(state="failed")
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    await page.screenshot(path=DOCS / "page-phone.png")


async def main() -> None:
    """Take both."""
    backend = Backend()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**launch_options(find_browser()))
            await laptop(browser, backend)
            await phone(browser, backend)
            await browser.close()
    finally:
        backend.kill()


if __name__ == "__main__":
    asyncio.run(main())
