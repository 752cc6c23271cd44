"""JUnit XML, as GitLab, Jenkins and Azure read it: a suite for each chapter, a case for each test.

It is made from the results document, not by pytest: what the server broke is a failure, what kept the suite
from judging is an error, and a requirement that was seen broken on the way has a case of its own. Each case
names its requirement in its properties.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from conformance.report.excerpts import clip, clip_line, mapping, mappings, number, sequence, visible
from conformance.verdict.outcomes import Outcome

_MESSAGE, _TEXT = 300, 2_000
# How an outcome is told: the element's name, or none for what passed.
_KINDS: Mapping[str, str] = {
    Outcome.FAILED: "failure",
    Outcome.INCONCLUSIVE: "error",
    Outcome.SUITE_FAULT: "error",
    Outcome.FAILED_STRICT_ONLY: "skipped",
    Outcome.KNOWN_FAILURE: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}

# What fails a run, and what would with --strict: how its message begins.
_BROKEN: Mapping[str, str] = {Outcome.FAILED: "", Outcome.FAILED_STRICT_ONLY: "failed, strict only: "}


@dataclass(slots=True)
class TestCase:
    """One ``testcase``: where it stands, what it judged, and what is said of it."""

    suite: str
    classname: str
    name: str
    seconds: float
    properties: Mapping[str, str]
    kind: str = ""
    message: str = ""
    text: str = ""
    strict_only: bool = False


FOLDED = frozenset(
    {Outcome.PASSED, Outcome.OBSERVED, Outcome.ADVISED, Outcome.FAILED_STRICT_ONLY, Outcome.KNOWN_FAILURE}
)


@dataclass(slots=True)
class _Suite:
    cases: list[TestCase] = field(default_factory=list)

    def count(self, kind: str) -> int:
        return sum(case.kind == kind for case in self.cases)


def render(document: Mapping[str, Any]) -> str:
    """Return the run as JUnit XML. Characters that XML 1.0 does not know stand there as escapes."""
    suites: dict[str, _Suite] = defaultdict(_Suite)
    for case in _cases(document):
        suites[case.suite].cases.append(case)
    run, target = mapping(document.get("run")), mapping(document.get("target"))
    root = Element("testsuites", {"name": "conformance", **_counts(*suites.values())})
    for name, suite in suites.items():
        element = SubElement(root, "testsuite", {"name": name, **_counts(suite)})
        element.set("timestamp", clip_line(run.get("started"), 40).removesuffix("+00:00"))
        element.set("hostname", clip_line(target.get("url"), 200))
        if strict_only := sum(case.strict_only for case in suite.cases):
            # The format has no place for it beside failures and errors.
            told = SubElement(element, "properties")
            SubElement(told, "property", name="failed-strict-only", value=str(strict_only))
        for case in suite.cases:
            _write(element, case)
    indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, "unicode") + "\n"


def _counts(*suites: _Suite) -> dict[str, str]:
    cases = [case for suite in suites for case in suite.cases]
    return {
        "tests": str(len(cases)),
        "failures": str(sum(suite.count("failure") for suite in suites)),
        "errors": str(sum(suite.count("error") for suite in suites)),
        "skipped": str(sum(suite.count("skipped") for suite in suites)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _cases(document: Mapping[str, Any]) -> Iterator[TestCase]:
    """Yield a case for each test, for each requirement broken on the way, and for a run that went wrong."""
    requirements = {str(one.get("id")): one for one in mappings(document.get("requirements"))}
    told = set()
    for test in mappings(document.get("tests")):
        key = str(test.get("requirement"))
        case = _test_case(test, requirements.get(key, {}))
        told |= {key} if test.get("outcome") in _BROKEN else set()
        yield case
    for key, one in requirements.items():
        outcome = str(one.get("outcome"))
        if outcome in _BROKEN and key not in told:
            seen = ", ".join(map(str, sequence(one.get("tests"))[:5]))
            reason = f"{_BROKEN[outcome]}{one.get('reason') or ''}\nseen in {seen}"
            where = f"conformance.requirements.{one.get('chapter')}"
            yield _case(one, where, key, 0.0, _KINDS[outcome], reason, outcome)
    verdict, run = mapping(document.get("verdict")), mapping(document.get("run"))
    if run.get("complete") is not True:
        why = str(verdict.get("reason") or "the run was interrupted")
        yield TestCase("run", "conformance.run", "the run", 0.0, {}, "error", clip_line(why, _MESSAGE), "")


def _test_case(test: Mapping[str, Any], requirement: Mapping[str, Any]) -> TestCase:
    module, _, name = str(test.get("id") or "unnamed").partition("::")
    kind = _KINDS.get(str(test.get("outcome")), "")
    message = str(test.get("message") or "")
    if test.get("outcome") == Outcome.FAILED_STRICT_ONLY:
        message = _BROKEN[Outcome.FAILED_STRICT_ONLY] + message
    if test.get("outcome") == Outcome.INCONCLUSIVE and requirement.get("outcome") in FOLDED:
        kind = "skipped"  # its requirement was judged by others
    if test.get("outcome") == Outcome.KNOWN_FAILURE:
        message = f"known failure: {mapping(requirement.get('known_failure')).get('reason') or message}"
    lines = [message]
    if expected := sequence(test.get("expected")):
        lines.append(f"expected: {', or '.join(map(str, expected))}")
    lines += [f"came back: {test['actual']}"] if test.get("actual") else []
    lines += [f"whose: {requirement['whose']}"] if kind == "failure" and requirement.get("whose") else []
    lines += [f"repeat: {test['repeat']}"] if test.get("repeat") else []
    classname = module.removesuffix(".py").replace("/", ".")
    seconds = number(test.get("duration")) or 0.0
    outcome = str(test.get("outcome"))
    return _case(requirement, classname, name or module, seconds, kind, "\n".join(lines), outcome)


def _case(
    requirement: Mapping[str, Any],
    classname: str,
    name: str,
    seconds: float,
    kind: str,
    text: str,
    outcome: str,
) -> TestCase:
    chapter = clip_line(requirement.get("chapter") or "other", 60)
    properties = {"requirement": requirement.get("id"), "level": requirement.get("level"),
                  "source": requirement.get("source")}  # fmt: skip
    told = {key: clip_line(value, 200) for key, value in properties.items() if value}
    head, _, _ = text.partition("\n")
    return TestCase(
        suite=chapter,
        classname=clip_line(classname, 300),
        name=clip_line(name, 300),
        seconds=seconds,
        properties=told,
        kind=kind,
        message=clip_line(head, _MESSAGE),
        text=clip(text, _TEXT),
        strict_only=outcome == Outcome.FAILED_STRICT_ONLY,
    )


def _write(suite: Element, case: TestCase) -> None:
    element = SubElement(suite, "testcase", classname=case.classname, name=case.name)
    element.set("time", f"{case.seconds:.4f}")
    properties = SubElement(element, "properties")
    for name, value in case.properties.items():
        SubElement(properties, "property", name=name, value=value)
    if case.kind:
        told = SubElement(element, case.kind, message=visible(case.message))
        if case.kind != "skipped":
            told.text = case.text
