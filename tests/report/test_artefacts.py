"""The files beside the page: JUnit, Markdown, the badge, and the schema of the document."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from documents import HOSTILE, case, everything, failing, hostile, report, requirement

from conformance.report import badge, ci, junit, markdown
from conformance.report.artefacts import MAKERS, artefacts
from conformance.report.document import document, schema
from conformance.spec import requirements
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results
from conformance.wire.frames import CLOSE, Frame, close_payload
from conformance.wire.transcript import Transcript

MUST = next(one.id for one in requirements().values() if one.level == "MUST")


@pytest.mark.parametrize(
    "made", [{}, report(), failing(), hostile()], ids=["empty", "bare", "failing", "hostile"]
)
def test_every_artefact_is_made_of_any_document(made):
    found = artefacts(made)
    assert list(found) == list(MAKERS)
    assert all(text.encode() for text in found.values())


# The schema.


def run_of(*tests):
    results = Results()
    for test in tests:
        results.add(test)
    about = {"id": "1", "started": "2026-11-22T10:00:00+00:00", "duration": 1.0, "complete": True}
    about |= {"command": "x", "options": {}, "tier": None, "profile": None, "round_trip_ms": None}
    return json.loads(json.dumps(document(results, None, about)))


def failed_test():
    talk = Transcript("GET /")
    talk.add("received", Frame(CLOSE, close_payload(1005), mask=None).encode())
    talk.mark("status code")
    return TestResult(
        id="x.py::t",
        requirement=MUST,
        outcome="failed",
        message="broke",
        expected=["a"],
        actual="b",
        transcripts=[talk.as_data(str)],
        controls=["held"],
        server_output="said",
    )


def test_schema_is_one_and_fits_what_is_written():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(run_of(failed_test()))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("verdict", "exit_code"), 7),
        (("verdict", "name"), "fine"),
        (("tests", 0, "outcome"), "ok"),
        (("tests", 0, "duration"), "1 s"),
        (("tests", 0, "transcripts", 0, "entries", 0, "direction"), "up"),
        (("requirements", 0, "level"), "PERHAPS"),
        (("format",), "conformance-results/2"),
    ],
)
def test_schema_refuses_what_is_wrong(path, wrong):
    made = run_of(failed_test())
    part = made
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = wrong
    assert not jsonschema.Draft202012Validator(schema()).is_valid(made)


@pytest.mark.parametrize("member", schema()["required"])
def test_schema_asks_for_every_member(member):
    made = run_of(failed_test())
    del made[member]
    assert not jsonschema.Draft202012Validator(schema()).is_valid(made)


# JUnit.


def cases(made):
    root = ET.fromstring(junit.render(made))
    return root, {one.get("name"): one for one in root.iter("testcase")}


def kind(one):
    return next((child.tag for child in one if child.tag != "properties"), "passed")


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("passed", "passed"),
        ("observed", "passed"),
        ("advised", "passed"),
        ("failed", "failure"),
        ("inconclusive", "error"),
        ("suite-fault", "error"),
        ("known-failure", "skipped"),
        ("not-applicable", "skipped"),
    ],
)
def test_junit_tells_failures_from_trouble(outcome, told):
    # A test that could not be judged is trouble where its requirement was not judged either.
    judged = {"outcome": outcome} if outcome == "inconclusive" else {}
    root, found = cases(
        report(requirements=[requirement(**judged)], tests=[case(outcome=outcome, message="m")])
    )
    assert kind(found["test_y[case]"]) == told
    counts = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    assert [root.get(name) for name in counts.values()] == [str(int(told == one)) for one in counts]


def test_junit_names_the_requirement_in_the_properties():
    _, found = cases(failing())
    (one,) = found.values()
    told = {p.get("name"): p.get("value") for p in one.iter("property")}
    assert told == {"requirement": "handshake.accept-value", "level": "MUST", "source": "RFC 6455 §4.2.2"}
    assert one.get("classname") == "conformance.suite.protocol.test_x"
    assert "expected: an HTTP error status" in one.find("failure").text


def test_junit_has_a_failure_for_what_was_broken_on_the_way():
    made = report(
        requirements=[requirement(), requirement("framing.mask", "failed", reason="masked")], tests=[case()]
    )
    _, found = cases(made)
    assert kind(found["framing.mask"]) == "failure"
    assert kind(found["test_y[case]"]) == "passed"


def test_junit_of_a_run_without_a_target_is_an_error():
    made = report("inconclusive")
    made["run"]["complete"] = False
    made["verdict"]["reason"] = "nothing listens."
    _, found = cases(made)
    assert [(name, kind(one), one.find("error").get("message")) for name, one in found.items()] == [
        ("the run", "error", "nothing listens.")
    ]


# Markdown.


def test_markdown_tells_verdict_counts_and_what_broke():
    text = markdown.render(failing())
    assert text.startswith("## ✕ WebSocket conformance: not conformant\n")
    assert "| ✕ Failed | 1 |" in text
    assert "**`handshake.accept-value`** (MUST, `RFC 6455 §4.2.2`)" in text
    assert "expected: `an HTTP error status (4xx)` or `the connection closed without a 101`" in text


@pytest.mark.parametrize("text", ["`", "a``b", "```", "", "a\n# b", "`` ` ``"])
def test_code_span_cannot_be_left(text):
    span = markdown.span(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    assert span.endswith(fence)
    assert fence not in span[len(fence) : -len(fence)].split(" ")
    assert "\n" not in span


def test_markdown_stays_below_the_limit_and_says_what_it_left_out():
    many = [requirement(f"r.{n}", "failed", reason="é" * 300) for n in range(190)]
    made = report("non-conformant", many)
    text = markdown.render(made, 20_000)
    assert 15_000 < len(text.encode()) <= 20_000
    assert text.endswith("More did not fit: see `conformance.html` and `conformance.json` of the same run.\n")
    assert len(markdown.render(hostile()).encode()) < markdown.LIMIT
    assert markdown.render(made, 10) == ""


# The badge.


@pytest.mark.parametrize(
    ("verdict", "outcome", "words"),
    [
        ("conformant", "passed", "MUST 1/1"),
        ("non-conformant", "failed", "MUST 0/1"),
        ("inconclusive", "inconclusive", "inconclusive"),
        ("conformant", "not-applicable", "conformant"),
        ("conformant", "untested", "conformant, 1 untested"),
    ],
)
def test_badge_counts_what_binds(verdict, outcome, words):
    made = report(verdict, [requirement(outcome=outcome), requirement("r.s", "advised", level="SHOULD")])
    texts = [one.text for one in ET.fromstring(badge.render(made)).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["conformance", words]


def test_badge_is_green_for_nothing_but_conformant():
    green = [name for name in ("conformant", "non-conformant", "inconclusive", "baseline-stale", HOSTILE)
             if "#2a7a48" in badge.render(report(name, [requirement()]))]  # fmt: skip
    assert green == ["conformant"]


# What GitHub is told.


def test_summary_is_appended_to_what_is_there(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    assert ci.tell(failing(), {"GITHUB_STEP_SUMMARY": str(path)}) == []
    assert path.read_text() == "before\n" + markdown.render(failing())


def test_summary_stays_below_the_limit_with_what_is_there(tmp_path):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (markdown.LIMIT - 200))
    ci.append(everything(), path)
    assert path.stat().st_size <= markdown.LIMIT


def test_summary_that_cannot_be_written_is_told(tmp_path):
    assert ci.append(failing(), tmp_path / "none" / "x") == [
        "GITHUB_STEP_SUMMARY: the summary was not written: No such file or directory"
    ]


def test_annotations_are_ten_at_most_and_the_gravest_first():
    many = [requirement(f"a.{n}", "advised", level="SHOULD") for n in range(9)]
    made = report("non-conformant", [*many, requirement("f.1", "failed"), requirement("i.1", "inconclusive")])
    lines = ci.tell(made, {"GITHUB_ACTIONS": "true"})
    assert [line[:18] for line in lines[:3]] == [
        "::error title=f.1 ",
        "::error title=i.1 ",
        "::warning title=a.",
    ]
    assert len(lines) == 10
    assert lines[-1] == "::warning title=conformance::2 more in the report"


def test_annotation_is_one_line_whatever_the_server_said():
    for line in ci.commands(hostile()):
        head, _, message = line.removeprefix("::").partition("::")
        assert line.isprintable()
        assert head.count(":") == 0
        assert "%" not in message.replace("%25", "")


def test_elsewhere_nothing_is_annotated():
    assert ci.tell(failing(), {}) == []
