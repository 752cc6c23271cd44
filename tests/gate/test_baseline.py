"""The baseline file: read with complaints that help, written so that diffs are small."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.errors import UsageProblem
from conformance.gate.baseline import Baseline, load
from conformance.gate.entries import KnownFailure
from conformance.gate.update import Changes, updated
from conformance.report.results import Results, TestResult
from conformance.spec import VERSION, requirements

MUST, OTHER, SHOULD = "handshake.accepted", "closing.reply", "handshake.upgrade-list"
FULL = KnownFailure(
    MUST,
    'Daphne says "no"\n',
    "https://bugs.example/1",
    "platform",
    "*daphne*",
    ("a", 'b\\"'),
    dt.date(2027, 3, 31),
)
FAILING = {one.id: one.binding for one in requirements().values()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "requirements_version: expected the version that is pinned"),
        ('requirements_version = "9.0"', "9.0 is later than this suite's"),
        ('requirements_version = "new"', "expected a version such as"),
        ("x = 1", "x: there is no such key"),
        ('known_failures = ""', "Did you mean 'known_failure'"),
        ("[[known_failure]]\nreason = 'x'", "known_failure 1.requirement: it is missing"),
        ("[[known_failure]]\nrequirement = 'x'", "known_failure 1.reason: a known failure needs its reason"),
        ("[[known_failure]]\nrequirement = 'x'\nreason = ' '", "known_failure 1.reason"),
        ("[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nexpires = 'soon'", "expected a day"),
        ("[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nsymptom = [1]", "known_failure 1.symptom"),
        ("[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nowners = 'x'", "Did you mean 'owner'"),
        ("not_applicable = ['x']", "not_applicable: expected a table"),
        ("[[", "is no TOML"),
    ],
)
def test_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "baseline.toml"
    pinned = "requirements_version" in text or not text or said.startswith(("x:", "Did you mean 'known"))
    file.write_text(text if pinned else f'requirements_version = "{VERSION}"\n{text}')
    with pytest.raises(UsageProblem) as caught:
        load(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "baseline.toml"
    made = Baseline(file, VERSION, (FULL, KnownFailure(OTHER, "x")), {OTHER: "no limits"})
    made.write()
    found = load(file)
    assert found.entries == (
        replace(KnownFailure(OTHER, "x"), where=file.name),
        replace(FULL, where=file.name),
    )
    assert (found.version, found.not_applicable) == (VERSION, {OTHER: "no limits"})


def test_order_depends_on_the_content_alone(tmp_path: Path) -> None:
    entries = (FULL, KnownFailure(OTHER, "x"), KnownFailure(OTHER, "y", target="a"))
    one, other = (Baseline(tmp_path / "b", entries=chosen).text() for chosen in (entries, entries[::-1]))
    assert one == other
    assert one.startswith("#")


# Writing it anew.


def run(*tests: TestResult) -> Results:
    made = Results()
    for one in tests:
        made.add(one)
    made.expected_tests = len(made.tests)
    return made


def result(outcome: str, requirement: str = MUST, message: str = "broke", name: str = "") -> TestResult:
    return TestResult(id=f"{requirement}{name}", requirement=requirement, outcome=outcome, message=message)


def again(
    results: Results, entries: Sequence[KnownFailure], *, whole: bool = True, **members: object
) -> Changes:
    results.gate.baseline = replace(Baseline(Path("b"), entries=tuple(entries)), **members)  # type: ignore[arg-type]
    return updated(results.gate, results.requirements(), whole=whole, failing=FAILING)


def test_failure_is_added_with_its_symptom_and_a_day() -> None:
    changes = again(run(result("failed"), result("advised", SHOULD)), ())
    (entry,) = changes.baseline.entries
    assert (entry.requirement, entry.symptom) == (MUST, ("broke",))
    assert entry.expires is not None
    assert entry.expires > dt.datetime.now(dt.UTC).date()


def test_reason_owner_day_and_link_are_kept_and_the_symptom_is_pinned_anew() -> None:
    old = replace(FULL, target="*", symptom=("broke", "gone"))
    seen = run(result("failed"), result("failed", message="also", name="2"))
    (entry,) = again(seen, [old]).baseline.entries
    assert entry == replace(old, symptom=("broke", "also"))


def test_pattern_that_still_fits_is_kept() -> None:
    old = replace(FULL, target="*", symptom=("br*",))
    assert again(run(result("failed")), [old]).baseline.entries == (old,)


def test_mended_unmatched_and_unknown_entries_go() -> None:
    entries = [KnownFailure(MUST, "x"), KnownFailure(OTHER, "x"), KnownFailure("no.such", "x")]
    changes = again(run(result("passed"), result("not-applicable", OTHER)), entries)
    assert (changes.baseline.entries, changes.removed) == ((), 3)


def test_part_of_the_suite_removes_nothing_and_moves_no_pin() -> None:
    entries = [KnownFailure(MUST, "x"), KnownFailure(OTHER, "x")]
    changes = again(
        run(result("passed"), result("failed", "framing.ping-pong")), entries, whole=False, version="0.9"
    )
    assert {one.requirement for one in changes.baseline.entries} >= {MUST, OTHER}
    assert changes.baseline.version == "0.9"


def test_entries_for_other_targets_and_unsure_ones_stay() -> None:
    entries = [KnownFailure(MUST, "x", target="*.example"), KnownFailure(OTHER, "x")]
    changes = again(run(result("passed"), result("inconclusive", OTHER)), entries)
    assert list(changes.baseline.entries) == entries


def test_expired_entry_stays_expired() -> None:
    old = KnownFailure(MUST, "x", expires=dt.date(2020, 1, 1), symptom=("broke",))
    assert again(run(result("failed")), [old]).baseline.entries == (old,)


def test_what_the_profile_knows_is_not_written_a_second_time() -> None:
    results = run(result("failed"))
    results.gate.declared = (KnownFailure(MUST, "x"),)
    assert again(results, ()).baseline.entries == ()
    results.gate.declared = (KnownFailure(MUST, "x", symptom=("other",)),)
    assert len(again(results, ()).baseline.entries) == 1


def test_reasons_of_what_does_not_apply_are_kept() -> None:
    results = run(result("passed"))
    results.gate.expect = True
    written = again(
        results, (), not_applicable={OTHER: "we never close", MUST: "gone"}
    ).baseline.not_applicable
    assert written is not None
    assert written[OTHER] == "we never close"
    assert MUST not in written
