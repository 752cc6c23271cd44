"""Hypothesis is loaded by whoever needs it, and keeps its notes where the run says."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import configuration

from conformance.core.errors import Nonconformance
from conformance.fuzz import shrinking
from conformance.fuzz.search import Plan, search
from tests.fuzz.test_search import numbers

ROOT = Path(__file__).parents[2]
RUN = "import pytest, sys; print(int(pytest.main(sys.argv[1:])), 'hypothesis' in sys.modules)"


@pytest.fixture
def kept(monkeypatch, tmp_path):
    before = configuration.storage_directory("notes", intent_to_write=False).home_directory
    monkeypatch.setattr(shrinking, "_folder", [])
    shrinking.keep_in(str(tmp_path))
    yield tmp_path
    configuration.set_hypothesis_home_dir(before)


def test_run_in_which_nothing_is_made_short_never_loads_hypothesis(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        words = [
            "conformance/suite/protocol/test_fuzz.py",
            f"--server-url=ws://127.0.0.1:{nobody.getsockname()[1]}",
            f"--report-dir={tmp_path}",
        ]
        command = [sys.executable, "-c", RUN, *words]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "10 False", done.stdout + done.stderr


def test_what_is_made_short_leaves_its_notes_with_the_run(kept):
    async def check(example, _manner):
        await asyncio.sleep(0)
        if example.values:
            raise Nonconformance("not empty")

    with pytest.raises(Nonconformance):
        asyncio.run(search(numbers, check, examples=20, plan=Plan(), budget=5.0))
    where = configuration.storage_directory("constants", intent_to_write=False)
    assert where.home_directory == kept


def test_same_failure_becomes_the_same_short_one():
    asked = [[], []]
    for seen in asked:

        def fails(example, seen=seen):
            seen.append(example)
            return sum(example) > 700

        shrinking.shrink(
            lambda draw: tuple(draw.up_to(8, lambda: draw.integer(0, 300))), [4, *[299] * 4], fails
        )
    assert len(asked[0]) > 5
    assert asked[0] == asked[1]
