"""The terminal: a failure in at most eight lines, and the verdict as the last word."""

from __future__ import annotations

import pytest

from conformance.core.printable import printable
from conformance.plugin.run import Options, Run
from conformance.report.console import failure_text, summary_lines
from conformance.spec import Requirement, requirements
from conformance.verdict.result_data import TestResult

RULE = Requirement("a.b", "protocol", "MUST", "A title", "The rule. " * 60, "RFC 6455 §5.5")
MUST = "handshake.accepted"


def result(outcome="failed", requirement=MUST, **members):
    name = members.pop("name", "t")
    return TestResult(id=f"x.py::{name}", requirement=requirement, outcome=outcome, **members)


@pytest.fixture
def run(tmp_path):
    """Return a run against nothing."""
    made = Run(Options(server_url="ws://127.0.0.1:1", folder=tmp_path))
    yield made
    made.stop()


def text_of(message="it broke", expected=("a Pong",), actual="nothing", rule=RULE):
    return failure_text(rule, message, expected, actual, result(repeat="pytest 'x.py::t[a]'"))


def test_failure_says_rule_finding_accepted_answer_and_how_to_repeat_it():
    lines = text_of(expected=["a Pong", "the end of TCP"]).splitlines()
    assert lines[0] == "a.b · MUST · RFC 6455 §5.5"
    assert lines[1].startswith("The rule. The rule.")
    assert lines[2:] == [
        "  found:     it broke",
        "  expected:  a Pong, or the end of TCP",
        "  came back: nothing",
        "  repeat:    pytest 'x.py::t[a]'",
    ]


def test_what_is_not_known_has_no_line():
    assert [line.split(":")[0].strip() for line in text_of(expected=(), actual="").splitlines()[2:]] == [
        "found",
        "repeat",
    ]


@pytest.mark.parametrize(
    "text", ["line\n" * 500, "\r\n\x1b[31m\u2028" * 50, "word " * 2000], ids=["lines", "control", "long"]
)
def test_failure_is_at_most_eight_lines_whatever_the_server_said(text):
    shown = printable(text_of(message=text, actual=text))
    assert len(shown.splitlines()) <= 8
    assert all(len(line) < 1000 for line in shown.splitlines())


def test_every_rule_fits_the_terminal():
    for rule in requirements().values():
        assert len(text_of(rule=rule, expected=rule.accepted).splitlines()) <= 8


def test_long_evidence_without_blanks_is_cut_and_not_dropped():
    assert "came back: aaaa" in text_of(actual="a" * 300)


# The summary.


@pytest.mark.parametrize(
    ("outcome", "last"),
    [
        ("passed", "CONFORMANT (exit 0): 1 requirement passed"),
        ("failed", "NON-CONFORMANT (exit 1): 1 requirement failed"),
        ("inconclusive", "INCONCLUSIVE (exit 10): 1 requirement could not be judged"),
        ("suite-fault", "SUITE-FAULT (exit 11): the suite itself failed"),
    ],
)
def test_last_line_is_the_verdict(run, outcome, last):
    run.results.add(result(outcome))
    assert summary_lines(run, run.results.verdict().exit_code)[-1].startswith(last)


def test_last_line_of_a_run_without_a_target_is_the_verdict(run):
    run.results.trouble = "nothing listens."
    assert summary_lines(run, 10)[-1] == "INCONCLUSIVE (exit 10): nothing listens."


@pytest.mark.parametrize("status", [2, 3])
def test_last_line_of_an_interrupted_run_claims_nothing(run, status):
    run.results.add(result("passed"))
    assert summary_lines(run, status)[-1].startswith("INCOMPLETE: ")


def test_last_line_of_a_target_that_died_is_the_verdict(run):
    run.results.trouble = "the target died."
    assert summary_lines(run, 2)[-1] == "INCONCLUSIVE (exit 10): the target died."


def test_what_broke_is_named_with_its_level_and_reason(run):
    run.results.add(result("failed", message="broke\nin two lines"))
    assert summary_lines(run, 1)[0] == f"FAILED: {MUST} (MUST): broke in two lines"


def test_known_failure_is_named_with_its_reason(run, tmp_path):
    (tmp_path / "conformance.toml").write_text(
        f'[[known_failure]]\nrequirement = "{MUST}"\nreason = "for now"\nsymptom = "*"\n'
    )
    made = Run(Options(server_url="ws://127.0.0.1:1", folder=tmp_path))
    made.results.add(result("failed"))
    lines = summary_lines(made, 0)
    made.stop()
    assert lines[0] == f"known failure: {MUST}: for now"
    assert lines[-1].startswith("CONFORMANT (exit 0)")


def test_reports_are_named_before_the_verdict(run, tmp_path):
    run.results.add(result("passed"))
    run.written = [tmp_path / "conformance.html"]
    assert summary_lines(run, 0)[-2] == f"report: {tmp_path / 'conformance.html'}"


def test_long_list_of_failures_is_cut(run):
    names = [one.id for one in requirements().values() if one.binding][:25]
    for name in names:
        run.results.add(result("failed", name, name=name))
    lines = summary_lines(run, 1)
    assert len([line for line in lines if line.startswith("FAILED: ")]) == 21
    assert "FAILED: 5 more in the report" in lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\tc", "a\nb\tc"),
        ("a\r\x00\x7f\x9b", "a\\x0d\\x00\\x7f\\x9b"),
        ("\u2028", "\\u2028"),
        ("a::b\n ::error::owned", "a::b\n \\x3a:error::owned"),
        ("a ##[error]", "a #\\x23[error]"),
        ("\ud800", "\\ud800"),
        ("é€😀", "é€😀"),
    ],
)
def test_text_of_a_server_cannot_steer_the_terminal(text, shown):
    assert printable(text) == shown
