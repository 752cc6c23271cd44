"""Results of tests, folded into outcomes of requirements and one verdict for the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.spec import Requirement, requirements
from conformance.verdict.gate import Finding, Gate, also_tolerated, unexpected
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import BREACHES, BROKEN, JUDGED, KEPT, Outcome, RunVerdict, gravity
from conformance.verdict.result_data import (
    RequirementResult,
    TestResult,
    symptoms_of_charge,
    symptoms_of_test,
)
from conformance.verdict.symptom import Symptom

# How many tests that pass, but see the same rule broken, keep their evidence.
WITNESSES = 9


@dataclass(frozen=True, slots=True)
class Verdict:
    """The run's verdict, and the reason in a sentence or two."""

    name: RunVerdict
    said: str
    broken: str = ""  # the strict-only rules that are, where the verdict is conformant all the same

    @property
    def reason(self) -> str:
        """The reason; it begins with the verdict where that wants a word of explanation."""
        return f"{self.name}; {self.broken}{self.said}" if self.broken else self.said

    @property
    def exit_code(self) -> int:
        """The exit code that stands for it."""
        return self.name.exit_code


class Results:
    """Everything that a run found out. ``strict`` turns advice into failure."""

    def __init__(self, *, strict: bool = False, known_failures: Iterable[KnownFailure] = ()) -> None:
        self.strict = strict
        self.gate = Gate(tuple(known_failures))
        self.tests: dict[str, TestResult] = {}
        self.suite_faults: list[str] = []
        self.trouble: str = ""
        self.fault: str = ""
        self.deaths: list[str] = []  # behind each of which the server was started anew
        self.partial = False
        self.expected_tests = 0
        self.dialect_seen: set[str] = set()
        self._seen: Counter[str] = Counter()

    def add(self, result: TestResult) -> None:
        """Take a test's result; of several phases of one test the gravest outcome stays."""
        self.dialect_seen.update(result.dialect)
        self._thin(result)
        before = self.tests.get(result.id)
        if before is None or gravity(result.outcome) < gravity(before.outcome):
            self.tests[result.id] = result
        if result.outcome == Outcome.SUITE_FAULT:
            self.suite_faults.append(result.id)
        for charge in result.charges:
            if charge["requirement"] not in requirements():
                self.suite_faults.append(
                    f"{result.id} (charges {charge['requirement']}, which does not exist)"
                )
        result.charges = [charge for charge in result.charges if charge["requirement"] in requirements()]

    @property
    def known(self) -> Mapping[str, Sequence[KnownFailure]]:
        """What is tolerated of this target, by requirement."""
        return self.gate.known

    def tolerates(self, result: TestResult) -> bool:
        """Return whether everything that failed in a test is a known failure."""
        return self._all_known(result.requirement, symptoms_of_test(result))

    def tolerates_breach(self, charge: Mapping[str, Any]) -> bool:
        """Return whether every way in which a test saw another requirement broken is known."""
        return self._all_known(charge["requirement"], symptoms_of_charge(charge))

    def _all_known(self, requirement: str, symptoms: Iterable[Symptom]) -> bool:
        entries = self.known.get(requirement, ())
        return bool(entries) and not unexpected(entries, symptoms)

    def _thin(self, result: TestResult) -> None:
        """Drop the evidence of what passed but saw a breach, once enough others hold the same.

        A rule that every frame breaks is seen by each of hundreds of tests.
        """
        for breach in result.breaches:
            self._seen[breach["requirement"]] += 1
        enough = all(self._seen[breach["requirement"]] > WITNESSES for breach in result.breaches)
        if result.outcome in KEPT | {Outcome.NOT_APPLICABLE} and enough:
            result.transcripts, result.script, result.server_output = (), "", ""

    def level_outcome(self, requirement: Requirement, since: str = "") -> Outcome:
        """Return what breaking a requirement amounts to at its level, or by a test that came ``since``."""
        if self.gate.is_new(requirement, since):
            return Outcome.ADVISED
        if self.strict and (requirement.binding or requirement.advisory):
            return Outcome.FAILED
        if requirement.binding:
            return Outcome.FAILED_STRICT_ONLY if requirement.strict_only else Outcome.FAILED
        return Outcome.ADVISED if requirement.advisory else Outcome.OBSERVED

    def fails(self, requirement: Requirement) -> bool:
        """Return whether breaking a requirement fails the run."""
        return self.level_outcome(requirement) == Outcome.FAILED

    def requirements(self) -> list[RequirementResult]:
        """Return every requirement of the specification with its outcome."""
        found = {name: RequirementResult(one) for name, one in requirements().items()}
        judged = {one.requirement for one in self.tests.values() if one.outcome in JUDGED}
        for test in self.tests.values():
            if test.outcome == Outcome.INCONCLUSIVE and test.confined and test.requirement in judged:
                found[test.requirement].unjudged.append(test)
                continue
            self._fold(found[test.requirement], test.outcome, test.told or "; ".join(test.observed), test.id)
            if test.outcome in BROKEN:
                self._broken(found[test.requirement], symptoms_of_test(test), test.since)
            for charge in test.charges:
                entry = found[charge["requirement"]]
                outcome = Outcome.PASSED if charge["kept"] else self.level_outcome(entry.requirement)
                outcome = Outcome.INCONCLUSIVE if charge.get("unstable") else outcome
                if outcome in BREACHES:
                    self._broken(entry, symptoms_of_charge(charge))
                self._fold(entry, outcome, charge["message"], test.id if not charge["kept"] else "")
        for entry in found.values():
            _tell_unjudged(entry, sum(one.requirement == entry.requirement.id for one in self.tests.values()))
        known = self.known
        for name, tolerated in known.items():
            if name in found:
                # An entry of the user's own is the one that is told of, and that may be stale.
                found[name].known_failure = min(tolerated, key=lambda one: bool(one.family))
                self._apply_known(found[name], tolerated)
        return list(found.values())

    def _broken(self, entry: RequirementResult, seen: Iterable[Symptom], since: str = "") -> None:
        entry.new = entry.new or self.gate.is_new(entry.requirement, since)
        entry.symptoms = list(dict.fromkeys([*entry.symptoms, *seen]))

    @property
    def whole(self) -> bool:
        """Whether every test of the suite gave its result."""
        return not (self.partial or self.trouble) and len(self.tests) >= self.expected_tests

    def findings(self) -> list[Finding]:
        """Return what the gate is red for."""
        return self.gate.findings(self.requirements(), whole=self.whole)

    def _fold(self, entry: RequirementResult, outcome: Outcome, reason: str, test: str) -> None:
        if outcome == Outcome.SUITE_FAULT:
            outcome = Outcome.INCONCLUSIVE
        if gravity(outcome) < gravity(entry.outcome) or (outcome == entry.outcome and not entry.reason):
            entry.outcome, entry.reason = outcome, reason
        if test and test not in entry.tests:
            entry.tests.append(test)

    def _apply_known(self, entry: RequirementResult, tolerated: Sequence[KnownFailure]) -> None:
        if entry.outcome in BROKEN:
            entry.unknown = unexpected(tolerated, entry.symptoms)
            if entry.unknown and all(one.family for one in tolerated):
                # No entry of the user's own is out of date: the server breaks the rule in one more way.
                entry.known_failure, entry.reason = None, also_tolerated(tolerated, entry)
                if entry.outcome == Outcome.KNOWN_FAILURE:
                    entry.outcome = self.level_outcome(entry.requirement)
            else:
                entry.outcome = Outcome.KNOWN_FAILURE
        elif entry.outcome in KEPT and not self.partial and entry.known_failure:
            entry.stale = not entry.known_failure.family

    def counts(self) -> Counter[str]:
        """Return how many requirements have which outcome."""
        return Counter(entry.outcome for entry in self.requirements())

    def verdict(self) -> Verdict:
        """Return the run's verdict; nothing that could not be judged is ever conformant."""
        entries = self.requirements()
        by_outcome = Counter(entry.outcome for entry in entries)
        failed = [entry.requirement.id for entry in entries if entry.outcome == Outcome.FAILED]
        if failed:  # what is proven stays proven, whatever became of the target later
            told = f"{_count(len(failed), 'requirement')} failed: {_some(failed)}."
            gone = f" Then {self.trouble}" if self.trouble else ""
            return Verdict(RunVerdict.NON_CONFORMANT, told + gone + self._unjudged(entries))
        if self.trouble:
            return Verdict(RunVerdict.INCONCLUSIVE, self.trouble + self._unjudged(entries))
        if self.suite_faults:
            return Verdict(RunVerdict.SUITE_FAULT, f"the suite itself failed in {_some(self.suite_faults)}.")
        unsure = [entry.requirement.id for entry in entries if entry.outcome == Outcome.INCONCLUSIVE]
        if unsure:
            return Verdict(
                RunVerdict.INCONCLUSIVE,
                f"{_count(len(unsure), 'requirement')} could not be judged: {_some(unsure)}.{self._cause()}",
            )
        if len(self.tests) < self.expected_tests:
            missing = self.expected_tests - len(self.tests)
            return Verdict(
                RunVerdict.INCONCLUSIVE, f"{_count(missing, 'test')} of {self.expected_tests} gave no result."
            )
        judged = BROKEN | {Outcome.PASSED}
        if not any(one.outcome in judged and not self.gate.is_new(one.requirement) for one in entries):
            return Verdict(
                RunVerdict.INCONCLUSIVE,
                "nothing was judged: every selected test was skipped or not applicable.",
            )
        if findings := self.gate.findings(entries, whole=self.whole):
            return Verdict(RunVerdict.BASELINE_STALE, _misfit(findings))
        strict_only = [
            entry.requirement.id for entry in entries if entry.outcome == Outcome.FAILED_STRICT_ONLY
        ]
        parts = [_count(by_outcome[Outcome.PASSED], "requirement") + " passed"]
        parts += [
            f"{by_outcome[name]} {name.replace('-', ' ')}"
            for name in (
                Outcome.ADVISED,
                Outcome.KNOWN_FAILURE,
                Outcome.OBSERVED,
                Outcome.NOT_APPLICABLE,
                Outcome.UNTESTED,
            )
            if by_outcome[name]
        ]
        return Verdict(RunVerdict.CONFORMANT, ", ".join(parts) + ".", _broken_strict_only(strict_only))

    def _unjudged(self, entries: Sequence[RequirementResult]) -> str:
        """Return what could not be judged of a target that went away, or never answered rightly."""
        if not self.tests or not (self.trouble or self.fault or self.deaths):
            return ""
        unsure = [one.requirement.id for one in entries if one.outcome == Outcome.INCONCLUSIVE]
        missing = self.expected_tests - len(self.tests)
        told = (
            f" {_count(len(unsure), 'requirement')} could not be judged: {_some(unsure)}." if unsure else ""
        )
        if missing > 0:
            told += f" {_count(missing, 'test')} of {self.expected_tests} gave no result."
        return told + self._cause()

    def _cause(self) -> str:
        told = f" The cause: {self.fault}." if self.fault else ""
        if self.deaths:
            more = f" This happened {len(self.deaths)} times." if len(self.deaths) > 1 else ""
            told += f" It was started anew: {self.deaths[0]}{more}"
        return told

    def measurements(self) -> dict[str, dict[str, float]]:
        """Return count, percentiles and maximum, in milliseconds, of the times that tests have measured."""
        samples: dict[str, list[float]] = {}
        for test in self.tests.values():
            for name, times in test.samples.items():
                samples.setdefault(name, []).extend(times)
        return {name: _percentiles(sorted(times)) for name, times in samples.items() if times}

    def tests_as_data(self) -> list[dict[str, Any]]:
        """Return the tests for the JSON document, with charges shown as breaches."""
        rows = []
        for test in self.tests.values():
            row = test.as_data()
            row["message"] = test.told
            row.pop("story")
            row.pop("charges")
            row.pop("samples")  # thousands of times say nothing alone; `measurements` holds the percentiles
            row.pop("symptoms")  # stand with the requirements
            row.pop("dialect")  # stands once for the whole run
            row.pop("confined")  # its requirement says what it made of that
            row["breaches"] = [
                {"requirement": b["requirement"], "message": b["message"]} for b in test.breaches
            ]
            rows.append(row)
        return rows


