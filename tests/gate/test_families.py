"""Known deviations of server families: the shipped files, and what they change of a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.core.errors import UsageProblem
from conformance.spec import requirements
from conformance.verdict.families import FEW, entries_of, families, read_family, recognised
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results
from conformance.verdict.symptom import Symptom
from tests.conftest import ROOT, Suite

RULE, OTHER = "handshake.http-version", "closing.reply"
OWN = KnownFailure(RULE, "ours")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in titles}


def judged(*known: KnownFailure, **outcomes: str) -> Results:
    made = Results(known_failures=known)
    for name, outcome in outcomes.items():
        rule = {"rule": RULE, "other": OTHER}[name]
        symptom = Symptom("earlier_http_is_not_upgraded[HTTP/1.0]", "HTTP 101", "broke").as_data()
        made.add(TestResult(id=name, requirement=rule, outcome=outcome, symptoms=[symptom]))
    made.expected_tests = len(outcomes)
    return made


@pytest.mark.parametrize("name", families())
def test_shipped_family_names_requirements_that_bind_and_findings_that_exist(name: str) -> None:
    family = families()[name]
    assert family.entries
    for entry in family.entries:
        assert requirements()[entry.requirement].level != "MAY", entry.requirement
        assert not (entry.expires or entry.owner), entry.requirement
        page, _, anchor = entry.link.partition("#")
        assert not page or anchor in anchors(ROOT / page), f"{name}: {entry.link}"
    listed = [(one.requirement, one.symptom) for one in family.entries]
    assert len(set(listed)) == len(listed)


def test_symptoms_of_shipped_families_are_of_cases_that_exist(suite: Suite) -> None:
    listed = suite("--collect-only", "--server-url=ws://127.0.0.1:1").stdout.splitlines()
    names = {line.partition("::test_")[2] for line in listed if "::test_" in line}
    assert len(names) > 500
    unknown = [
        f"{family.name}: {entry.requirement}: {symptom}"
        for family in families().values()
        for entry in family.entries
        for symptom in entry.symptom
        if ": " in symptom  # what is seen in passing has no case
        and not symptom.startswith(tuple(f"{name}{end}" for name in names for end in (": ", "/")))
    ]
    assert unknown == []


def test_family_without_a_symptom_is_a_fault_of_the_suite(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    text = 'title = "x"\nversions = "1"\n[[known_failure]]\nrequirement = "x"\nreason = "y"\n'
    file.write_text(text)
    with pytest.raises(ValueError, match=r"one\.toml: x: an entry says by its symptom what it tolerates"):
        read_family(file)
    file.write_text(f'{text}symptom = "z"\n')
    assert read_family(file).entries[0].symptom == ("z",)


def test_family_tolerates_what_it_names_and_no_more() -> None:
    known = entries_of(["daphne"], "--family")
    assert judged(*known, rule="failed", other="passed").verdict().exit_code == 0
    assert judged(*known, rule="failed", other="failed").verdict().exit_code == 1


def test_family_is_never_stale() -> None:
    known = entries_of(["daphne"], "--family")
    assert judged(*known, rule="passed", other="passed").verdict().exit_code == 0


def test_own_entry_beside_a_family_is_stale_as_ever() -> None:
    made = judged(*entries_of(["daphne"], "--family"), OWN, rule="passed", other="passed")
    assert made.verdict().exit_code == 12
    entry = next(one for one in made.requirements() if one.requirement.id == RULE)
    assert entry.stale
    assert entry.known_failure is OWN


@pytest.mark.parametrize(
    ("name", "hint"), [("Daphne", "'daphne'"), ("daphney", "'daphne'"), ("iis", "Known: ")]
)
def test_unknown_family_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageProblem, match=f"^--family: there is no server family '{name}'. .*{hint}"):
        entries_of([name], "--family")


def test_family_is_recognised_by_the_server_header() -> None:
    known = [Symptom("earlier_http_is_not_upgraded[HTTP/1.0]", "HTTP 101", "broke")]
    broken = {RULE: known, OTHER: [Symptom("x", "nothing", "broke")]}
    found = recognised("Daphne", broken)
    assert [(family.name, own) for family, own in found] == [("daphne", [RULE])]
    assert recognised(None, broken) == recognised("nobody/1.0", broken) == recognised("Daphne", {}) == []
    further = [*known, Symptom("earlier_http_is_not_upgraded[HTTP/0.9]", "HTTP 101", "broke")]
    assert recognised("Daphne", {RULE: further}) == [], "one of its ways is not Daphne's"


def symptoms(name: str, *but: str) -> dict[str, list[Symptom]]:
    """Return what a server of a family breaks, in the ways that the family lists."""
    found: dict[str, list[Symptom]] = {}
    for entry in families()[name].entries:
        told = (one.partition(": ") for one in entry.symptom if entry.requirement not in but)
        found.setdefault(entry.requirement, []).extend(Symptom(case, kind, "broke") for case, _, kind in told)
    return {rule: seen for rule, seen in found.items() if seen}


# One that explains a rule or two is there for others to include.
SILENT = [one.name for one in families().values() if not one.server and len(one.entries) >= FEW]


@pytest.mark.parametrize("name", SILENT)
def test_family_without_a_server_header_is_recognised_by_the_ways_in_which_it_fails(name: str) -> None:
    ((family, own),) = recognised(None, symptoms(name))
    assert set(families()[name].explains(symptoms(family.name))) >= set(own)
    assert family.name == name or len(family.entries) >= len(families()[name].entries)


@pytest.mark.parametrize("name", SILENT)
def test_server_that_fails_otherwise_is_not_taken_for_a_family(name: str) -> None:
    other = Symptom("x", "nothing", "broke")
    assert recognised(None, {rule: [*seen, other] for rule, seen in symptoms(name).items()}) == []
    few = dict(list(symptoms(name).items())[:3])
    assert recognised(None, few) == []


def test_family_that_does_not_exist_ends_with_4(suite: Suite) -> None:
    done = suite("--family=nginx, dafne", "conformance/suite/protocol/test_control_frames.py")
    assert done.returncode == 4
    assert "--family: there is no server family 'dafne'. Did you mean 'daphne'?" in done.stderr
