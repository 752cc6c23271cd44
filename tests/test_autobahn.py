"""The table of Autobahn's cases: every one is there, and what it names exists."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.plugin.traceability import suite_tests
from conformance.spec import requirements
from conformance.spec.sources import autobahn

# How many cases each group of version 25.10.1 has; they are numbered from 1 on.
GROUPS = {
    "1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20, "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4,
    "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3, "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10,
    "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7, "6.21": 8, "6.22": 34, "6.23": 7,
    "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2, "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9,
    "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6, "10.1": 1, **{f"12.{n}": 18 for n in range(1, 6)},
    **{f"13.{n}": 18 for n in range(1, 8)},
}  # fmt: skip


def test_every_case_is_mapped_once():
    wanted = {f"{group}.{number}" for group, count in GROUPS.items() for number in range(1, count + 1)}
    assert len(wanted) == 517
    assert set(autobahn.cases()) == wanted


def test_every_named_test_exists_and_judges_a_requirement_of_the_chapter():
    judging = {name: requirement for requirement, names in suite_tests().items() for name in names}
    named = {name for case in autobahn.cases().values() for name in case.tests}
    assert sorted(named - judging.keys()) == []
    assert {requirements()[judging[name]].chapter for name in named} == {"protocol"}


def test_descriptions_are_short():
    assert [one.id for one in autobahn.cases().values() if not one.gist or len(one.gist) > 110] == []


@pytest.mark.parametrize("case", ["9.1.6", "12.1.1", "13.7.18"])
def test_cases_of_performance_say_why_fewer_are_enough(case):
    assert autobahn.cases()[case].how


def test_coverage_counts_them():
    ran = subprocess.run(
        [sys.executable, "-m", "conformance", "spec", "--coverage"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "Autobahn 25.10.1: 517 of 517 cases covered, by " in ran.stdout
