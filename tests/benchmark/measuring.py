"""A pytest plugin that times one run, and writes down what it says on the wire where it is asked to.

It writes one JSON document to the file that ``BENCHMARK_OUTPUT`` names; ``BENCHMARK_STARTED`` is when the
process was started, in seconds since the epoch. The conversation is a list of steps
in the order in which they were taken: ``["open", n]``, ``["write", n, bytes, read, pause]`` and ``["end", n,
read, kind, over]``, where ``n`` numbers connections, ``read`` is how many responses and frames but Pings had
been received before, ``pause`` how many seconds were slept before, and ``over`` whether the server had ended
TCP.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.net.connection import Connection
from conformance.wire.frames import PING

MOMENTS: dict[str, float] = {}
STEPS: list[list[Any]] = []
CASES: list[str] = []


def pytest_configure() -> None:
    if os.environ.get("BENCHMARK_RECORDS"):
        _record()


def pytest_collection() -> None:
    MOMENTS["collection"] = time.time()


@pytest.hookimpl(wrapper=True)  # a wrapper's first half runs before the suite's own hook, which probes
def pytest_runtestloop() -> Generator[None, object, object]:
    MOMENTS["probe"] = time.time()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    MOMENTS.setdefault("first", time.time())
    MOMENTS.setdefault("first_cpu", time.process_time())
    CASES.append(item.nodeid)
    STEPS.append(["case"])
    try:
        return (yield)
    finally:
        MOMENTS["last"], MOMENTS["last_cpu"] = time.time(), time.process_time()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    usage = {"started": float(os.environ["BENCHMARK_STARTED"]), **MOMENTS}
    Path(os.environ["BENCHMARK_OUTPUT"]).write_text(
        json.dumps({"moments": usage, "cases": len(CASES), "peak": _peak(), "steps": STEPS}), "utf-8"
    )


def _peak() -> int:
    """Return the largest memory that this process ever held, in bytes."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return int(psutil.Process().memory_info().peak_wset)
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def _record() -> None:
    """Write down what every connection of the suite does."""
    numbers: dict[int, int] = {}
    slept: dict[object, float] = {}
    sleep = asyncio.sleep

    async def sleeping(seconds: float, *result: Any) -> Any:
        slept[asyncio.current_task()] = seconds
        return await sleep(seconds, *result)

    asyncio.sleep = sleeping  # type: ignore[assignment]
    kept: list[Connection] = []  # so that no other connection gets the identity of one that is gone

    def wrapped(name: str, before: Any) -> None:
        original = getattr(Connection, name)

        def method(self: Connection, *arguments: Any) -> Any:
            if id(self) in numbers or name == "connection_made":
                before(self, *arguments)
            return original(self, *arguments)

        setattr(Connection, name, method)

    def made(self: Connection, _transport: Any) -> None:
        kept.append(self)
        numbers[id(self)] = len(numbers)
        STEPS.append(["open", numbers[id(self)]])

    def received(self: Connection) -> int:
        frames = sum(frame.opcode != PING for frame in self.received_frames)
        return frames + (self.response is not None)

    def wrote(self: Connection, data: bytes) -> None:
        pause = slept.pop(asyncio.current_task(), 0.0)
        STEPS.append(["write", numbers[id(self)], data.hex(), received(self), pause])

    def ended(kind: str) -> Any:
        def step(self: Connection) -> None:
            over = bool(self.end)
            STEPS.append(["end", numbers[id(self)], received(self), kind, over])

        return step

    wrapped("connection_made", made)
    wrapped("write", wrote)
    for name in ("half_close", "reset", "shut"):
        wrapped(name, ended(name))
