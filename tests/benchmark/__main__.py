"""Print what a case of the protocol chapter costs, the memory, and the ratio to a bare loop.

The bare loop makes the connections that the chapter made and sends the bytes that it sent. Both run in turns,
each in a process of its own, against one server, so that a machine that grows slower does so to both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from conformance.plugin.run import reference_profile
from conformance.target.launch import launched
from conformance.target.profile import load
from conformance.target.url import ServerURL

ROOT = Path(__file__).parents[2]
CHAPTER = "conformance/suite/protocol"


def suite(url: ServerURL, folder: Path, *words: str, record: bool = False) -> dict[str, Any]:
    """Run the chapter in a process of its own; return what was measured."""
    output = folder / "measured.json"
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.benchmark.measuring",
        f"--server-url={url}", f"--report-dir={folder / 'reports'}", *words,
    ]  # fmt: skip
    extra = {"BENCHMARK_OUTPUT": str(output), **({"BENCHMARK_RECORDS": "1"} if record else {})}
    # Not the process's own time of creation: on Linux that is counted from a boot in whole seconds.
    extra["BENCHMARK_STARTED"] = str(time.time())
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | extra, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the chapter does not pass, so that its time says nothing:\n{done.stdout[-3000:]}")
    measured: dict[str, Any] = json.loads(output.read_text("utf-8"))
    return measured


def bare(url: ServerURL, recording: Path, *words: str) -> tuple[float, float, float]:
    """Run the bare loop in a process of its own; return its seconds, the processor's, and waits given up."""
    command = [
        sys.executable, "-m", "tests.benchmark.bare", str(recording), "127.0.0.1", str(url.port), *words,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    by_clock, of_processor, given_up = map(float, done.stdout.split())
    return by_clock, of_processor, given_up


def row(name: str, values: list[float], unit: str, digits: int = 2) -> str:
    """Return a line of the table: least, median and largest value."""
    numbers = "".join(f"{one:>10.{digits}f}" for one in (min(values), statistics.median(values), max(values)))
    return f"{name:<44}{numbers}  {unit}"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often both are run, in turns (3)")
    parser.add_argument("words", nargs="*", default=[CHAPTER], help="tests to run instead of the chapter")
    options = parser.parse_args()
    words = options.words or [CHAPTER]
    with tempfile.TemporaryDirectory() as place, launched(load(reference_profile())) as (_, server):
        folder = Path(place)
        recording = folder / "recording.json"
        recording.write_text(json.dumps(suite(server.url, folder, *words, record=True)), "utf-8")
        runs, loops, pausing = [], [], []
        for _ in range(options.rounds):
            runs.append(suite(server.url, folder, *words))
            loops.append(bare(server.url, recording))
            pausing.append(bare(server.url, recording, "pausing"))
    cases = runs[0]["cases"]
    moments = [one["moments"] for one in runs]
    times = [one["last"] - one["first"] for one in moments]
    print(f"{cases} cases, {options.rounds} rounds in turns{'least':>19}{'median':>10}{'largest':>10}")
    print(row("start-up", [one["collection"] - one["started"] for one in moments], "s"))
    print(row("collection", [one["probe"] - one["collection"] for one in moments], "s"))
    print(row("probe of the target", [one["first"] - one["probe"] for one in moments], "s"))
    print(row("the cases", times, "s"))
    print(row("a case", [1000 * one / cases for one in times], "ms"))
    print(row("the bare loop", [one for one, _, _ in loops], "s"))
    print(
        row("cases / bare loop, pair by pair", [a / b for a, (b, _, _) in zip(times, loops, strict=True)], "")
    )
    print(row("the bare loop, pausing between segments", [one for one, _, _ in pausing], "s"))
    shares = [a / b for a, (b, _, _) in zip(times, pausing, strict=True)]
    print(row("cases / that, pair by pair", shares, ""))
    worked = [one["last_cpu"] - one["first_cpu"] for one in moments]
    print(row("the cases, processor time", worked, "s"))
    print(row("the bare loop, processor time", [one for _, one, _ in loops], "s"))
    shares = [a / b for a, (_, b, _) in zip(worked, loops, strict=True)]
    print(row("the same, pair by pair", shares, ""))
    print(row("waits in vain of the bare loop, not counted", [one for _, _, one in loops], "of 1 s", 0))
    print(row("peak memory of the pytest process", [one["peak"] / 2**20 for one in runs], "MiB", 1))


if __name__ == "__main__":
    main()
