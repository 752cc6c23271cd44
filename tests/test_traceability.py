"""From the RFCs and the security catalogue to the requirements and back: nothing is left out in silence."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from conformance.spec import requirements
from conformance.spec import sources as module
from conformance.spec.sources import clauses, security

SOURCES = [pytest.param(clauses, id="clauses"), pytest.param(security, id="security")]


def counts(load):
    """Say how many there are of each kind, for whoever reads a failure."""
    found = Counter(
        "covered" if one.covered_by else "excluded" if one.excluded else "neither" for one in load().values()
    )
    return f"{load.__name__}: {len(load())} in all, " + ", ".join(f"{n} {what}" for what, n in found.items())


def test_catalogues_are_whole():
    families = Counter(one.id.split("-")[0] for one in clauses().values())
    assert families == {"RFC6455": 212, "RFC7692": 61}
    assert len(security()) == 100


@pytest.mark.parametrize("load", SOURCES)
def test_each_is_covered_or_excluded_with_a_reason(load):
    silent = [f"{one.id}: {one.gist}" for one in load().values() if not one.covered_by and not one.excluded]
    assert not silent, "\n".join([counts(load), *silent])


@pytest.mark.parametrize("load", SOURCES)
def test_none_is_both_covered_and_excluded(load):
    both = [
        f"{one.id}: {', '.join(one.covered_by)}" for one in load().values() if one.covered_by and one.excluded
    ]
    assert not both, "\n".join([counts(load), *both])


@pytest.mark.parametrize(("load", "member"), [(clauses, "clauses"), (security, "security")])
def test_requirements_name_only_what_exists(load, member):
    wrong = [
        f"{one.id} names {name}"
        for one in requirements().values()
        for name in getattr(one, member)
        if name not in load()
    ]
    assert not wrong, "\n".join([counts(load), *wrong])


@pytest.mark.parametrize("load", SOURCES)
def test_reason_is_a_phrase(load):
    assert [one.id for one in load().values() if one.excluded and len(one.excluded.split()) < 3] == []


def test_section_of_a_clause_is_that_of_its_id():
    assert [one.id for one in clauses().values() if one.id.split("-")[1] != one.where] == []


def test_every_requirement_says_how_it_is_observed():
    wrong = [one.id for one in requirements().values() if not re.fullmatch(r".{20,}\.", one.observed)]
    assert wrong == []


def test_binding_rule_of_the_wire_rests_on_a_clause_or_a_document():
    # A MUST that no clause and no security row backs names another document than the RFCs read here.
    wrong = [
        one.id
        for one in requirements().values()
        if one.chapter == "protocol" and one.binding and not one.clauses and not one.security
    ]
    others = ("RFC 91", "RFC 8441")
    assert [name for name in wrong if not any(one in requirements()[name].source for one in others)] == []


# The loader.

ENTRY = {"id": "RFC6455-5.1-1", "section": "5.1", "level": "MUST", "gist": "A gist"}


def test_entry_is_read():
    one = module._read(ENTRY, "f.toml", ("section", "level"), {"RFC6455-5.1-1": ["a.b"]})
    assert (one.where, one.level, one.gist, one.excluded, one.covered_by) == (
        "5.1",
        "MUST",
        "A gist",
        None,
        ("a.b",),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exclude": "x"}, "f.toml: RFC6455-5.1-1: unknown member exclude"),
        ({"level": "must"}, "f.toml: RFC6455-5.1-1: level 'must' is none of MUST"),
        ({"gist": "word " * 21}, "f.toml: RFC6455-5.1-1: the gist has more than 20 words"),
        ({"gist": " "}, "f.toml: RFC6455-5.1-1: gist is no text"),
        ({"id": "5.1"}, "f.toml: 5.1: an id is like RFC6455-5.1-1 or SEC-ORG-01"),
    ],
)
def test_entry_that_is_not_sound_is_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        module._read(ENTRY | change, "f.toml", ("section", "level"), {})


def test_entry_without_a_member_is_refused():
    with pytest.raises(
        ValueError, match=re.escape("f.toml: an entry without id: id, level, section is missing")
    ):
        module._read({"gist": "x"}, "f.toml", ("section", "level"), {})
