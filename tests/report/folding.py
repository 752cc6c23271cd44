"""Results made by hand, to be folded into outcomes."""

from __future__ import annotations

from conformance.spec import requirements
from conformance.target.profile import KnownFailure
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results


def first(level):
    return next(one.id for one in requirements().values() if one.level == level)


MUST, SHOULD, MAY = "handshake.accepted", first("SHOULD"), first("MAY")
OTHER = "closing.reply"


def result(outcome="passed", requirement=MUST, name="test", **members):
    return TestResult(id=f"x.py::{name}", requirement=requirement, outcome=outcome, **members)


def charge(requirement, *, kept=False, message="seen"):
    return {"requirement": requirement, "kept": kept, "message": message}


def results(*added, strict=False, known=(), expected=None):
    made = Results(strict=strict, known_failures=[KnownFailure(one, "for now") for one in known])
    for number, one in enumerate(added):
        one.id = one.id.replace("test", f"test_{number}") if one.id == "x.py::test" else one.id
        made.add(one)
    made.expected_tests = len(made.tests) if expected is None else expected
    return made


def entry_of(made, requirement=MUST):
    return next(one for one in made.requirements() if one.requirement.id == requirement)
