"""What a breach of each requirement costs: said for all that bind; neither only where nothing is misread."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance import spec
from conformance.commands import cli
from conformance.report.whose import UNKNOWN, told, whose
from conformance.spec import render, requirements
from conformance.verdict.families import families
from conformance.verdict.symptom import Symptom

ALL = list(requirements().values())
STRICT_ONLY = [one for one in ALL if one.strict_only]
ENTRY = {"id": "a.b", "level": "MUST", "title": "T", "text": "X.", "source": "S"}
COST = {"cost": "security", "cost_reason": "Because\n of this.", "mended_by": "server"}


def those(wrong):
    return [one.id for one in ALL if wrong(one)]


def read(**members):
    return spec._read(ENTRY | COST | members, "session", "f.toml")


def test_every_rule_that_can_be_broken_says_what_its_breach_costs_and_who_mends_it():
    assert (
        those(lambda one: one.level != "MAY" and not (one.cost and one.cost_reason and one.mended_by)) == []
    )


def test_argument_is_sentences_of_its_own():
    assert those(lambda one: one.cost_reason and one.cost_reason in {one.text, one.title}) == []
    assert those(lambda one: one.cost_reason and not 20 < len(one.cost_reason) < 400) == []


def test_strict_only_is_a_short_list_of_rules_by_which_nothing_can_be_misread():
    """Whoever adds one argues it against the RFC, and against what may not stand here."""
    assert {one.id for one in STRICT_ONLY} == {
        "handshake.allow-in-405",
        "handshake.extensions-malformed",
        "handshake.subprotocol-malformed",
        "handshake.upgrade-in-426",
        "handshake.version-offered",
        "handshake.version-spelling",
    }


@pytest.mark.parametrize(
    "name",
    [
        "host",
        "body",
        "line",
        "method",
        "key",
        "colon",
        "http-version",
        "upgrade-required",
        "connection-required",
    ],
)
def test_what_can_be_misread_is_not_strict_only(name):
    assert [one.id for one in STRICT_ONLY if name in one.id] == []


def test_chapters_of_frames_messages_and_identity_have_no_strict_only_rule():
    assert [one.id for one in STRICT_ONLY if not one.id.startswith("handshake.")] == []


def test_what_may_come_of_a_malformed_list_binds():
    for name in (
        "handshake.extension-from-malformed",
        "handshake.subprotocol-from-malformed",
        "auth.malformed-pair",
    ):
        assert requirements()[name].binding
        assert not requirements()[name].strict_only


def test_entry_is_read():
    one = read(broken_by={"stacks": 3, "of": 7, "date": "2026-11"})
    assert (one.cost, one.cost_reason, one.mended_by, one.strict_only) == (
        ("security",),
        "Because of this.",
        "server",
        False,
    )
    assert str(one.broken_by) == "3 of 7 server stacks (2026-11)"
    assert read(cost=["security", "interoperability"]).cost == ("security", "interoperability")


@pytest.mark.parametrize(
    ("level", "cost", "strict_only"),
    [
        ("MUST", "neither", True),
        ("MUST NOT", "neither", True),
        ("SHOULD", "neither", False),
        ("MUST", "security", False),
    ],
)
def test_rule_that_binds_and_costs_nothing_is_strict_only(level, cost, strict_only):
    assert read(level=level, cost=cost).strict_only is strict_only


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"cost": "money"}, "cost 'money' is none of interoperability, security, neither"),
        ({"cost": []}, "cost [] is none of"),
        ({"cost": ["security", "security"]}, "is none of"),
        ({"cost": ["neither", "security"]}, "a cost of neither stands alone"),
        ({"cost_reason": "because"}, "cost_reason is the argument"),
        ({"mended_by": "me"}, "mended_by 'me' is none of server, application, either"),
        ({"broken_by": 3}, "broken_by says stacks, of and date"),
        ({"broken_by": {"stacks": 8, "of": 7, "date": "2026-11"}}, "is no count of stacks"),
        ({"broken_by": {"stacks": 3, "of": 7, "date": "lately"}}, "is no count of stacks"),
        ({"level": "MAY"}, "what a server MAY do cannot be broken"),
    ],
)
def test_entry_that_is_not_sound_is_refused(members, message):
    with pytest.raises(ValueError, match=re.escape("f.toml: a.b: ") + ".*" + re.escape(message)):
        read(**members)


@pytest.mark.parametrize("left_out", list(COST))
def test_binding_entry_without_its_cost_is_refused(left_out):
    entry = {name: value for name, value in (ENTRY | COST).items() if name != left_out}
    with pytest.raises(ValueError, match=f"{left_out} is missing"):
        spec._read(entry, "session", "f.toml")
    if left_out == "cost":
        assert spec._read(ENTRY | {"level": "SHOULD"}, "session", "f.toml").cost == ()


# Where it is read.


def test_specification_tells_cost_argument_count_and_who_mends_it():
    one = requirements()["handshake.extensions-malformed"]
    for text in (render.markdown({}), render.html({}), cli.explain(one)):
        assert one.cost_reason in text
        assert "39 of 41 server stacks (2026-11)" in text
        assert "strict only" in text


def test_specification_lists_what_is_strict_only():
    listed = render.markdown({}).split("## Strict only")[1].split("\n## ")[0]
    assert re.findall(r"^- `([^`]+)`", listed, re.MULTILINE) == [one.id for one in STRICT_ONLY]
    marked = [line.split()[1] for line in cli.listing().splitlines() if line.endswith(", strict only")]
    assert marked == [one.id for one in STRICT_ONLY]


# Whose a failure is.


@pytest.mark.parametrize(
    ("rule", "family", "text"),
    [
        ("handshake.host", "uvicorn", "the server library's, not yours; tolerate with --family=uvicorn"),
        ("handshake.host", "", UNKNOWN),
        ("handshake.accepted", "uvicorn", ""),
        ("auth.bad-token", "", ""),
    ],
)
def test_failure_that_no_application_can_mend_says_so(rule, family, text):
    assert whose(requirements()[rule], family) == text


def test_family_is_named_where_the_server_header_says_it_and_the_family_breaks_the_rule():
    entry = next(one for one in families()["uvicorn"].entries if one.requirement == "handshake.http-version")
    case, _, happened = entry.symptom[0].partition(": ")
    seen = Symptom(case, happened, happened)
    other = Symptom("another_case", "Close 1000", "Close 1000")
    broken = {"handshake.http-version": [seen], "framing.unmasked": [other], "auth.bad-token": [other]}
    family = "the server library's, not yours; tolerate with --family=uvicorn"
    assert told("uvicorn", broken) == {"handshake.http-version": family, "framing.unmasked": UNKNOWN}
    further = next(
        one for one in families()["uvicorn-wsproto"].entries if one.requirement == "handshake.upgrade-in-426"
    )
    case, _, happened = further.symptom[0].partition(": ")
    both = {"handshake.http-version": [seen], "handshake.upgrade-in-426": [Symptom(case, happened, happened)]}
    # The family that explains the most is named for all, and it tolerates what the one that it includes does.
    assert set(told("uvicorn", both).values()) == {family.replace("uvicorn", "uvicorn-wsproto")}
    # What the family does not know of the same rule, its option does not tolerate.
    assert told("uvicorn", {"handshake.http-version": [seen, other]}) == {"handshake.http-version": UNKNOWN}
    assert told("another", {"handshake.http-version": [seen]}) == {"handshake.http-version": UNKNOWN}


def test_page_that_the_text_refers_to_is_there():
    assert "## Server families\n" in (Path(__file__).parents[1] / "docs" / "gate.md").read_text("utf-8")
