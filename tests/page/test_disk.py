"""The page as a single file, opened from disk: all of it works, and its own policy holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser
from websockets.asyncio.server import ServerConnection

from reference_server.page import FILE
from tests.page.serving import Backend, forever, peculiar
from tests.page.showing import Shown

pytestmark = pytest.mark.asyncio


async def test_file_alone_connects_with_origin_null(shown: Shown, tmp_path: Path) -> None:
    origins = []

    async def note(websocket: ServerConnection) -> None:
        origins.append(websocket.request.headers["Origin"])
        await forever(websocket)

    alone = Path(shutil.copy(FILE, tmp_path))
    async with peculiar(note) as url:
        await shown.open(alone.as_uri())
        assert await shown.page.input_value("#url") == "ws://localhost:8000/ws/permissions/"
        await shown.has("origin", "Opened from disk")
        await shown.page.fill("#url", url)
        await shown.connect()
        await shown.has("user", "5")
        await shown.press("Close")
    assert origins == ["null"]


async def test_refusal_of_origin_null_is_explained(shown: Shown, backend: Backend) -> None:
    await shown.open(url=f"ws://localhost:{backend.port}/ws/permissions/")
    await shown.connect(state="failed")
    await shown.has("causes", "pages of the origin null")
    await shown.has("command", "--origin null")


INJECTED = """() => {
  window.refused = [];
  document.addEventListener("securitypolicyviolation", event => refused.push(event.effectiveDirective));
  const add = (name, members) => document.body.append(Object.assign(document.createElement(name), members));
  add("style", { textContent: "body { display: none }" });
  add("img", { src: "http://localhost:1/" });
  add("iframe", { src: "http://localhost:1/" });
  fetch("http://localhost:1/").catch(() => {});
  for (const attempt of [
    () => add("script", { text: "window.ran = true" }),
    () => { document.body.innerHTML = "<b>"; },
    () => document.body.setAttribute("onclick", "window.ran = true"),
  ]) try { attempt(); window.ran = true; } catch {}
}"""
REFUSED = {"style-src-elem", "img-src", "frame-src", "connect-src", "require-trusted-types-for"}


@pytest.mark.parametrize("opened", ["served", "disk"])
async def test_injected_markup_runs_and_loads_nothing(
    chromium: Browser, backend: Backend, opened: str
) -> None:
    page = await chromium.new_page()
    try:
        await page.goto(backend.page if opened == "served" else FILE.as_uri())
        await page.evaluate(INJECTED)
        await page.wait_for_function(
            "wanted => wanted.every(one => refused.includes(one))", arg=list(REFUSED)
        )
        assert await page.evaluate("window.ran") is None
        assert await page.is_visible("h1")
    finally:
        await page.close()
