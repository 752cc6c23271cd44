"""What the page shows of each requirement: where it stands, which tests are evidence, how much of it fits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.report.annotate import Evidence, evidence
from conformance.report.excerpts import Budget, clip, clip_line, mapping, mappings, milliseconds, sequence
from conformance.report.vocabulary import OUTCOMES, known_outcome, rank, worst
from conformance.verdict.outcomes import BREACHES, Outcome

_EVIDENCE_A_TEST = 60_000
_EVIDENCE_OTHERS = 8
_TEST_LINES = 60
_GROUP_FROM = 4
_ALWAYS_ALONE = frozenset({Outcome.FAILED_STRICT_ONLY, Outcome.ADVISED, Outcome.KNOWN_FAILURE})
_Witness = tuple[Mapping[str, Any], Mapping[str, Any] | None]


@dataclass(frozen=True)
class TestLine:
    """One test as a line in the list of all of a requirement's tests."""

    id: str
    outcome: str
    time: str


@dataclass
class RequirementView:
    """What the page shows of one requirement; evidence is added while the page has room for it."""

    key: str
    id: str
    anchor: str
    chapter: str
    level: str
    title: str
    text: str
    source: tuple[tuple[str, str], ...]
    outcome: str
    reason: str
    unlock: str
    waiver: str
    stale: bool
    strict_only: bool
    cost: str
    broken_by: str
    whose: str
    tests: tuple[TestLine, ...]
    tests_left_out: int
    card: bool = False
    lead: Evidence | None = None
    others: list[Evidence] = field(default_factory=list)
    others_left_out: int = 0
    same_as: RequirementView | None = None


@dataclass(frozen=True)
class Group:
    """Requirements that share one reason."""

    reason: str
    unlock: str
    requirements: list[RequirementView]


@dataclass(frozen=True)
class Section:
    """The requirements of one outcome: those shown with evidence, and those told by reason alone."""

    outcome: str
    cards: list[RequirementView]
    groups: list[Group]

    @property
    def count(self) -> int:
        """How many requirements have this outcome."""
        return len(self.cards) + sum(len(group.requirements) for group in self.groups)


@dataclass(frozen=True)
class Chapter:
    """One chapter of the specification with its counts."""

    name: str
    requirements: list[RequirementView]
    counts: Mapping[str, int]

    @property
    def bar(self) -> list[tuple[str, str, str]]:
        """The chapter's outcomes as (outcome, start, width), in percent."""
        start, pieces = 0.0, []
        for outcome in OUTCOMES:
            width = 100 * self.counts.get(outcome, 0) / len(self.requirements)
            if width:
                pieces.append((outcome, f"{start:.3f}", f"{width:.3f}"))
            start += width
        return pieces


def anchor(identifier: str) -> str:
    """Return the name by which a link reaches a requirement."""
    return "req-" + re.sub(r"[^A-Za-z0-9._-]", "-", identifier[:120])


def _source(text: str) -> tuple[tuple[str, str], ...]:
    """Return a source as (text, link) pairs; only sections of RFCs have a link."""
    pieces, end = [], 0
    for match in re.finditer(r"RFC ?([0-9]{3,5})(?: ?§ ?([0-9]+(?:\.[0-9]+)*))?", text):
        section = f"#section-{match[2]}" if match[2] else ""
        pieces.append((text[end : match.start()], ""))
        pieces.append((match[0], f"https://www.rfc-editor.org/rfc/rfc{match[1]}{section}"))
        end = match.end()
    return tuple(piece for piece in (*pieces, (text[end:], "")) if piece[0])


def requirements(document: Mapping[str, Any], tests: list[Mapping[str, Any]]) -> list[RequirementView]:
    """Return the document's requirements, and one for each that only tests or breaches speak of."""
    by_key: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    breached: dict[str, None] = {}
    for test in tests:
        by_key[_key(test.get("requirement"))].append(test)
        breached.update((_key(b.get("requirement")), None) for b in mappings(test.get("breaches")))
    listed = {_key(r.get("id")): r for r in mappings(document.get("requirements"))}
    title = "A requirement this document does not list"
    for key in breached:
        listed.setdefault(key, {"title": title, "outcome": Outcome.FAILED})
    for key in by_key:
        listed.setdefault(key, {"title": title})
    return [_requirement(key, recorded, by_key[key]) for key, recorded in listed.items()]


def _requirement(key: str, recorded: Mapping[str, Any], tests: list[Mapping[str, Any]]) -> RequirementView:
    waiver = mapping(recorded.get("known_failure"))
    outcome = recorded.get("outcome") or worst(known_outcome(t.get("outcome")) for t in tests)
    return RequirementView(
        key=key,
        id=clip_line(key, 120),
        anchor=anchor(key),
        chapter=clip_line(recorded.get("chapter") or "other", 60),
        level=clip_line(recorded.get("level") or "unstated", 20),
        title=clip_line(recorded.get("title") or key, 200),
        text=clip(recorded.get("text"), 2_000),
        source=_source(clip_line(recorded.get("source"), 200)),
        outcome=known_outcome(outcome),
        reason=clip(recorded.get("reason"), 400),
        unlock=clip(recorded.get("unlock"), 400),
        waiver=clip(
            ": ".join(filter(None, map(str, (waiver.get("family", ""), waiver.get("reason") or "")))), 400
        ),
        stale=bool(waiver.get("stale")),
        strict_only=recorded.get("strict_only") is True,
        cost=_cost(recorded),
        broken_by=_broken_by(mapping(recorded.get("broken_by"))),
        whose=clip_line(recorded.get("whose"), 200),
        tests=tuple(_test_line(t) for t in tests[:_TEST_LINES]),
        tests_left_out=max(0, len(tests) - _TEST_LINES),
    )