def _broken_strict_only(names: Sequence[str]) -> str:
    """Return which strict-only rules are broken, or an empty string."""
    if not names:
        return ""
    rules = "1 strict-only rule is" if len(names) == 1 else f"{len(names)} strict-only rules are"
    return f"{rules} broken: {_some(names)} (red with --strict). "


def _tell_unjudged(entry: RequirementResult, tests: int) -> None:
    """Say of a requirement that was judged which of its tests could not be, and why."""
    if not entry.unjudged:
        return
    names = _some([one.id.rpartition("::")[2] for one in entry.unjudged])
    told = f"{len(entry.unjudged)} of {_count(tests, 'test')} could not be judged ({names})"
    entry.reason = "; ".join(filter(None, (entry.reason, f"{told}: {entry.unjudged[0].told}")))


def _misfit(findings: Sequence[Finding]) -> str:
    files = " and ".join(sorted({one.where for one in findings if one.kind == "stale"}))
    titles = {
        "unpinned": "entries without a symptom, which tolerate nothing",
        "different": "known failures that fail differently now",
        "expired": "known failures that have expired",
        "stale": f"known failures that now pass, remove them from {files}",
        "unmatched": "entries that match nothing",
        "vanished": "requirements that are no longer judged",
    }
    names = {
        kind: list(dict.fromkeys(one.requirement for one in findings if one.kind == kind)) for kind in titles
    }
    return ". ".join(f"{titles[kind]}: {_some(found)}" for kind, found in names.items() if found) + "."


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    def at(share: float) -> float:
        return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 3)

    return {"count": len(times), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1.0)}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
