"""Progress: a line that is rewritten on a terminal, a line a chapter elsewhere."""

from __future__ import annotations

import types

import pytest

from conformance.plugin import progress
from conformance.plugin.progress import Progress
from conformance.spec import requirements

ONE = {
    name: next(one.id for one in requirements().values() if one.chapter == name)
    for name in ("auth", "routing")
}


class Reporter:
    """What pytest's reporter offers, its writing kept."""

    _tw = types.SimpleNamespace(fullwidth=40)

    def __init__(self):
        self.lines = []

    def write_line(self, line):
        self.lines.append(line)

    def rewrite(self, line, *, erase):
        assert erase
        self.lines.append(line)


def report(chapter, outcome="passed", when="call"):
    return types.SimpleNamespace(when=when, conformance={"requirement": ONE[chapter], "outcome": outcome})


def told(*reports, terminal):
    chapters = [one.conformance["requirement"] for one in reports]
    shown = Progress(Reporter(), [requirements()[one].chapter for one in chapters], terminal=terminal)
    for one in reports:
        shown.pytest_runtest_logreport(one)
    return shown.reporter.lines


def test_a_plain_log_gets_one_line_a_chapter_with_what_went_wrong():
    lines = told(report("auth"), report("routing", "failed"), report("auth", "inconclusive"), terminal=False)
    assert [line.partition(" (")[0] for line in lines] == [
        "routing: 1 tests, 1 failed",
        "auth: 2 tests, 1 inconclusive",
    ]


def test_a_terminal_sees_count_and_chapter_in_one_line():
    lines = told(report("auth"), report("routing", "failed"), report("auth"), terminal=True)
    assert lines == ["1/3 auth", "2/3 routing, 1 failed", "3/3, 1 failed"]


def test_a_teardown_is_not_a_test():
    assert told(report("auth"), report("auth", when="teardown"), terminal=True) == ["1/2 auth"]


def test_a_long_chapter_shows_that_it_is_at_work(monkeypatch):
    shown = Progress(Reporter(), ["auth"] * 9, terminal=False)
    shown.pytest_runtest_logreport(report("auth"))
    shown.pytest_runtest_logstart()
    assert shown.reporter.lines == []
    monkeypatch.setattr(progress, "QUIET", -1.0)
    shown.pytest_runtest_logstart()
    assert shown.reporter.lines == ["still running: 1 of 9 tests done"]


@pytest.mark.parametrize("ours", [True, False])
def test_letters_give_way_for_our_tests_alone(ours):
    shown = Progress(Reporter(), [], terminal=False)
    one = report("auth") if ours else types.SimpleNamespace(when="call")
    hook = shown.pytest_report_teststatus(one)
    next(hook)
    with pytest.raises(StopIteration) as stopped:
        hook.send(("passed", ".", "PASSED"))
    assert stopped.value.value == (("passed", "", "") if ours else ("passed", ".", "PASSED"))