def _cost(recorded: Mapping[str, Any]) -> str:
    costs = " and ".join(clip_line(one, 40) for one in sequence(recorded.get("cost"))[:3])
    return f"{costs}. {clip(recorded.get('cost_reason'), 600)}" if costs else ""


def _broken_by(counted: Mapping[str, Any]) -> str:
    """Return how many stacks break a rule, so that a reader sees how common that is."""
    if not counted:
        return ""
    stacks, of, date = (clip_line(counted.get(name), 10) for name in ("stacks", "of", "date"))
    return f"{stacks} of {of} server stacks broke it ({date})"


def _test_line(test: Mapping[str, Any]) -> TestLine:
    return TestLine(
        clip_line(test.get("id"), 240), known_outcome(test.get("outcome")), milliseconds(test.get("duration"))
    )


def section(outcome: str, requirements: list[RequirementView]) -> Section:
    """Return one outcome's requirements as cards with evidence, and groups by reason.

    What broke always has a card. Elsewhere many requirements often share one cause (nothing listening, a
    feature missing): said once, it is read; said four hundred times, it is noise.
    """
    mine = sorted((r for r in requirements if _belongs(r, outcome)), key=lambda r: rank(r.level))
    by_reason: dict[tuple[str, str], list[RequirementView]] = defaultdict(list)
    for requirement in mine:
        by_reason[requirement.reason, requirement.unlock].append(requirement)
    section = Section(outcome, [], [])
    for (reason, unlock), members in by_reason.items():
        alone = outcome in _ALWAYS_ALONE or len(members) < _GROUP_FROM
        if outcome == Outcome.FAILED or (alone and outcome in {*_ALWAYS_ALONE, Outcome.INCONCLUSIVE}):
            section.cards.extend(members)
        else:
            section.groups.append(Group(reason, unlock, members))
    section.cards.sort(key=lambda r: rank(r.level))
    section.groups.sort(key=lambda group: -len(group.requirements))
    for requirement in section.cards:
        requirement.card = True
    return section


def _belongs(requirement: RequirementView, outcome: str) -> bool:
    """Return whether a section tells of a requirement.

    A waiver that is not needed any more is told among the waivers.
    """
    return (Outcome.KNOWN_FAILURE if requirement.stale else requirement.outcome) == outcome


def add_evidence(cards: list[RequirementView], tests: list[Mapping[str, Any]], budget: Budget) -> None:
    """Give each card its tests: first one for every requirement, then the others while there is room.

    Args:
        cards: one for each requirement; the tests are added to them.
        tests: those of the document.
        budget: how much room there is.

    """
    witnesses = _witnesses({card.key: card.outcome for card in cards}, tests)
    witnessed = [card for card in cards if witnesses[card.key]]
    for done, card in enumerate(witnessed):
        share = budget.share(len(witnessed) - done, _EVIDENCE_A_TEST)
        card.lead = evidence(*witnesses[card.key][0], share)
        card.others_left_out = len(witnesses[card.key][1 + _EVIDENCE_OTHERS :])
    _one_cause(witnessed)
    others = [
        (card, witness) for card in witnessed for witness in witnesses[card.key][1 : 1 + _EVIDENCE_OTHERS]
    ]
    for done, (card, witness) in enumerate(others):
        card.others.append(evidence(*witness, budget.share(len(others) - done, _EVIDENCE_A_TEST)))


def _one_cause(cards: list[RequirementView]) -> None:
    """Let a card whose finding another has told already point to that one."""
    first: dict[tuple[str, str], RequirementView] = {}
    for card in cards:
        if card.lead is not None and card.lead.message:
            earlier = first.setdefault((card.outcome, card.lead.message), card)
            card.same_as = earlier if earlier is not card else None


def _witnesses(wanted: Mapping[str, str], tests: list[Mapping[str, Any]]) -> dict[str, list[_Witness]]:
    """Return the evidence for each requirement: its own tests first, then breaches seen in others.

    Args:
        wanted: the outcome of each requirement that has a card; only tests of that outcome explain it.
        tests: the document's.

    """
    own: dict[str, list[_Witness]] = {key: [] for key in wanted}
    seen: dict[str, list[_Witness]] = {key: [] for key in wanted}
    for test in tests:
        key = _key(test.get("requirement"))
        outcome = known_outcome(test.get("outcome"))
        if outcome == wanted.get(key) or (outcome in BREACHES and wanted.get(key) == Outcome.KNOWN_FAILURE):
            own[key].append((test, None))
        for breach in mappings(test.get("breaches")):
            if (key := _key(breach.get("requirement"))) in seen:
                seen[key].append((test, breach))
    return {key: own[key] + seen[key] for key in wanted}


def _key(identifier: object) -> str:
    return str(identifier or "unnamed")


def chapters(requirements: list[RequirementView]) -> list[Chapter]:
    """Return the chapters in the order in which the requirements name them."""
    by_name: dict[str, list[RequirementView]] = defaultdict(list)
    for requirement in requirements:
        by_name[requirement.chapter].append(requirement)
    return [Chapter(name, mine, Counter(r.outcome for r in mine)) for name, mine in by_name.items()]


def levels(requirements: list[RequirementView]) -> list[str]:
    """Return the levels that occur, the gravest first."""
    return list(dict.fromkeys(r.level for r in sorted(requirements, key=lambda r: rank(r.level))))
