"""Which browsers are there: a Chromium of the system, builds of Playwright, a Firefox of the system."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from conformance.browser.chromium import find_browser
from conformance.core.errors import UsageProblem
from conformance.target.snapshot import Capability

BROWSERS = ("chromium", "firefox", "webkit")
HINTS = {
    "chromium": "install Chromium, or: playwright install chromium",
    "firefox": "install Firefox, or: playwright install firefox",
    "webkit": "playwright install webkit",
}
_NAMES = {"chromium": "Chromium or Chrome", "firefox": "Firefox", "webkit": "WebKit"}
_BUILDS = {"firefox": "firefox-*/firefox/firefox", "webkit": "webkit-*/pw_run.sh"}
_SYSTEM_FIREFOX = ("firefox", "firefox-esr")


def found(name: str) -> Path | None:
    """Return a browser's executable, if it is installed."""
    if name == "chromium":
        return find_browser()
    return playwright_build(name) or (system_firefox() if name == "firefox" else None)


def playwright_build(name: str) -> Path | None:
    """Return Playwright's own build of Firefox or WebKit."""
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next(iter(sorted(root.glob(_BUILDS[name]), reverse=True)), None)


def system_firefox() -> Path | None:
    """Return the system's Firefox, which Playwright cannot drive and WebDriver BiDi can."""
    return next((Path(one) for one in map(shutil.which, _SYSTEM_FIREFOX) if one), None)


def asked_for(option: str | None) -> list[str]:
    """Return the browsers to drive; of ``all``, those that are installed."""
    if option is None or option == "all":
        installed = [name for name in BROWSERS if found(name)] if option else []
        return installed or ["chromium"]
    return [option]


def why_missing(name: str) -> str:
    """Return a line for a browser that is not installed."""
    return f"no {_NAMES[name]} was found"


def capability(option: str | None) -> Capability:
    """Return whether there is a browser to drive.

    Raises:
        UsageProblem: the one that was asked for by name is not installed.

    """
    names = [name for name in asked_for(option) if found(name)]
    if option in BROWSERS and not names:
        raise UsageProblem(f"--conformance-browser={option}: {why_missing(option)}. Try: {HINTS[option]}")
    evidence = ", ".join(f"{name} ({path.name})" for name in names if (path := found(name)))
    missing = [name for name in BROWSERS if name not in names] if option == "all" else []
    hint = "; ".join(HINTS[name] for name in missing) or None
    if not names:
        return Capability(
            "browser", present=False, evidence=why_missing("chromium"), unlock=HINTS["chromium"]
        )
    return Capability("browser", present=True, evidence=evidence, unlock=hint)
