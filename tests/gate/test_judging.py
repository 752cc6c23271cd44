"""What the gate is red for, rule by rule, on results alone."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.spec import requirements
from conformance.verdict.baseline import Baseline
from conformance.verdict.gate import RED, Finding
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results
from conformance.verdict.symptom import Symptom

MUST, OTHER = "handshake.accepted", "closing.reply"
PAST, FUTURE = dt.date(2020, 1, 1), dt.date(2999, 1, 1)
ENTRY = KnownFailure(MUST, "for now", where="baseline.toml", symptom=("broke",), expires=FUTURE)


def judged(
    *entries: KnownFailure, outcome: str = "failed", message: str = "broke", partial: bool = False
) -> Results:
    made = Results()
    made.gate.baseline = Baseline(Path("baseline.toml"), entries=entries)
    made.gate.choose(("ws://staging.example/ws", "staging.example", "Daphne"))
    made.add(TestResult(id="a", requirement=MUST, outcome=outcome, message=message))
    made.add(TestResult(id="b", requirement=OTHER, outcome="passed"))
    made.expected_tests, made.partial = 2, partial
    return made


def kinds(made: Results) -> list[str]:
    return [one.kind for one in made.findings()]


def test_known_failure_is_no_red() -> None:
    assert judged(ENTRY).verdict().exit_code == 0


@pytest.mark.parametrize(
    ("entry", "outcome", "message", "kind"),
    [
        (ENTRY, "passed", "", "stale"),
        (replace(ENTRY, expires=PAST), "passed", "", "stale"),
        (replace(ENTRY, expires=PAST), "failed", "broke", "expired"),
        (ENTRY, "failed", "otherwise", "different"),
        (ENTRY, "not-applicable", "", "unmatched"),
        (replace(ENTRY, requirement="no.such"), "passed", "", "unmatched"),
    ],
)
def test_entry_that_no_longer_fits_is_12(entry: KnownFailure, outcome: str, message: str, kind: str) -> None:
    made = judged(entry, outcome=outcome, message=message)
    assert (kinds(made), made.verdict().exit_code) == ([kind], 12)
    assert made.findings()[0].requirement in made.verdict().reason
    assert "\n" not in made.findings()[0].line


@pytest.mark.parametrize("outcome", ["passed", "not-applicable"])
def test_part_of_the_suite_calls_nothing_stale_or_unmatched(outcome: str) -> None:
    assert kinds(judged(ENTRY, outcome=outcome, partial=True)) == []


def test_run_that_lost_tests_calls_nothing_stale() -> None:
    made = judged(ENTRY, outcome="passed")
    made.expected_tests = 3
    assert kinds(made) == []


def test_inconclusive_entry_is_neither_stale_nor_green() -> None:
    made = judged(ENTRY, outcome="inconclusive")
    assert (kinds(made), made.verdict().exit_code) == ([], 10)


def test_last_day_is_not_over() -> None:
    made = judged(replace(ENTRY, expires=PAST))
    made.gate.today = PAST
    assert kinds(made) == []


@pytest.mark.parametrize("pattern", ["*", "ws://staging.*", "staging.example", "daphne"])
def test_entry_concerns_the_target_that_its_pattern_names(pattern: str) -> None:
    assert judged(replace(ENTRY, target=pattern)).verdict().exit_code == 0


def test_entry_for_another_target_tolerates_nothing() -> None:
    assert judged(replace(ENTRY, target="*.other.example")).verdict().exit_code == 1


def test_second_entry_knows_the_second_symptom() -> None:
    assert kinds(judged(ENTRY, replace(ENTRY, symptom=("otherwise",)), message="otherwise")) == []


def test_new_failure_outweighs_a_stale_entry() -> None:
    assert judged(replace(ENTRY, requirement=OTHER)).verdict().exit_code == 1


def test_requirement_newer_than_the_pin_is_reported_but_not_red() -> None:
    made = judged()
    made.gate.baseline = Baseline(Path("b"), version="1.0")
    made.tests["a"].outcome, made.tests["a"].since = (
        made.level_outcome(made.requirements()[0].requirement, "1.1"),
        "1.1",
    )
    (new,) = [one for one in made.requirements() if one.new]
    assert (new.requirement.id, new.outcome, made.verdict().exit_code) == (MUST, "advised", 0)


def test_without_a_pin_nothing_is_new() -> None:
    made = judged()
    made.gate.baseline = None
    assert not any(made.gate.is_new(one, "99.0") for one in requirements().values())
    assert made.verdict().exit_code == 1


def test_nothing_of_what_is_pinned_was_judged_is_never_green() -> None:
    made = judged(outcome="passed")
    made.gate.baseline = Baseline(Path("b"), version="0.1")
    assert made.verdict().exit_code == 10


# What a finding says.


def finding(*entries: KnownFailure, **members: object) -> Finding:
    (found,) = judged(*entries, **members).findings()  # type: ignore[arg-type]
    return found


OWNED = replace(ENTRY, owner="platform", link="https://bugs.example/1")


@pytest.mark.parametrize(
    ("entry", "outcome", "message", "detail"),
    [
        (OWNED, "failed", "otherwise", "now 'otherwise', not 'broke'"),
        (replace(OWNED, symptom=("a", "b")), "failed", "c", "now 'c', not 'a; b'"),
        (replace(OWNED, expires=PAST), "failed", "broke", "tolerated until 2020-01-01: for now"),
        (OWNED, "passed", "", "known in baseline.toml because 'for now'"),
        (OWNED, "not-applicable", "no session", "nothing judged it: no session"),
        (OWNED, "untested", "", "nothing judged it: untested"),
        (replace(OWNED, requirement="no.such"), "passed", "", "there is no such requirement"),
    ],
)
def test_finding_says_what_and_whose(entry: KnownFailure, outcome: str, message: str, detail: str) -> None:
    found = finding(entry, outcome=outcome, message=message)
    assert found == Finding(
        found.kind, entry.requirement, detail, "baseline.toml", "platform", "https://bugs.example/1"
    )
    label, advice = RED[found.kind]
    assert found.line == f"{label}: {entry.requirement}: {detail} (owner: platform); {advice}"


def test_several_new_symptoms_are_counted() -> None:
    made = judged(ENTRY, message="one")
    made.add(TestResult(id="c", requirement=MUST, outcome="failed", message="two"))
    assert made.findings()[0].detail == "now 'one' and 1 more, not 'broke'"
    made.add(TestResult(id="d", requirement=MUST, outcome="failed", message="three"))
    assert made.findings()[0].detail == "now 'one' and 2 more, not 'broke'"


def test_long_finding_is_one_line_and_cut() -> None:
    line = Finding("expired", MUST, "x\n " * 200).line
    (detail,) = [part for part in line.split(": ") if part.startswith("x")]
    assert detail.startswith("x x x")
    assert detail.partition("; ")[0] == ("x " * 74) + " …"
    assert Finding("expired", MUST, "y" * 150).line.count("y") == 150 + "mend it, or set a later day".count(
        "y"
    )
    assert "owner" not in line


@pytest.mark.parametrize("step", [1, -1])
def test_findings_stand_in_the_order_of_their_gravity(step: int) -> None:
    entries = [
        replace(ENTRY, requirement="no.such"),
        replace(ENTRY, requirement=OTHER),
        replace(ENTRY, symptom=("other",), expires=PAST),
    ]
    assert kinds(judged(*entries[::step])) == ["different", "expired", "stale", "unmatched"]


def test_entry_without_a_symptom_knows_no_failure_and_says_what_to_write() -> None:
    loose = replace(OWNED, symptom=())
    for entries in ((loose,), (ENTRY, loose)):
        made = judged(*entries, message='what"ever')
        (found,) = made.findings()
        assert (found.kind, found.detail) == ("unpinned", r'add symptom = "what\"ever"')
        assert found.owner == "platform"
        assert made.verdict().exit_code == 12
    assert kinds(judged(ENTRY, loose)) == [], "another entry knows it"
    assert kinds(judged(replace(loose, symptom=("*",)), message="whatever")) == []


def test_every_symptom_to_write_is_named_however_many() -> None:
    made = judged(replace(ENTRY, symptom=()))
    made.tests["a"].symptoms = [Symptom(f"case-{n:02}", "HTTP 101", "x").as_data() for n in range(40)]
    (found,) = made.findings()
    texts = tomllib.loads(found.detail.removeprefix("add "))["symptom"]
    assert texts == [f"case-{n:02}: HTTP 101" for n in range(40)]
    assert found.detail in found.line, "it is there to be copied"


def cases(*names: str, happened: str = "HTTP 101") -> list[dict[str, str]]:
    return [Symptom(name, happened, "accepted (HTTP 101)").as_data() for name in names]


@pytest.mark.parametrize(
    ("symptoms", "kind"),
    [
        (cases("a", "b"), []),
        (cases("b"), []),
        (cases("a", "b", "c"), ["different"]),
        (cases("a", happened="nothing"), ["different"]),
        (cases("ab"), ["different"]),
    ],
)
def test_other_case_and_other_way_of_a_known_failure_are_red(
    symptoms: list[dict[str, str]], kind: list[str]
) -> None:
    made = judged(replace(ENTRY, symptom=("a: HTTP 101", "b: HTTP 101")))
    made.tests["a"].symptoms = symptoms
    assert kinds(made) == kind


def test_message_that_an_earlier_version_pinned_is_still_read() -> None:
    made = judged(replace(ENTRY, symptom=("accepted (HTTP 101)",)))
    made.tests["a"].symptoms = cases("a", "b")
    assert kinds(made) == []


@pytest.mark.parametrize("own", [False, True])
def test_further_case_beside_what_a_family_is_known_for_fails(own: bool) -> None:  # noqa: FBT001
    family = replace(ENTRY, symptom=("a: HTTP 101",), family="A stack")
    made = judged(*[ENTRY][:own])
    made.gate.declared = (family,)
    made.tests["a"].symptoms = cases("a", "b")
    (entry,) = [one for one in made.requirements() if one.requirement.id == MUST]
    assert [str(one) for one in entry.unknown] == ["b: HTTP 101"]
    if own:  # which an entry of one's own might have known
        assert (kinds(made), made.verdict().exit_code) == (["different"], 12)
        return
    assert (kinds(made), made.verdict().exit_code) == ([], 1)
    assert entry.reason == "'b: HTTP 101'; 1 more known of A stack"
    made.tests["a"].symptoms = cases("a")
    assert made.verdict().exit_code == 0


def test_expired_entry_of_what_was_not_judged_is_red_in_a_whole_run_alone() -> None:
    expired = replace(ENTRY, expires=PAST)
    assert kinds(judged(expired, outcome="inconclusive")) == ["expired"]
    assert kinds(judged(expired, outcome="inconclusive", partial=True)) == []
    assert kinds(judged(expired, partial=True)) == ["expired"]


def test_entry_of_the_profile_may_match_nothing() -> None:
    made = judged(outcome="not-applicable")
    made.gate.declared = (replace(ENTRY, where="the profile"),)
    assert kinds(made) == []
    made.gate.baseline = None
    assert kinds(made) == []


def test_without_names_only_entries_for_any_target_count() -> None:
    made = judged(replace(ENTRY, target="staging*"), ENTRY)
    made.gate.choose(("", "other"))
    assert (made.gate.names, made.gate.known) == (("other",), {MUST: [ENTRY]})


# What need not apply.


def absent(made: Results, **listed: str) -> list[tuple[str, str, str]]:
    assert made.gate.baseline is not None
    made.gate.baseline.not_applicable = listed or None
    return [(one.kind, one.requirement, one.detail) for one in made.findings() if one.kind != "stale"]


def everything(**but: str) -> Results:
    made = Results()
    made.gate.baseline = Baseline(Path("baseline.toml"))
    for number, name in enumerate(requirements()):
        if but.get(name) != "untested":
            found = TestResult(
                id=str(number), requirement=name, outcome=but.get(name, "passed"), message="none"
            )
            made.add(found)
    made.expected_tests = len(made.tests)
    return made


GONE = {OTHER: "not-applicable", "framing.ping-pong": "untested"}


def test_what_does_not_apply_is_no_finding_unless_that_is_gated() -> None:
    assert absent(everything(**GONE)) == []


def test_what_no_longer_applies_has_vanished() -> None:
    made = everything(**GONE)
    made.gate.expect = True
    expected = [("vanished", OTHER, "not-applicable: none")]
    expected.append(("vanished", "framing.ping-pong", "untested: no test judged it"))
    assert sorted(absent(made)) == sorted(expected)
    assert made.verdict().exit_code == 12
    assert "requirements that are no longer judged" in made.verdict().reason
    made.partial = True
    assert absent(made) == []


def test_what_is_listed_need_not_apply() -> None:
    made = everything(**GONE)
    assert absent(made, **{OTHER: "we have none"}) == [
        ("vanished", "framing.ping-pong", "untested: no test judged it")
    ]
    assert absent(made, **dict.fromkeys(GONE, "none")) == []


def test_list_of_what_need_not_apply_names_requirements() -> None:
    assert absent(everything(), **{"no.such": "x"}) == [
        ("unmatched", "no.such", "[not_applicable] names no requirement")
    ]


def test_known_failure_and_what_is_newer_than_the_pin_need_not_apply() -> None:
    made = everything(**{OTHER: "not-applicable"})
    made.gate.expect = True
    made.gate.declared = (replace(ENTRY, requirement=OTHER),)
    assert absent(made) == []
    made = everything(**GONE)
    made.gate.expect = True
    made.gate.baseline = Baseline(Path("b"), version="0.1")
    assert absent(made) == []


def test_gate_is_data_for_the_report() -> None:
    made = judged(replace(OWNED, expires=PAST), replace(ENTRY, target="other"), replace(ENTRY, target="no"))
    results = made.requirements()
    results[3].new = True
    label, advice = RED["expired"]
    assert made.gate.as_data(made.findings(), results) == {
        "file": "baseline.toml",
        "requirements_version": made.gate.baseline.version if made.gate.baseline else "",
        "entries": 3,
        "other_targets": 2,
        "applicability_gated": False,
        "new": [results[3].requirement.id],
        "findings": [
            {
                "kind": "expired",
                "label": label,
                "requirement": MUST,
                "detail": "tolerated until 2020-01-01: for now",
                "advice": advice,
                "where": "baseline.toml",
                "owner": "platform",
                "link": "https://bugs.example/1",
            }
        ],
    }
    made.gate.baseline, made.gate.expect = None, True
    data = made.gate.as_data([], [])
    assert (data["file"], data["requirements_version"], data["applicability_gated"]) == (None, None, True)
