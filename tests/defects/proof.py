"""`docs/proof.md`: how the suite's own verdicts are proven, with the numbers of the registry."""

from __future__ import annotations

from conformance.spec import Requirement, requirements
from conformance.spec.render import TITLES
from tests.defects import table
from tests.defects.registry import defects

HEAD = """# How the suite is proven

<!-- Written by `python -m tests.defects.coverage`; the text stands in tests/defects/proof.py. -->

A test that cannot fail proves nothing. So each rule has its *defects*: servers that keep every rule but that
one, a few lines over the reference server, each named for its vice and as subtle as real servers' vices are.
The suite is run against each of them as a user runs it, and the defect counts as killed when

- the rule is *failed* in report and terminal (*advised*, where it is a SHOULD; *strict only*, where its
  breach costs nothing), and the exit code says so;
- no other rule went red, inconclusive or not applicable. Rules that cannot but go down with it are named
  beside the defect, each with the argument why, and have to go down;
- that stays so among tests of all other chapters, of which a few are run along.

The other direction is `tests/defects/tolerated*.py`: servers that are right in another way than the reference
server, which must stay green."""

RUN = """## Run it
```
python -m tests.defects                        # all; the table goes to reports/kill-matrix.md and .json
python -m tests.defects framing 'auth.jwt-*'   # chapters, requirements, modules, names of defects
python -m tests.defects --changed              # what differs from main; --changed=COMMIT from another commit
python -m tests.defects --list --changed       # only say what would be run
python -m tests.defects --times=20 NAME        # does it depend on chance?
pytest tests/test_defects.py -k framing        # the same suites, as CI runs them
```
`--changed` goes from a changed defect to itself, from a changed test or rule to the defects of its
requirement, from a helper to those of the tests that import it. What every run needs, such as the frames of
`conformance/wire` or the reference server, touches all. Exit code 1: a defect survived; 4: a word that names
nothing; 5: nothing to do.

## Add a defect
1. Find the module of its section in `tests/defects/`, and write a function named for the vice:
   `@defect("framing.ping-pong")`, then what it does in the server or the library under it.
2. Break as little as a real server would: one opcode, one length, the second message, and nothing at random.
   The suite masks by random keys: what depends on bytes must not hit one of them by chance.
3. `python -m tests.defects --times=20 NAME` has to kill it each time, also on a busy machine: let what is
   late wait for what it must miss, or far longer than the bound that it breaks. It should cost less than 2 s;
   `files` and `::test_name` narrow what is run.
4. `companions` are for rules that no server could keep beside the broken one, with the argument. A longer
   list means that the defect is too coarse.
5. `python -m tests.defects.coverage` writes this page and the list of proofs anew, `make docs` the
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
        f"MUST counts MUST NOT too, SHOULD counts SHOULD NOT. {len(beside)} of the defects take {others} "
        "other rules with them, each with its argument. Which defects break which rule stands in the "
        "[specification](specification.md)."
    )
    why = (
        f"{len(left)} requirements say what a server MAY do: that is no fault, so nothing can break them. "
        "It is observed and written down."
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
