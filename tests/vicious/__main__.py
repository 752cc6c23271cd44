"""`python -m tests.vicious [PATTERN …]`: the whole suite against every vice, and a table of how it ended.

`--time-scale` multiplies the bounds of the suite, `--slack` the seconds of a run, for a machine that has
much else to do. `--at-once` runs are made side by side. The table goes to reports/vicious.md.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.vicious.cases import CASES, Case
from tests.vicious.complaints import complaints
from tests.vicious.judging import ROOT, Outcome, run

TABLE = ROOT / "reports" / "vicious.md"
HEAD = """# How the suite ends on servers that hold to nothing

Each row is one run of all chapters but the browser's (which is in where the row says so), at a time scale of
{scale:g}. Seconds are wall time, beside them the suite's own processor time; MiB and descriptors are the
most that its process held. "right": that exit code, that cause, in time, a whole report, nothing left behind.

| vice | begins | s | of a bound of | processor s | MiB | descriptors | exit | passed | verdict | right |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def judge(case: Case, folder: Path, scale: float, slack: float) -> tuple[Case, Outcome, list[str]]:
    """Run one case."""
    where = () if case.browser else ("--deselect=conformance/suite/browser",)
    chosen = ("conformance/suite/browser", "conformance/suite/session") if case.browser else where
    bound = case.bound * slack
    outcome = run(folder / case.name, case.vice, case.when, *chosen, scale=scale, bound=2 * bound)
    wrong = complaints(case, outcome, bound=bound)
    print(
        f"{'WRONG' if wrong else 'right'} {case.name}: exit {outcome.exit_code}, {outcome.seconds:.0f} s, "
        f"{outcome.mebibytes:.0f} MiB. {outcome.reason[:160]}",
        *wrong,
        sep="\n      ",
        flush=True,
    )
    return case, outcome, wrong


def row(case: Case, outcome: Outcome, wrong: list[str], slack: float) -> str:
    """Return a line of the table."""
    reason = outcome.reason.replace("|", "\\|")
    cells = [
        case.vice + (" (browser)" if case.browser else ""),
        case.when,
        f"{outcome.seconds:.0f}",
        f"{case.bound * slack:.0f}",
        f"{outcome.processor:.1f}",
        f"{outcome.mebibytes:.0f}",
        str(outcome.descriptors),
        str(outcome.exit_code),
        str(len(outcome.by_outcome("passed"))),
        reason if len(reason) < 260 else reason[:260] + "…",
        "; ".join(wrong).replace("|", "\\|") or "yes",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run what is asked for and write the table; return how many cases ended wrongly, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m tests.vicious", description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"], help="of the names of cases, such as 'floods*'")
    parser.add_argument("--time-scale", type=float, default=0.3)
    parser.add_argument("--slack", type=float, default=1.0)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    chosen = [one for one in CASES if any(fnmatch.fnmatch(one.name, this) for this in options.patterns)]
    with (
        tempfile.TemporaryDirectory(prefix="vicious-") as folder,
        ThreadPoolExecutor(options.at_once) as pool,
    ):
        done = list(
            pool.map(lambda case: judge(case, Path(folder), options.time_scale, options.slack), chosen)
        )
    lines = [row(case, outcome, wrong, options.slack) for case, outcome, wrong in done]
    options.table.parent.mkdir(exist_ok=True)
    options.table.write_text(HEAD.format(scale=options.time_scale) + "\n".join(lines) + "\n", "utf-8")
    bad = sum(bool(wrong) for _, _, wrong in done)
    print(f"{len(done) - bad} of {len(done)} ended as they have to; the table is in {options.table}")
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
