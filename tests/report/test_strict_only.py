"""A broken MUST that costs nothing: an outcome of its own, counted apart, and red only with ``--strict``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from documents import case, report, requirement
from folding import MUST, OTHER, SHOULD, charge, entry_of, result, results

from conformance.commands.compare.differences import kind_of
from conformance.plugin.repeat import folded
from conformance.report import badge, ci, html, junit, markdown
from conformance.spec import requirements
from conformance.verdict.baseline import Baseline
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.update import updated

RULE, ANOTHER = "handshake.extensions-malformed", "handshake.allow-in-405"
WORD = "failed-strict-only"


@pytest.mark.parametrize(
    ("rule", "strict", "outcome"),
    [(RULE, False, WORD), (RULE, True, "failed"), (MUST, False, "failed"), (SHOULD, False, "advised")],
)
def test_breach_amounts_to_what_its_cost_and_the_option_make_of_it(rule, strict, outcome):
    made = results(strict=strict)
    assert made.level_outcome(requirements()[rule]) == outcome
    assert made.fails(requirements()[rule]) is (outcome == "failed")


def test_charge_amounts_to_the_same_as_a_test():
    made = results(result(charges=[charge(RULE)]))
    assert (entry_of(made, RULE).outcome, made.verdict().exit_code) == (WORD, 0)
    assert results(result(charges=[charge(RULE)]), strict=True).verdict().exit_code == 1


def test_verdict_is_conformant_and_says_what_is_broken():
    made = results(result(WORD, RULE), result(WORD, ANOTHER), result())
    verdict = made.verdict()
    assert (verdict.exit_code, verdict.name) == (0, "conformant")
    assert verdict.reason.startswith(f"conformant; 2 strict-only rules are broken: {RULE}, {ANOTHER} (")
    assert "--strict" in verdict.reason
    assert "1 requirement passed" in verdict.reason


def test_verdict_of_one_is_in_the_singular():
    assert (
        results(result(WORD, RULE))
        .verdict()
        .reason.startswith(f"conformant; 1 strict-only rule is broken: {RULE} (")
    )


def test_verdict_without_any_says_nothing_of_it():
    assert "strict" not in results(result()).verdict().reason


def test_breach_that_binds_is_not_hidden_by_it():
    made = results(result(WORD, RULE), result("failed"))
    assert (made.verdict().exit_code, made.verdict().name) == (1, "non-conformant")
    assert results(result(WORD, RULE), result("inconclusive")).verdict().exit_code == 10


def test_case_that_could_not_be_judged_does_not_hide_one_that_is_broken():
    assert entry_of(results(result("inconclusive", RULE), result(WORD, RULE)), RULE).outcome == WORD


# The gate.


def test_known_failure_knows_it():
    made = results(result(WORD, RULE, message="broke"), known=[RULE])
    made.gate.declared = (KnownFailure(RULE, "for now", symptom=("*",)),)
    assert (entry_of(made, RULE).outcome, entry_of(made, RULE).stale) == ("known-failure", False)
    assert made.verdict().exit_code == 0


def test_its_symptom_is_kept():
    assert entry_of(results(result(WORD, RULE, message="broke")), RULE).symptoms


@pytest.mark.parametrize("strict", [False, True])
def test_baseline_takes_it_up_only_where_it_fails_the_run(strict, tmp_path):
    made = results(result("failed" if strict else WORD, RULE, message="broke"), strict=strict)
    made.gate.baseline = Baseline(tmp_path / "baseline.toml")
    failing = {name: made.fails(one) for name, one in requirements().items()}
    changes = updated(made.gate, made.requirements(), whole=False, failing=failing)
    assert [one.requirement for one in changes.baseline.entries] == ([RULE] if strict else [])


def test_breach_newer_than_the_pin_is_only_advised():
    made = results(result(charges=[charge(RULE)]))
    made.gate.baseline = Baseline(Path("b"), version="0.1")
    assert entry_of(made, RULE).outcome == "advised"


def test_repeated_test_that_broke_it_each_time_broke_it_and_one_that_differs_is_unstable():
    assert folded([result(WORD, RULE), result(WORD, RULE)]).outcome == WORD
    assert folded([result(WORD, RULE), result("passed", RULE)]).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("passed", WORD, "strict-only"),
        ("known-failure", WORD, "strict-only"),
        (WORD, "passed", "mended"),
        (WORD, "failed", "broken"),
        ("failed", WORD, "strict-only"),
        (WORD, "known-failure", "tolerated"),
        (WORD, "inconclusive", "unclear"),
        (WORD, "not-applicable", "vanished"),
        (WORD, WORD, None),
    ],
)
def test_comparison_sees_it_come_and_go(before, after, kind):
    assert kind_of(before, after) == kind


def test_comparison_sees_it_broken_otherwise():
    assert kind_of(WORD, WORD, otherwise=True) == "different"


# The reports.

BROKEN = requirement(
    RULE, WORD, reason="it was passed over", cost=["neither"], cost_reason="Nothing is misread.",
    strict_only=True, broken_by={"stacks": 39, "of": 41, "date": "2026-11"},
)  # fmt: skip
LIBRARYS = "the server library's, not yours; tolerate with --family=uvicorn"
RED = requirement(OTHER, "failed", reason="no Close", whose=LIBRARYS)
TESTS = [
    case(RULE, WORD, message="it was passed over", expected=["400"], actual="101"),
    case(OTHER, "failed", name="test_other", message="no Close"),
]


def document():
    return report("non-conformant", [BROKEN, RED, requirement()], TESTS)


def test_page_has_a_section_of_its_own_with_argument_and_count():
    page = html.render(document())
    section = page.split('<section id="strict-only"')[1].split("</section>")[0]
    assert RULE in section
    assert "neither. Nothing is misread." in section
    assert "39 of 41 server stacks broke it (2026-11)" in section
    assert 'href="#strict-only">Strict only <b>1</b>' in page
    assert RULE not in page.split('<section id="broke"')[1].split("</section>")[0]


def test_every_report_says_whose_a_failure_is():
    told = "the server library&#39;s, not yours; tolerate with --family=uvicorn"
    assert told in html.render(document())
    assert f"  - whose: `{LIBRARYS}`" in markdown.render(document())
    assert LIBRARYS in junit.render(document())
    assert any(LIBRARYS in line for line in ci.commands(document()))


def test_markdown_has_a_section_of_its_own_with_evidence():
    text = markdown.render(document())
    section = text.split("### Broken, strict only (1)")[1]
    assert RULE in section
    assert "came back: `101`" in section
    assert "| § Strict only | 1 |" in text


def test_junit_counts_it_apart_and_fails_nothing_by_it():
    root = ET.fromstring(junit.render(document()))
    assert (root.get("failures"), root.get("skipped")) == ("1", "1")
    (told,) = root.findall(".//testsuite/properties/property[@name='failed-strict-only']")
    assert told.get("value") == "1"
    (skipped,) = root.findall(".//skipped")
    assert skipped.get("message") == "failed, strict only: it was passed over"


def test_junit_has_a_case_for_what_was_seen_on_the_way():
    root = ET.fromstring(junit.render(report(requirements=[BROKEN])))
    (skipped,) = root.findall(".//testcase/skipped")
    assert skipped.get("message") == "failed, strict only: it was passed over"


def test_badge_counts_it_apart():
    assert "MUST 1/2, 1 strict only" in badge.render(report(requirements=[BROKEN, requirement()]))


def test_annotation_is_a_warning():
    (line,) = ci.commands(report(requirements=[BROKEN]))
    assert line.startswith(f"::warning title={RULE}")
