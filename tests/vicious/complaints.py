"""What is wrong with a run of the suite against a vice; nothing when it ended as it has to."""

from __future__ import annotations

import re

import jsonschema

from conformance.report.document import schema
from tests.vicious.cases import Case
from tests.vicious.judging import Outcome

MEMORY = 300.0  # MiB that the suite may hold at its worst
DESCRIPTORS = 1024  # a crowd opens as many connections as it can in half a second: here some 700
# The machine's own tables and the profile tell these; no word of the server is needed for them.
NEED_NO_SERVER = frozenset({"auth.query-only", "port.one-process-tree", "port.no-orphan-holds"})


def complaints(case: Case, outcome: Outcome, *, bound: float) -> list[str]:
    """Return what is wrong, in sentences; ``bound`` are the seconds that the run may take."""
    wrong = []
    if outcome.exit_code is None:
        wrong.append(f"it did not end within {outcome.seconds:.0f} s")
    elif outcome.exit_code != case.exit_code:
        wrong.append(f"exit code {outcome.exit_code}, expected {case.exit_code}")
    if outcome.seconds > bound:
        wrong.append(f"it took {outcome.seconds:.0f} s, at most {bound:.0f} s are allowed")
    if outcome.mebibytes > MEMORY:
        wrong.append(f"it held {outcome.mebibytes:.0f} MiB, at most {MEMORY:.0f} are allowed")
    if outcome.descriptors > DESCRIPTORS:
        wrong.append(f"it held {outcome.descriptors} descriptors, at most {DESCRIPTORS} are allowed")
    if outcome.left:
        wrong.append(f"it left processes behind: {outcome.left}")
    if "Traceback" in outcome.printed:
        wrong.append("it printed a traceback")
    return wrong + _report(case, outcome)


def _report(case: Case, outcome: Outcome) -> list[str]:
    wrong = []
    errors = [one.message for one in jsonschema.Draft202012Validator(schema()).iter_errors(outcome.report)]
    if errors:
        return [f"the report is missing or not whole: {errors[0][:200]}"]
    if outcome.report["verdict"]["exit_code"] != outcome.exit_code:
        wrong.append("the report says another exit code")
    if re.search(case.said, outcome.reason) is None:
        wrong.append(f"the verdict does not say {case.said!r}: {outcome.reason}")
    if outcome.reason.split(". ")[0][:60] not in outcome.printed:
        wrong.append("the terminal does not say what the report says")
    missing = set(case.failed) - outcome.by_outcome("failed").keys()
    if missing:
        wrong.append(f"not among the failed: {', '.join(sorted(missing))}")
    passed = outcome.by_outcome("passed").keys()
    if case.when == "first" and case.exit_code == 10 and passed:
        wrong.append(f"passed on a server that does nothing right: {', '.join(sorted(passed))}")
    if case.when == "tests" and passed - NEED_NO_SERVER:
        wrong.append(f"passed for want of an answer: {', '.join(sorted(passed - NEED_NO_SERVER))}")
    faults = [one["id"] for one in outcome.report["tests"] if one["outcome"] == "suite-fault"]
    if faults:
        wrong.append(f"faults of the suite itself: {', '.join(faults)}")
    return wrong
