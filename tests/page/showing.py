"""The test page as its user sees it: what stands where, and what can be done."""

from __future__ import annotations

from playwright.async_api import Page, expect

from reference_server.page import FILE


class Shown:
    """The controls of an open page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, address: str = FILE.as_uri(), url: str = "") -> None:
        """Load the page, from disk unless an address is given, and type a URL."""
        await self.page.goto(address)
        if url:
            await self.page.fill("#url", url)

    async def connect(self, carrier: str = "none", token: str = "", state: str = "open") -> None:
        """Choose a carrier, type a token, press Connect and wait for the outcome."""
        await self.page.get_by_label("Token travels in").select_option(carrier)
        if token:
            await self.page.get_by_label("Token", exact=True).fill(token)
        await self.press("Connect")
        await self.state(state)

    async def state(self, state: str) -> None:
        """Wait for a state of the connection."""
        await expect(self.page.locator("#status")).to_have_attribute("data-state", state, timeout=15000)

    async def press(self, name: str) -> None:
        """Press a button by its name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def has(self, place: str, text: str) -> None:
        """Wait until a place contains a text."""
        await expect(self.page.locator(f"#{place}")).to_contain_text(text, timeout=15000)

    async def logged(self, way: str, kind: str, text: str = "") -> None:
        """Wait for a line of the log, by its direction, type and text."""
        line = self.page.locator("#lines li").filter(has=self.page.locator(".way", has_text=way))
        line = line.filter(has=self.page.locator(".type", has_text=kind))
        await expect(line.filter(has_text=text).last).to_be_visible(timeout=15000)

    async def text(self, place: str) -> str:
        """Return what stands in a place."""
        return (await self.page.locator(f"#{place}").text_content()) or ""
