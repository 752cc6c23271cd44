"""`docs/proof.md`: how the suite's own verdicts are proven, with the numbers of the registry."""

from __future__ import annotations

from conformance.spec import Requirement, requirements
from conformance.spec.render import TITLES
from tests.defects import table
from tests.defects.registry import defects

HEAD = """# How the suite is proven

<!-- Written by `python -m tests.defects.coverage`; the text stands in tests/defects/proof.py. -->

A test that cannot fail proves nothing. So each requirement has *defects*: servers that keep every other
requirement. A defect is a few lines on top of the reference server, named for its fault, and as subtle as
the faults of real servers. The suite runs against each of them as a user would run it. A defect counts as
killed if

- the requirement is *failed* in the report and on the terminal (*advised* for a SHOULD, *strict only* if
  its breach costs nothing), and the exit code agrees;
- no other requirement fails or becomes inconclusive or not applicable. Some requirements must break
  together with it: these *companions* are listed with the defect, each with the reason, and have to fail
  too;
- both stay true when some tests of all other chapters run along.

`tests/defects/tolerated*.py` holds the opposite: servers that differ from the reference server but are
correct. They must pass."""

RUN = """## Run it
```
python -m tests.defects                        # all; the table goes to reports/kill-matrix.md and .json
python -m tests.defects framing 'auth.jwt-*'   # chapters, requirements, modules, names of defects
python -m tests.defects --changed              # what differs from main; --changed=COMMIT from another commit
python -m tests.defects --list --changed       # only list what would run
python -m tests.defects --times=20 NAME        # does it depend on chance?
pytest tests/test_defects.py -k framing        # the same suites, as CI runs them
```
`--changed` selects a changed defect, the defects of the requirement whose test or text changed, and the
defects of tests that import a changed helper. A change to code that every run needs, such as
`conformance/wire` or the reference server, selects all. Exit code 1: a defect survived; 4: an argument
matches nothing; 5: nothing to do.

## Add a defect
1. Find the module of its section in `tests/defects/`, and write a function named for the fault:
   `@defect("framing.ping-pong")`, then the change to the server or to the library below it.
2. Break as little as a real server would: one opcode, one length, the second message, and nothing at
   random. The suite masks with random keys, so a defect that depends on bytes must not match one of them by
   chance.
3. `python -m tests.defects --times=20 NAME` has to kill it each time, also on a busy machine. A defect that
   answers late should wait for the event it must miss, or far longer than the limit it breaks. A defect
   should cost less than 2 s; `files` and `::test_name` limit what runs.
4. `companions` are only for requirements that no server could keep together with the broken one. State the
   reason. A long list means that the defect is too coarse.
5. `python -m tests.defects.coverage` regenerates this page and the list of proofs, `make docs` the
   specification."""


def page() -> str:
    """Return the page."""
    rules = requirements().values()
    broken = {one.requirement for one in defects().values()}
    left = [one for one in rules if one.id not in broken]
    beside = [one for one in defects().values() if one.companions]
    others = sum(len(one.companions) for one in beside)
    rows = table.counts()
    total = [sum(row[column] for row in rows) for column in (2, 3, 4)]
    said = (
        f"MUST includes MUST NOT, SHOULD includes SHOULD NOT. {len(beside)} of the defects have {others} "
        "companions. The [specification](specification.md) lists the defects of each requirement."
    )
    why = (
        f"{len(left)} requirements say what a server MAY do. No server can break them, so the suite only "
        "records what it observes."
    )
    return "\n".join(
        [
            *(HEAD, "", "## What is proven", ""),
            *("| chapter | level | requirements | proven | defects |", "|---|---|--:|--:|--:|"),
            *(f"| {TITLES[row[0]]} | {row[1]} | {row[2]} | {row[3]} | {row[4]} |" for row in rows),
            *(f"| all | | {total[0]} | {total[1]} | {total[2]} |", "", said, ""),
            *("## What is not proven, and why", "", why, ""),
            *_reasons(left),
            *("", RUN, ""),
        ]
    )


def _reasons(left: list[Requirement]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for one in left:
        by_reason.setdefault(one.unproven, []).append(f"`{one.id}`")
    return [f"- {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
