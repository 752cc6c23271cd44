"""`conformance page` for a backend that has no page: Django Channels on Daphne, by origins that it checks."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys

import pytest

from conformance.target.launch import free_port
from tests.conflicts.situation import CHANNELS, channels, database, process, wait
from tests.conftest import ROOT
from tests.page.serving import command
from tests.page.showing import Shown

pytestmark = pytest.mark.asyncio


async def test_channels_allows_the_pages_origin(shown: Shown) -> None:
    port, own = free_port("127.0.0.1"), free_port("127.0.0.1")
    allowed = {"ALLOWED_ORIGINS": f"http://127.0.0.1:{own}"}
    with process(*channels(port), cwd=CHANNELS, **database(), **allowed):
        await asyncio.to_thread(wait, port)
        url = f"ws://127.0.0.1:{port}"
        with command(f"--server-url={url}", f"--port={own}") as (_, printed):
            assert printed.startswith(f"test page http://127.0.0.1:{own}/ ")
            await shown.open(f"http://127.0.0.1:{own}/")
            assert await shown.page.input_value("#url") == f"{url}/ws/permissions/"
            await shown.connect()
            await shown.has("user", "null (anonymous)")
            await shown.press("Heartbeat")
            await shown.logged("received", "heartbeat_ack")
            await shown.press("Close")
            await shown.state("closed")


async def test_command_that_is_shown_names_the_origin(shown: Shown) -> None:
    port = free_port("127.0.0.1")
    with process(*channels(port), cwd=CHANNELS, **database()):
        await asyncio.to_thread(wait, port)
        with command(f"--server-url=ws://127.0.0.1:{port}") as (_, printed):
            await shown.open(printed.split()[2])
            await shown.connect(state="failed")
            words = shlex.split(await shown.text("command"))
    assert words[:2] == ["conformance", "doctor"]
    with process(*channels(port), cwd=CHANNELS, **database()):
        await asyncio.to_thread(wait, port)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert "origin" in done.stdout.lower()
    assert words[-1] in done.stdout
