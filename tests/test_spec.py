"""The specification: sound in itself, and in step with the tests and the charges that refer to it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import conformance
from conformance import spec
from conformance.spec import CHAPTERS, NEEDS, requirements
from conformance.spec.levels import Level

PACKAGE = Path(conformance.__file__).parent
ALL = list(requirements().values())
CHARGERS = [
    "wire/invariants.py",
    "client/peer.py",
    "target/target.py",
    "client/speaker.py",
]

# Each requirement by itself; what is not in order is listed.


def those(wrong):
    return [one.id for one in ALL if wrong(one)]


def test_id_is_an_area_and_a_name():
    assert those(lambda one: not re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+(-[a-z0-9]+)*", one.id)) == []


def test_level_is_one_of_rfc_2119_and_means_one_thing():
    assert {one.level for one in ALL} == set(Level)
    assert those(lambda one: one.binding + one.advisory + (one.level == "MAY") != 1) == []


def test_binding_rule_does_not_advise():
    advice = re.compile(r"\b(should|recommended|ought)\b", re.IGNORECASE)
    assert those(lambda one: one.binding and advice.search(one.text)) == []


def test_text_is_sentences_and_title_is_none():
    assert those(lambda one: not one.text.endswith((".", ".)"))) == []
    assert those(lambda one: not one.title or one.title.endswith(".") or one.title == one.text) == []


def test_source_names_a_document():
    assert those(lambda one: not re.search(r"[A-Z]\w+ \w+|§", one.source)) == []


def test_needs_and_chapters_are_known():
    assert those(lambda one: set(one.needs) - set(NEEDS) or one.chapter not in CHAPTERS) == []


def test_ids_are_unique_and_titles_within_a_chapter():
    ids, titles = Counter(one.id for one in ALL), Counter((one.chapter, one.title) for one in ALL)
    assert [one for one, count in (ids + titles).items() if count > 1] == []


# The loader.


ENTRY = {"id": "a.b", "level": "MUST", "title": "T", "text": "X\n  y.", "source": "S"}
ENTRY |= {"cost": "security", "cost_reason": "Why.", "mended_by": "server"}


def test_entry_is_read():
    one = spec._read(ENTRY, "session", "session.toml")
    assert (one.id, one.chapter, one.text, one.binding, one.charged) == (
        "a.b",
        "session",
        "X y.",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (ENTRY | {"levl": 1}, "f.toml: a.b: unknown member levl"),
        ({"id": "a.b"}, "f.toml: a.b: level, source, text, title is missing"),
        ({}, "f.toml: a requirement without id: "),
        (ENTRY | {"level": "must"}, "f.toml: a.b: level 'must' is none of MUST"),
        (ENTRY | {"needs": ["magic"]}, "f.toml: a.b: needs magic, which no probe looks for"),
    ],
)
def test_entry_that_is_not_sound_is_refused(entry, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        spec._read(entry, "session", "f.toml")


# Charges, read from the source: a literal given to Breach, _breach, charge or broken.


def charges_in(path):
    """Return the ids that a module charges."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"Breach", "_breach", "charge"}:
                found |= {
                    one.value
                    for one in ast.walk(node.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


@cache
def charged_anywhere():
    return {name for path in PACKAGE.rglob("*.py") for name in charges_in(path) if "report" not in path.parts}


@pytest.mark.parametrize("module", CHARGERS)
def test_module_charges_something(module):
    assert charges_in(PACKAGE / module)


def test_charges_are_on_requirements_that_say_so():
    charged = {one.id for one in ALL if one.charged}
    assert sorted(charged_anywhere() - charged) == []


def test_requirements_that_say_charged_are_charged_somewhere():
    assert those(lambda one: one.charged and one.id not in charged_anywhere()) == []


# The suite's tests, as pytest collects them.

COLLECT = """
import json, sys
import pytest

class Names:
    def pytest_collection_modifyitems(self, items):
        marks = lambda item: [list(mark.args) for mark in item.iter_markers("requirement")]
        found = {item.nodeid: marks(item) for item in items}
        sys.stderr.write(json.dumps(found))

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", sys.argv[1]], plugins=[Names()]))
"""


@pytest.fixture(scope="module")
def collected():
    """Return each test of the suite with the arguments of its requirement markers."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, str(PACKAGE / "suite")],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return json.loads(done.stderr[done.stderr.index("{") :])


def test_suite_has_tests(collected):
    assert len(collected) > 100


def test_every_test_names_one_existing_requirement(collected):
    wrong = {
        test: marks
        for test, marks in collected.items()
        if len(marks) != 1 or len(marks[0]) != 1 or marks[0][0] not in requirements()
    }
    assert wrong == {}


def test_every_requirement_is_judged_by_a_test_or_charged(collected):
    judged = {mark[0] for marks in collected.values() for mark in marks}
    assert sorted(set(requirements()) - judged - charged_anywhere()) == []


def test_chapter_of_a_requirement_is_that_of_its_tests(collected):
    homes = {
        "protocol": {"protocol"},
        "session": {"session", "robustness"},
        "auth": {"auth"},
        "routing": {"routing"},
        "events": {"events", "robustness"},
        "port": {"port_conflict"},
        "robustness": {"robustness", "protocol"},
        "browser": {"browser"},
    }
    strays = {
        test
        for test, marks in collected.items()
        if test.split("/suite/")[1].split("/")[0] not in homes[requirements()[marks[0][0]].chapter]
    }
    assert strays == set()
