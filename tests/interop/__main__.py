"""Run the suite against servers of others and write one matrix: ``reports/interop.md`` and ``interop.html``.

Without arguments all profiles under ``targets/`` are run, without the browser. Arguments are patterns of
their names, or servers of one's own, as ``NAME=URL``, ``NAME=PROFILE.toml`` or ``NAME=COMMAND`` with
``{port}`` in it, which is started on a free port and has an echo path; ``NAME=`` is the reference server::

    python -m tests.interop --runs 20 --chapter protocol 'nginx/*' 'ws=node echo.js {port}'

The exit code is 1 if two runs of one server differ, or if a profile's server is not conformant (known
failures of its family aside), else 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance.commands.compare.matrix import matrix
from tests.interop.pages import combined, summary, write
from tests.interop.running import Ran, run, served
from tests.interop.stacks import ROOT, Stack, chosen, known

SUITE = "conformance/suite"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("servers", nargs="*", metavar="NAME or NAME=SERVER")
    parser.add_argument("--list", action="store_true", help="name the known stacks, and what is missing")
    parser.add_argument("--runs", type=int, default=1, help="how often each")
    parser.add_argument(
        "--chapter", action="append", default=[], help="all but the browser's; may be repeated"
    )
    parser.add_argument("--test", action="append", default=[], help="files or tests instead; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="so many servers at a time")
    parser.add_argument("-n", dest="workers", default="", help="workers of pytest-xdist")
    parser.add_argument("--path", default="/echo", help="the echo path of commands (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "reports", help="folder of the pages (default: reports)"
    )
    return parser.parse_args(arguments)


def selection(options: argparse.Namespace) -> list[str]:
    """Return what pytest is to run.

    Raises:
        SystemExit: there is no such chapter.

    """
    for name in options.chapter:
        if not (ROOT / SUITE / name).is_dir():
            raise SystemExit(f"--chapter {name}: there is no such folder in {SUITE}.")
    tests = [*(f"{SUITE}/{name}" for name in options.chapter), *options.test]
    workers = ["-n", options.workers] if options.workers else []
    return [*workers, *(tests or [SUITE, f"--ignore={SUITE}/browser"])]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write the pages and print the summary."""
    options = parsed(arguments)
    if options.list:
        for stack in known():
            print(f"{stack.name}: {stack.missing() or stack.versions()}")
        return 0
    words = selection(options)
    skipped: dict[Stack, str] = {}
    home = options.output.resolve() / "interop"
    wanted = []
    for stack in chosen(options.servers):
        if missing := stack.missing():
            skipped[stack] = missing
            print(f"{stack.name}: not run: {missing}", file=sys.stderr, flush=True)
        else:
            wanted.append(stack)

    def judged(stack: Stack) -> Ran:
        own = home / stack.name.replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        ran = Ran(stack)
        with served(stack, options.path, own / "server.txt") as target:
            for number in range(1, options.runs + 1):
                run(ran, [*target, *words], own / str(number))
                line = f"{stack.name} {number}: exit {ran.exits[-1]}, {ran.reports[-1]['counts']}"
                print(line, file=sys.stderr, flush=True)
        return ran

    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(judged, wanted))
    if not results:
        print("Nothing was run.", file=sys.stderr)
        return 1
    written = write(options.output.resolve(), results, skipped)
    print("\n".join(summary(matrix([combined(ran) for ran in results]), results, skipped)))
    print(*(f"report: {path}" for path in written), sep="\n")
    wrong = any(ran.unstable or (ran.stack.known and set(ran.exits) != {0}) for ran in results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
