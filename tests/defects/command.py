"""`python -m tests.defects`: run the kill matrix or a part of it, and write what it found."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

from tests.defects import table
from tests.defects.choosing import UnknownWordError, changed, named
from tests.defects.engine import LAST, Engine, Verdict, jobs
from tests.defects.registry import Defect, defects

EXIT_SURVIVED, EXIT_INTERRUPTED, EXIT_USAGE, EXIT_NOTHING = 1, 2, 4, 5


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.defects",
        description="Run the suite on servers that are wrong on purpose: each must turn its requirement red, "
        "and nothing else.",
    )
    made.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="a chapter, requirement (also framing.*), module or name of a defect; all of them by default",
    )
    made.add_argument(
        "--changed",
        nargs="?",
        const="main",
        metavar="COMMIT",
        help="only what the difference to a commit touches (main), committed or not",
    )
    made.add_argument("--list", action="store_true", help="say what would be run, and run nothing")
    made.add_argument("--times", type=int, default=1, metavar="N", help="run each N times, to find chance")
    made.add_argument("-j", "--jobs", type=int, default=jobs(), help="suites at a time (%(default)s)")
    made.add_argument("--output", type=Path, default=LAST.parent, metavar="DIR", help="where the table goes")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 0 when all were killed, 1 when not, 4 on a mistake, 5 without any."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(given)
    try:
        chosen = named(options.words) if options.words else [*defects().values()]
        if options.changed:
            touched, said = changed(options.changed)
            print("\n".join(said))
            names = {one.name for one in touched}
            chosen = [one for one in chosen if one.name in names]
    except UnknownWordError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    if not chosen:
        print("Nothing that was changed is judged by a defect.")
        return EXIT_NOTHING
    if options.list:
        print("\n".join(f"{one.requirement:36} {one.module}-{one.name}" for one in chosen))
        return 0
    command = shlex.join(["python", "-m", "tests.defects", *given])
    survived: Counter[str] = Counter()
    try:
        for _ in range(max(1, options.times)):
            survived.update(run(chosen, options.jobs, options.output, command))
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)
        return EXIT_INTERRUPTED
    if options.times > 1:
        for name, count in survived.items():
            print(f"{name} survived {count} of {options.times} times")
    return EXIT_SURVIVED if survived else 0


def run(chosen: list[Defect], at_a_time: int, folder: Path, command: str) -> list[str]:
    """Run suites, print each verdict as it comes, write the table; return the survivors' names."""
    began = time.monotonic()
    verdicts: list[Verdict] = []
    with Engine(at_a_time) as engine:
        for verdict in engine.verdicts(chosen):
            verdicts.append(verdict)
            print(line(len(verdicts), len(chosen), verdict), flush=True)
    made = table.document(verdicts, seconds=time.monotonic() - began, jobs=at_a_time, command=command)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kill-matrix.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    (folder / "kill-matrix.md").write_text(table.markdown(made) + "\n", "utf-8")
    number = made["counts"]
    print(
        f"{number['killed']} of {number['run']} killed in {made['seconds']:.0f} s, "
        f"{made['processor_seconds']:.0f} s of processor time: {folder / 'kill-matrix.md'}"
    )
    return [one.defect.name for one in verdicts if not one.killed]


def line(number: int, total: int, verdict: Verdict) -> str:
    """Return one verdict's line of progress, with what is wrong below where it survived."""
    one, outcome = verdict.defect, verdict.outcome
    word = "killed" if verdict.killed else "SURVIVED"
    first = f"[{number:3}/{total}] {word:8} {outcome.seconds:5.1f} s  {one.requirement}: {one.name}"
    return "\n".join([first, *(f"    {each}" for each in verdict.wrong)])
