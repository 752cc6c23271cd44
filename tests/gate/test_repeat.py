"""A test that ran several times is one result: its verdict each time, or unstable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin.repeat import folded, repeat
from conformance.verdict.outcomes import GRAVEST_FIRST as OUTCOMES
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results

MUST, OTHER = "handshake.accepted", "closing.reply"


def one(outcome: str = "passed", **members: Any) -> TestResult:
    return TestResult(id="a", requirement=MUST, outcome=outcome, **{"message": f"said {outcome}"} | members)


def rounds(*outcomes: str) -> TestResult:
    return folded([one(outcome) for outcome in outcomes])


def results_of(found: TestResult) -> Results:
    made = Results()
    made.add(found)
    made.expected_tests = 1
    return made


def outcome_of(found: TestResult, requirement: str) -> tuple[str, str]:
    entry = next(each for each in results_of(found).requirements() if each.requirement.id == requirement)
    return entry.outcome, entry.reason


# The test's own verdict.


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_same_verdict_each_time_is_the_verdict(outcome: str) -> None:
    found = rounds(*[outcome] * 3)
    assert (found.outcome, found.unstable, found.rounds) == (outcome, "", {outcome: 3})
    assert found.message == f"said {outcome}"


@pytest.mark.parametrize("other", ["failed", "advised", "not-applicable", "known-failure", "observed"])
def test_verdict_that_differs_is_inconclusive(other: str) -> None:
    found = rounds(*["passed"] * 13, *[other] * 7)
    assert found.outcome == "inconclusive"
    assert f"{other} in 7 of 20" in found.message
    assert found.rounds == {"passed": 13, other: 7}


def test_unstable_verdict_is_told_from_the_gravest_on() -> None:
    found = rounds("passed", "failed", "advised", "passed")
    assert found.unstable == "failed in 1 of 4, advised in 1 of 4, passed in 2 of 4"
    assert found.message == f"unstable: {found.unstable}; failed: said failed"


def test_unstable_verdict_without_a_message_says_so() -> None:
    found = folded([one("passed"), one("not-applicable"), one("failed", message="")])
    assert found.message.endswith("failed: without a message")


def test_fault_of_the_suite_stays_one() -> None:
    found = rounds("passed", "failed", "suite-fault")
    assert (found.outcome, found.message) == ("suite-fault", "said suite-fault")


def test_evidence_is_that_of_the_gravest_round() -> None:
    found = folded([one(actual="fine"), one("failed", actual="wrong"), one(actual="fine")])
    assert found.actual == "wrong"


def test_what_rounds_measured_and_saw_adds_up() -> None:
    found = folded(
        [
            one(duration=0.25, samples={"reply": [0.1], "open": [0.4]}, observed=["x", "y"], dialect=["b"]),
            one(duration=0.12344, samples={"reply": [0.2, 0.3]}, observed=["y", "z"], dialect=["a", "b"]),
        ]
    )
    assert found.duration == 0.3734
    assert found.samples == {"reply": [0.1, 0.2, 0.3], "open": [0.4]}
    assert (found.observed, found.dialect) == (["x", "y", "z"], ["a", "b"])


# What it saw on the way.


def charged(*seen: Sequence[bool]) -> TestResult:
    """Return the fold of rounds in each of which a rule was kept (True), broken (False), or both."""
    return folded(
        [
            one(
                charges=[
                    {"requirement": OTHER, "kept": kept, "message": f"{kept} in round {number}"}
                    for kept in each
                ]
            )
            for number, each in enumerate(seen, 1)
        ]
    )


@pytest.mark.parametrize("seen", [[[False], [False]], [[False]], [[False], [True, False]]])
def test_breach_seen_in_every_round_is_a_breach(seen: Sequence[Sequence[bool]]) -> None:
    found = charged(*seen)
    assert outcome_of(found, OTHER) == ("failed", "False in round 1")
    assert (found.unstable, results_of(found).verdict().exit_code) == ("", 1)


@pytest.mark.parametrize("seen", [[[True], [True]], [[], [True]]])
def test_charge_kept_in_every_round_is_kept(seen: Sequence[Sequence[bool]]) -> None:
    found = charged(*seen)
    assert outcome_of(found, OTHER)[0] == "passed"
    assert (found.unstable, len(found.charges)) == ("", 1)


@pytest.mark.parametrize(
    ("seen", "times"),
    [
        ([[False], [False], [], [], []], 2),
        ([[True], [False], [True], [True], [True]], 1),
        ([[False], [False], [False], [False], [True]], 4),
    ],
)
def test_breach_seen_in_some_rounds_is_inconclusive(seen: Sequence[Sequence[bool]], times: int) -> None:
    found = charged(*seen)
    outcome, reason = outcome_of(found, OTHER)
    assert (outcome, results_of(found).verdict().exit_code) == ("inconclusive", 10)
    assert reason.startswith(f"unstable: broken in {times} of 5: False in round ")
    assert found.unstable == f"{OTHER} broken in {times} of 5"
    assert (found.outcome, found.message) == ("passed", "said passed")


def test_several_unstable_breaches_are_all_told() -> None:
    breach = [{"requirement": each, "kept": False, "message": "late"} for each in (OTHER, MUST)]
    found = folded([one(charges=breach), one()])
    assert found.unstable == f"{OTHER} broken in 1 of 2; {MUST} broken in 1 of 2"
    assert [(each["requirement"], each["unstable"]) for each in found.charges] == [
        (OTHER, True),
        (MUST, True),
    ]


def test_steady_charges_are_all_told() -> None:
    seen = [{"requirement": each, "kept": each == MUST, "message": "so"} for each in (OTHER, MUST)]
    assert folded([one(charges=seen), one(charges=seen)]).charges == seen


# Running it.


class Repeating:
    """A plugin that repeats every test as the suite does, and keeps what pytest was told of it."""

    def __init__(self, times: int, outcomes: Mapping[int, str], behind: str = "") -> None:
        self.times, self.outcomes, self.behind = times, outcomes, behind
        self.ran = 0
        self.reports: list[pytest.TestReport] = []
        self.log: list[str] = []
        self.dressed: list[tuple[str | None, str]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        repeat(item, nextitem, self.times, self.dress)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
        report = yield
        if call.when == "teardown" and self.behind:
            report.conformance = asdict(one(self.behind))
        if call.when == "call":
            self.ran += 1
            found = self.outcomes.get(self.ran, "passed")
            if found == "interrupted":
                item.session.shouldstop = "it is enough"
            if found != "unjudged":
                report.conformance = asdict(
                    one("passed" if found == "interrupted" else found, repeat=item.name)
                )
        return report

    def dress(self, report: pytest.TestReport, result: TestResult) -> None:
        self.dressed.append((report.when, result.outcome))

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int, str]) -> None:
        self.log.append(f"start {nodeid.rpartition('::')[2]}, {location[2]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.log.append(str(report.when))
        self.reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int, str]) -> None:
        self.log.append(f"finish {nodeid.rpartition('::')[2]}, {location[2]}")

    @property
    def told(self) -> list[Mapping[str, Any]]:
        return [each.conformance for each in self.reports if hasattr(each, "conformance")]


CASE = """
import pytest, pathlib
seen = []
@pytest.fixture(scope="module")
def costly():
    seen.append("made")
    yield
    pathlib.Path(__file__).with_name("seen").write_text(" ".join([*seen, "gone"]))
