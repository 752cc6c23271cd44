"""Find a Chromium to drive, and start it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from conformance.browser.authorities import write_store

SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def find_browser() -> Path | None:
    """Return the browser's executable.

    In this order: ``CONFORMANCE_BROWSER``, a system Chromium or Chrome, Playwright's own build.
    """
    chosen = os.environ.get("CONFORMANCE_BROWSER")
    if chosen:
        return Path(chosen) if Path(chosen).exists() else None
    for name in SYSTEM:
        if found := shutil.which(name):
            return Path(found)
    return next((Path(one) for one in MAC if Path(one).exists()), None) or _playwright_build()


def _playwright_build() -> Path | None:
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    for pattern in ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*"):
        for found in sorted(root.glob(pattern), reverse=True):
            return found
    return None


def launch_options(executable: Path) -> dict[str, Any]:
    """Return the options for ``chromium.launch``: quiet on the network, and no sandbox for root."""
    arguments = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--no-first-run",
        # Chromium asks the user before a page of the internet may reach this machine; our user says yes,
        # also for service workers and for pages without TLS, which cannot be asked.
        "--disable-features=LocalNetworkAccessChecks",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to run its sandbox as root
    return {
        "executable_path": str(executable),
        "args": arguments,
        # Playwright switches off the cache of pages that the user goes back to.
        "ignore_default_args": ["--disable-back-forward-cache"],
        "headless": True,
    }


async def trusting(home: Path, ca_file: Path, executable: Path) -> tuple[dict[str, str], str]:
    """Return the environment in which Chromium trusts the authorities of a file, or why there is none.

    Args:
        home: the home directory that Chromium is to have.
        ca_file: their certificates, in PEM form.
        executable: the browser.

    """
    if not sys.platform.startswith("linux"):
        return {}, "on this system Chromium asks the system alone: add the authority there"
    why = await write_store(home / ".pki" / "nssdb", ca_file, executable)
    return {**os.environ, "HOME": str(home)}, why
