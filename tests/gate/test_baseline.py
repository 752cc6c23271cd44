"""The baseline file: read with complaints that help, written so that diffs are small."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.core.errors import UsageProblem
from conformance.spec import VERSION, requirements
from conformance.verdict.baseline import Baseline, load
from conformance.verdict.gate import quoted
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results
from conformance.verdict.symptom import Symptom
from conformance.verdict.update import Changes, updated

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
        ("wholly_unlike = 1", "Known: known_failure, not_applicable, requirements_version."),
        ("known_failure = 'x'", "known_failure: expected [[known_failure]] entries."),
        ("known_failure = ['x']", "known_failure 1: expected a table."),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nzzz = 1",
            "known_failure 1.zzz: there is no such key. Known: expires, link, owner, reason,",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\n[[known_failure]]\nreason = 1",
            "known_failure 2.reason: expected str, got int.",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\ntarget = ''",
            "known_failure 1.target: expected a pattern such as",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nsymptom = ['']",
            "known_failure 1.symptom: expected a text or a list of texts.",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nexpires = 'soon'",
            "known_failure 1.expires: expected a day such as 2027-03-31, got 'soon'.",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nexpires = 2027-03-31T12:00:00",
            "known_failure 1.expires: expected a day such as 2027-03-31.",
        ),
        (
            "[[known_failure]]\nrequirement = 'x'\nreason = 'x'\nexpires = 20270331",
            "known_failure 1.expires: expected a day such as 2027-03-31.",
        ),
        ('requirements_version = "new"', f'requirements_version: expected a version such as "{VERSION}".'),
        ('requirements_version = "9.0"', "requirements_version: 9.0 is later than this suite's"),
    ],
)
def test_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "baseline.toml"
    pinned = "requirements_version" in text or not text or said.startswith(("x:", "Did you mean 'known"))
    file.write_text(text if pinned else f'requirements_version = "{VERSION}"\n{text}')
    with pytest.raises(UsageProblem) as caught:
        load(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--baseline {file}")


@pytest.mark.parametrize("text", ["", 'requirements_version = "new"'])
def test_mistake_for_which_nothing_is_near_says_no_more_than_what_is_expected(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "baseline.toml"
    file.write_text(text)
    with pytest.raises(UsageProblem, match=rf'such as "{re.escape(VERSION)}"\.$'):
        load(file)


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


def test_least_that_an_entry_needs_leaves_the_rest_open(tmp_path: Path) -> None:
    file = tmp_path / "b.toml"
    pinned = 'requirements_version = "1.0"\n'
    file.write_text(f"{pinned}[[known_failure]]\nrequirement = 'x'\nreason = 'y'\nsymptom = 'z'")
    (entry,) = load(file).entries
    assert entry == KnownFailure("x", "y", "", "", "*", ("z",), None, "b.toml")
    file.write_text(pinned)
    assert load(file) == Baseline(file, "1.0", (), None, existed=True)


def test_file_that_is_not_there_is_empty_only_where_it_will_be_written(tmp_path: Path) -> None:
    file = tmp_path / "b.toml"
    with pytest.raises(UsageProblem, match=r"b\.toml: no such file\. Add --update-baseline to write it\."):
        load(file)
    assert load(file, create=True) == Baseline(file, VERSION, (), None, existed=False)


def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match=f"--baseline {tmp_path}: Is a directory."):
        load(tmp_path, create=True)


def test_file_is_written_over_and_into_folders_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "one" / "two" / "b.toml"
    for version in ("1.0", VERSION):
        Baseline(file, version).write()
        assert load(file).version == version
    assert [one.name for one in file.parent.iterdir()] == ["b.toml"]


def test_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageProblem, match=r"file/b\.toml: .*; nothing was written\."):
        Baseline(tmp_path / "file" / "b.toml").write()


def test_file_says_no_more_than_there_is_to_say() -> None:
    entries = (KnownFailure(OTHER, "x", symptom=("a",)), replace(FULL, symptom=("c", "b")))
    text = Baseline(Path("b"), "1.0", entries, {"b.c": "none", "a.b": 'no "x"'}).text()
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == [
        'requirements_version = "1.0"',
        "[[known_failure]]",
        f'requirement = "{OTHER}"',
        'reason = "x"',
        'owner = ""',
        'symptom = "a"',
        "[[known_failure]]",
        f'requirement = "{MUST}"',
        'target = "*daphne*"',
        'reason = "Daphne says \\"no\\"\\n"',
        'owner = "platform"',
        "symptom = [",
        '    "b",',
        '    "c",',
        "]",
        "expires = 2027-03-31",
        'link = "https://bugs.example/1"',
        "[not_applicable]",
        '"a.b" = "no \\"x\\""',
        '"b.c" = "none"',
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [("Größe …", '"Größe …"'), ("a\x7fb", '"a\\u007fb"'), ("cut \ud83d", '"cut ?"'), ("\x01", '"\\u0001"')],
)
def test_any_text_can_be_written(text: str, written: str) -> None:
    assert quoted(text) == written


# Writing it anew.


def run(*tests: TestResult) -> Results:
    made = Results()
    for one in tests:
        made.add(one)
    made.expected_tests = len(made.tests)
    return made


def result(outcome: str, requirement: str = MUST, message: str = "broke", name: str = "") -> TestResult:
    return TestResult(id=f"{requirement}{name}", requirement=requirement, outcome=outcome, message=message)


def typed(*cases: tuple[str, str], text: str = "broke") -> TestResult:
    """Return a failure of these cases, each with what happened."""
    symptoms = [Symptom(case, happened, text).as_data() for case, happened in cases]
    return replace(result("failed", message=text), symptoms=symptoms)


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
    for symptom in ("broke", "*"):
        results.gate.declared = (KnownFailure(MUST, "x", symptom=(symptom,)),)
        assert again(results, ()).baseline.entries == ()
    results.gate.declared = (KnownFailure(MUST, "x", symptom=("other",)),)
    assert len(again(results, ()).baseline.entries) == 1
    results.gate.declared = (KnownFailure(MUST, "x", symptom=()),)
    (entry,) = again(results, ()).baseline.entries
    assert entry.symptom == ("broke",), "an entry without a symptom knows nothing"


def test_only_what_a_family_does_not_know_is_pinned() -> None:
    results = run(typed(("a", "HTTP 101"), ("b", "HTTP 101")))
    results.gate.declared = (KnownFailure(MUST, "x", symptom=("a: HTTP 101",), family="A"),)
    (entry,) = again(results, ()).baseline.entries
    assert entry.symptom == ("b: HTTP 101",)


def test_message_of_an_earlier_version_gives_way_to_the_cases() -> None:
    seen = run(typed(("a", "HTTP 101"), ("b", "HTTP 101"), text="accepted (HTTP 101)"))
    old = KnownFailure(MUST, "x", symptom=("accepted (HTTP 101)",))
    (entry,) = again(seen, [old]).baseline.entries
    assert entry.symptom == ("a: HTTP 101", "b: HTTP 101")
    written = replace(old, symptom=("acc*",))
    assert again(seen, [written]).baseline.entries == (written,), "a pattern was written by hand"


def test_reasons_of_what_does_not_apply_are_kept() -> None:
    results = run(result("passed"))
    results.gate.expect = True
    written = again(
        results, (), not_applicable={OTHER: "we never close", MUST: "gone"}
    ).baseline.not_applicable
    assert written is not None
    assert written[OTHER] == "we never close"
    assert MUST not in written


def test_changes_are_counted() -> None:
    seen = run(result("failed"), result("failed", "framing.ping-pong"), result("passed", OTHER))
    entries = [KnownFailure(MUST, "x", symptom=("broke",)), KnownFailure(OTHER, "x")]
    changes = again(seen, entries)
    assert (changes.added, changes.removed, changes.repinned) == (1, 1, 0)
    assert changes.line == "baseline updated: b: 1 added, 1 removed, 0 with a new symptom, 2 in all"
    changes = again(seen, [replace(entries[0], symptom=("other",))], existed=False)
    assert changes.line == "baseline written: b: 1 added, 0 removed, 1 with a new symptom, 2 in all"


def test_new_entry_asks_for_its_reason_and_says_where_it_stands() -> None:
    (entry,) = again(run(result("failed")), ()).baseline.entries
    today = dt.datetime.now(dt.UTC).date()
    assert entry.reason == f"found on {today} by --update-baseline; say here why it is tolerated"
    assert (entry.where, entry.expires) == ("b", today + dt.timedelta(days=90))


@pytest.mark.parametrize("outcome", ["passed", "observed", "not-applicable", None])
def test_entry_goes_with_what_it_tolerated(outcome: str | None) -> None:
    seen = [result("failed", OTHER)] + ([result(outcome)] if outcome else [])
    (entry,) = again(run(*seen), [KnownFailure(MUST, "x")]).baseline.entries
    assert entry.requirement == OTHER
    assert again(run(*seen), [KnownFailure(MUST, "x")], whole=False).removed == 0


def test_entry_for_another_target_is_not_pinned_by_this_one() -> None:
    old = KnownFailure(MUST, "x", target="*.example", symptom=("other",))
    kept, added = again(run(result("failed")), [old]).baseline.entries
    assert kept == old
    assert (added.requirement, added.symptom, added.target) == (MUST, ("broke",), "*")


def test_entry_for_another_target_stays_whatever_it_names() -> None:
    old = KnownFailure("no.such", "x", target="*.example", symptom=("other",))
    assert again(run(result("passed")), [old]).baseline.entries == (old,)


def test_of_two_entries_neither_takes_what_the_other_knows() -> None:
    seen = run(result("failed"), result("failed", message="also", name="2"))
    old = [KnownFailure(MUST, "x", symptom=("broke",)), KnownFailure(MUST, "y", symptom=("also",))]
    assert list(again(seen, old).baseline.entries) == old


def test_part_of_the_suite_unpins_nothing() -> None:
    old = KnownFailure(MUST, "x", symptom=("gone", "broke"))
    assert again(run(result("failed")), [old], whole=False).baseline.entries == (old,)


def test_failure_newer_than_the_pin_is_not_added_by_a_part_of_the_suite() -> None:
    seen = run(replace(result("failed"), since=VERSION))
    assert again(seen, (), whole=False, version="0.9").baseline.entries == ()
    changes = again(seen, (), version="0.9")
    assert [one.requirement for one in changes.baseline.entries] == [MUST]
    assert changes.baseline.version == VERSION


def test_what_does_not_apply_is_listed_with_its_reason() -> None:
    results = run(
        result("not-applicable", message="needs\n  session"),
        result("not-applicable", OTHER, message="y" * 300),
    )
    assert again(results, ()).baseline.not_applicable is None
    listed = again(results, (), not_applicable={}).baseline.not_applicable
    assert listed is not None
    assert (listed[MUST], listed[OTHER]) == ("needs session", "y" * 200)
    assert listed["framing.ping-pong"] == "no test judged it"
    assert set(listed) == set(requirements())
    kept = again(results, (), whole=False, not_applicable={OTHER: "z"}).baseline.not_applicable
    assert kept == {OTHER: "z"}