@pytest.fixture
def cheap():
    seen.append("cheap")
def test_it(costly, cheap):
    seen.append("ran")
"""


def repeated(folder: Path, times: int, *outcomes: str, behind: str = "", modules: int = 1) -> Repeating:
    plugin = Repeating(times, dict(enumerate(outcomes, 1)), behind)
    # A module of one name is imported once in a process, which may run these tests again and again.
    files = [folder / f"{folder.parent.name}_{folder.name}_{number}.py" for number in range(modules)]
    for file in files:
        file.write_text(CASE)
    words = [
        *map(str, files),
        f"--rootdir={folder}",
        "--import-mode=importlib",
        "-pno:conformance.plugin.entry",
        "-pno:cacheprovider",
    ]
    words += ["-pno:asyncio", "-pno:randomly", "-pno:hypothesispytest", "-c/dev/null"]
    pytest.main(words, plugins=[plugin])
    return plugin


def test_test_runs_so_often_and_is_reported_once(tmp_path: Path) -> None:
    plugin = repeated(tmp_path, 3)
    assert plugin.ran == 3
    assert plugin.log == ["start test_it, test_it", "setup", "call", "teardown", "finish test_it, test_it"]
    assert [(told["outcome"], told["rounds"]) for told in plugin.told] == [("passed", {"passed": 3})]
    assert plugin.dressed == [("call", "passed")]


def test_wider_fixtures_stay_set_up_between_rounds(tmp_path: Path) -> None:
    repeated(tmp_path, 2)
    assert (tmp_path / "seen").read_text() == "made cheap ran cheap ran gone"


def test_wider_fixtures_are_gone_before_the_next_module_begins(tmp_path: Path) -> None:
    plugin = repeated(tmp_path, 2, modules=2)
    assert [each.outcome for each in plugin.reports] == ["passed"] * 6
    assert plugin.log.count("start test_it, test_it") == 2


@pytest.mark.parametrize("outcomes", [("failed", "passed"), ("passed", "failed")])
def test_round_that_failed_makes_the_whole_unstable(tmp_path: Path, outcomes: Sequence[str]) -> None:
    plugin = repeated(tmp_path, 2, *outcomes)
    assert [told["outcome"] for told in plugin.told] == ["inconclusive"]
    assert plugin.dressed == [("call", "inconclusive")]


def test_gravest_result_of_a_round_is_the_rounds(tmp_path: Path) -> None:
    plugin = repeated(tmp_path, 2, "passed", "passed", behind="suite-fault")
    assert [(told["outcome"], told["rounds"]) for told in plugin.told] == [
        ("suite-fault", {"suite-fault": 2}),
        ("suite-fault", {"suite-fault": 2}),
    ]
    assert plugin.dressed == [("call", "suite-fault"), ("teardown", "suite-fault")]


def test_round_without_a_result_is_the_one_that_is_shown(tmp_path: Path) -> None:
    plugin = repeated(tmp_path, 2, "passed", "unjudged")
    assert (plugin.told, plugin.dressed, len(plugin.reports)) == ([], [], 3)


def test_run_that_has_to_stop_repeats_no_further(tmp_path: Path) -> None:
    plugin = repeated(tmp_path, 5, "passed", "interrupted")
    assert (plugin.ran, [told["rounds"] for told in plugin.told]) == (2, [{"passed": 2}])
