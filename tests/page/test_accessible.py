"""The page for everybody: axe-core, the keyboard alone, small and large windows, light and dark."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.page.serving import ALICE, Backend
from tests.page.showing import Shown

AXE = Path(__file__).parent / "axe"
SIZES = {"laptop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the pinned axe-core and return its script."""
    unavailable = pytest.fail if os.environ.get("CI") else pytest.skip
    if not shutil.which("npm"):
        unavailable("npm not found: axe-core is fetched by it")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(AXE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        unavailable(f"npm ci could not install axe-core: {done.stderr[-2000:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


async def violations(shown: Shown, axe: str) -> list[str]:
    """Return what axe-core finds, whatever it thinks of the weight."""
    await shown.page.evaluate(axe)
    found = await shown.page.evaluate("axe.run(document).then(result => result.violations)")
    return [f"{one['impact']} {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_axe_finds_nothing_in_any_state(
    shown: Shown, backend: Backend, axe: str, scheme: str, size: str
) -> None:
    width, height = SIZES[size]
    await shown.page.set_viewport_size({"width": width, "height": height})
    await shown.page.emulate_media(color_scheme=scheme)
    await shown.open(backend.page)
    assert await violations(shown, axe) == []
    await shown.connect("subprotocol", ALICE)
    backend.control("invalidate-cache", scope="all", keys="menus")
    await shown.press("Heartbeat")
    await shown.press("Check permission")
    await shown.page.get_by_text("What the close codes mean").click()
    await shown.logged("received", "cache_invalidated")
    await shown.logged("received", "permission_result")
    assert await violations(shown, axe) == []
    await shown.page.fill("#code", "1001")
    await shown.press("Close")
    await shown.has("close-wrong", "1000")
    await shown.page.fill("#code", "4000")
    await shown.press("Close")
    await shown.state("closed")
    assert await violations(shown, axe) == []
    await shown.page.fill("#url", f"ws://localhost:{backend.port}/elsewhere")
    await shown.connect(state="failed")
    assert await violations(shown, axe) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_while_the_page_waits(shown: Shown, axe: str, scheme: str) -> None:
    await shown.page.emulate_media(color_scheme=scheme)
    started = Backend()
    await shown.open(started.page)
    await shown.connect()
    started.kill()
    await expect(shown.page.locator("#attempt")).to_have_text("3")
    assert await violations(shown, axe) == []


def test_axe_is_pinned_by_hash_and_names_no_registry() -> None:
    lock = (AXE / "package-lock.json").read_text("utf-8")
    assert '"integrity": "sha512-' in lock
    assert "://" not in lock
    assert "resolved" not in lock


@pytest.mark.asyncio
async def test_keyboard_is_enough(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    keys = shown.page.keyboard
    for _ in range(3):
        await keys.press("Tab")
    assert await shown.page.evaluate("document.activeElement.id") == "again"
    await shown.page.focus("#url")
    await keys.press("Enter")
    await shown.state("open")
    reached = set()
    for _ in range(40):
        await keys.press("Tab")
        reached.add(await shown.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    wanted = "carrier again code reason end heartbeat steady permission text preset binary events kind search"
    assert set(wanted.split()) | {"copy-log", "clear", "log", "SUMMARY"} <= reached
    await shown.page.focus("#permission")
    await keys.press("Enter")
    await shown.has("answer", "articles.view: not allowed")
    outline = await shown.page.evaluate(
        "getComputedStyle(document.querySelector('#permission')).outlineStyle"
    )
    assert outline == "solid"


@pytest.mark.asyncio
@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
async def test_nothing_runs_over_the_side(shown: Shown, backend: Backend, width: int) -> None:
    await shown.page.set_viewport_size({"width": width, "height": 800})
    await shown.open(backend.page, f"ws://localhost:{backend.port}/ws/permissions/" + "x" * 200)
    await shown.connect("subprotocol", ALICE, state="failed")
    await expect(shown.page.locator("#command")).to_be_visible()
    assert await shown.page.evaluate("document.documentElement.scrollWidth") == width
