"""Run the protocol chapter many times against servers of others: a table of what fails, and what is unstable.

Each server is ``NAME=URL``, ``NAME=PROFILE.toml`` or ``NAME=COMMAND`` with ``{port}`` in it, which is started
on a free port and has an echo path; ``NAME=`` is the reference server::

    python -m tests.interop --runs 20 'uvicorn=uvicorn app:app --port {port}' 'ws=node echo.js {port}'

The JSON reports stay in ``--output``. The exit code is 1 if two runs of one server differ, else 0.
"""

from __future__ import annotations

import argparse
import json
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CHAPTER = "conformance/suite/protocol"
WORST = ("failed", "inconclusive", "advised")
Report = dict[str, Any]


@contextmanager
def served(what: str, path: str, log: Path) -> Iterator[list[str]]:
    """Start the server if it is a command; give the options of pytest that point at it."""
    if "{port}" not in what:
        option = "--profile" if what.endswith(".toml") else "--server-url"
        yield [f"{option}={what}"] if what else []
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in shlex.split(what)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            await_port(process, port, log)
            yield [f"--server-url=ws://127.0.0.1:{port}{path}"]
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return as soon as the port answers."""
    limit = time.monotonic() + 60.0
    while time.monotonic() < limit and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{shlex.join(map(str, process.args))} does not listen on port {port}: see {log}.")  # type: ignore[arg-type]


def run(options: list[str], folder: Path, words: list[str]) -> Report:
    """Run the chapter once, in a process of its own, and return its JSON report."""
    report = folder / "conformance.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--report-dir={folder}"]
    done = subprocess.run(
        [*command, *options, *(words or [CHAPTER])], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (folder / "console.txt").write_text(done.stdout + done.stderr, "utf-8")
    if not report.exists():
        raise SystemExit(f"no report: see {folder / 'console.txt'}")
    made: Report = json.loads(report.read_text("utf-8"))
    made["tests"].append({"id": "exit code", "outcome": str(done.returncode)})
    return made


def outcomes(report: Report) -> dict[str, str]:
    """Return the outcome of every test and of every requirement, by its id."""
    return {one["id"]: one["outcome"] for part in ("tests", "requirements") for one in report[part]}


def unstable(reports: list[Report]) -> dict[str, Counter[str]]:
    """Return the ids whose outcome is not the same in all runs, with how often each was seen."""
    seen = list(map(outcomes, reports))
    names = dict.fromkeys(name for one in seen for name in one)
    every = {name: Counter(one.get(name, "absent") for one in seen) for name in names}
    return {name: counts for name, counts in every.items() if len(counts) > 1}


def table(results: dict[str, list[Report]]) -> Iterator[str]:
    """Yield the lines of a Markdown table: requirements that some server does not keep, by server."""
    worst: dict[str, dict[str, Counter[str]]] = {}
    for name, reports in results.items():
        for one in (one for report in reports for one in report["requirements"]):
            if one["outcome"] in WORST:
                worst.setdefault(one["id"], {}).setdefault(name, Counter())[one["outcome"]] += 1
    yield f"| requirement | {' | '.join(results)} |"
    yield f"|---|{'---|' * len(results)}"
    for requirement, servers in sorted(worst.items(), key=lambda item: (rank(item[1]), item[0])):
        cells = [said(servers.get(name, Counter()), len(reports)) for name, reports in results.items()]
        yield f"| `{requirement}` | {' | '.join(cells)} |"


def rank(servers: dict[str, Counter[str]]) -> int:
    """Return where a row stands: failed before inconclusive before advised."""
    return min(WORST.index(outcome) for counts in servers.values() for outcome in counts)


def said(counts: Counter[str], runs: int) -> str:
    """Return a cell: the outcome, and in how many of the runs unless in all."""
    return ", ".join(one if times == runs else f"{one} {times}/{runs}" for one, times in counts.items())


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="+", metavar="NAME=SERVER")
    parser.add_argument("--runs", type=int, default=1, help="how often each")
    parser.add_argument("--path", default="/echo", help="the echo path of commands (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "reports" / "interop", help="folder of the reports"
    )
    parser.add_argument("--test", action="append", default=[], help=f"instead of {CHAPTER}; may be repeated")
    options = parser.parse_args()
    results: dict[str, list[Report]] = {}
    for name, what in (one.split("=", 1) for one in options.servers):
        home = options.output.resolve() / name
        home.mkdir(parents=True, exist_ok=True)
        with served(what, options.path, home / "server.txt") as target:
            for number in range(1, options.runs + 1):
                folder = home / str(number)
                folder.mkdir(exist_ok=True)
                results.setdefault(name, []).append(run(target, folder, options.test))
                print(f"{name} {number}: {results[name][-1]['counts']}", file=sys.stderr, flush=True)
    differing = {name: unstable(reports) for name, reports in results.items()}
    print("\n".join(table(results)))
    for name, ids in differing.items():
        print(f"\n{name}: {len(results[name])} runs, {len(ids)} unstable", *ids.items(), sep="\n  ")
    return 1 if any(differing.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
