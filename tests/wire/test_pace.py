"""The polite tier's pace, in one process and over several."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.core.errors import Inconclusive
from conformance.net import pace
from conformance.net.pace import BURST, MORE, OPEN, RATE, Pace


def test_connections_are_made_no_faster_than_the_rate(tmp_path: Path) -> None:
    async def run() -> float:
        one = Pace(tmp_path)
        began = time.monotonic()
        for _ in range(BURST + 20):
            one.leave(await one.enter())
        one.close()
        return time.monotonic() - began

    assert asyncio.run(run()) >= 19 / RATE


def test_no_more_are_open_than_the_tier_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TURN_BOUND", 0.1)

    async def run() -> None:
        one = Pace(tmp_path)
        turns = [await one.enter() for _ in range(OPEN + MORE)]
        assert len(set(turns)) == OPEN + MORE
        with pytest.raises(Inconclusive, match="stayed in use"):
            await one.enter()
        one.leave(turns[3])
        assert await one.enter() == turns[3]
        one.clear()
        one.close()

    asyncio.run(run())


OTHER = """
import asyncio, sys
from pathlib import Path
from conformance.net.pace import OPEN, MORE, Pace
async def hold():
    one = Pace(Path(sys.argv[1]))
    for _ in range(OPEN):
        await one.enter()
    print("held", flush=True)
    sys.stdin.read()
asyncio.run(hold())
"""


def test_processes_share_the_turns_and_a_dead_one_gives_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "TURN_BOUND", 0.1)
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"

    async def run() -> None:
        one = Pace(tmp_path)
        with pytest.raises(Inconclusive):
            await one.enter()  # what is left is for tests that have begun
        other.kill()
        other.communicate()
        assert await one.enter() is not None
        one.close()

    asyncio.run(run())
