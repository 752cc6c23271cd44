"""The requirement-first report: a results document in, one self-contained HTML page out.

The page is a template (`report.html.j2`); this module decides what it says: which requirements are shown
in which section, which tests are evidence for them, and how much of it fits. It trusts nothing in the
document, since much of it was chosen by the server under test: every value a template prints passes
`visible` and HTML escaping, and the page's policy lets no script run but its own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from conformance.report.annotate import (
    Budget,
    Evidence,
    clip,
    clip_line,
    evidence,
    mapping,
    mappings,
    milliseconds,
    number,
    sequence,
    visible,
)

FORMAT = "conformance-results/1"

_EVIDENCE_CHARACTERS = 2_000_000
_EVIDENCE_A_TEST = 60_000
_EVIDENCE_OTHERS = 8
_TEST_LINES = 60
_GROUP_FROM = 4


@dataclass(frozen=True)
class Word:
    """How an outcome or a verdict is written: a word, a sign beside it, and what it means."""

    label: str
    sign: str
    meaning: str
    tone: str = ""


_Witness = tuple[Mapping[str, Any], Mapping[str, Any] | None]

# In the order of the reader's interest, which is also the order of sections, counts and bars.
OUTCOMES: Mapping[str, Word] = {
    "failed": Word("Failed", "✕", "The target breaks the requirement."),
    "inconclusive": Word("Inconclusive", "?", "The test could not tell."),
    "advised": Word("Advised", "!", "A recommendation the target does not follow."),
    "known-failure": Word("Known failure", "≈", "Broken, and the baseline says so."),
    "passed": Word("Passed", "✓", "The target keeps the requirement."),
    "observed": Word("Observed", "○", "Recorded, and judged neither way."),
    "not-applicable": Word("Not applicable", "-", "The target lacks what it is about."),
    "untested": Word("Untested", "·", "No test ran."),
}

VERDICTS: Mapping[str, Word] = {
    "conformant": Word("Conformant", "✓", "Every requirement that was tested is kept.", "passed"),
    "non-conformant": Word("Not conformant", "✕", "At least one requirement is broken.", "failed"),
    "inconclusive": Word(
        "Inconclusive", "?", "This run does not say whether the target conforms.", "inconclusive"
    ),
    "suite-fault": Word(
        "Fault of the suite",
        "!",
        "The suite itself failed; this says nothing about the target.",
        "inconclusive",
    ),
    "baseline-stale": Word(
        "Baseline out of date", "≈", "The list of known failures no longer fits the target.", "known-failure"
    ),
}
_NO_VERDICT = Word("No verdict", "?", "The document holds no verdict: the run was cut short.", "inconclusive")

_LEVELS = ("MUST", "MUST NOT", "SHALL", "SHALL NOT", "REQUIRED", "SHOULD", "SHOULD NOT", "RECOMMENDED", "MAY")
_LADDER = ("a URL alone", "permissions messages", "credentials", "control interface", "start command")


@dataclass(frozen=True)
class TestLine:
    """One test as a line in the list of all of a requirement's tests."""

    id: str
    outcome: str
    time: str


@dataclass
class Requirement:
    """One requirement with its outcome; evidence is added while the page has room for it."""

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
    tests: tuple[TestLine, ...]
    tests_left_out: int
    card: bool = False
    lead: Evidence | None = None
    others: list[Evidence] = field(default_factory=list)
    others_left_out: int = 0


@dataclass(frozen=True)
class Group:
    """Requirements that share one reason."""

    reason: str
    unlock: str
    requirements: list[Requirement]


@dataclass(frozen=True)
class Section:
    """The requirements of one outcome: those shown with evidence, and those told by reason alone."""

    outcome: str
    cards: list[Requirement]
    groups: list[Group]

    @property
    def count(self) -> int:
        """How many requirements have this outcome."""
        return len(self.cards) + sum(len(group.requirements) for group in self.groups)


@dataclass(frozen=True)
class Chapter:
    """One chapter of the specification with its counts."""

    name: str
    requirements: list[Requirement]
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


def render(document: Mapping[str, Any]) -> str:
    """Return the report on one run as one HTML page that needs nothing beside it.

    Args:
        document: a results document (`conformance-results/1`). Members may be missing, as in a run that was
            interrupted: what is not there is not shown, or is shown as untested.

    Returns:
        The page. It encodes to UTF-8, holds no script but its own, loads nothing, and stays under 5 MB for
        some 800 tests and 400 requirements whatever the server sent.

    """
    budget = Budget(_EVIDENCE_CHARACTERS)
    tests = mappings(document.get("tests"))
    requirements = _requirements(document, tests)
    sections = {outcome: _section(outcome, requirements) for outcome in OUTCOMES}
    _add_evidence([r for section in sections.values() for r in section.cards], tests, budget)
    page = _template().render(
        suite=mapping(document.get("suite")),
        run=mapping(document.get("run")),
        target=mapping(document.get("target")),
        verdict=mapping(document.get("verdict")),
        verdict_word=_verdict(document),
        foreign_format="" if document.get("format") == FORMAT else clip(document.get("format"), 80) or "none",
        capabilities=mappings(mapping(document.get("target")).get("capabilities")),
        dialect=mapping(document.get("dialect")),
        dialect_entries=mappings(mapping(document.get("dialect")).get("entries")),
        environment=_environment(document),
        gate=mapping(document.get("gate")),
        facts=_facts(document),
        requirements=requirements,
        sections=sections,
        chapters=_chapters(requirements),
        levels=_levels(requirements),
        weights=list(dict.fromkeys(_weight(level) for level in _levels(requirements))),
        counts=Counter((r.outcome, _weight(r.level)) for r in requirements),
        test_count=len(tests),
        outcomes=OUTCOMES,
    )
    # No character of the template or of `visible` is unencodable; this is a promise, checked here.
    page.encode("utf-8")
    return page


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("conformance.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clip=clip, one_line=clip_line, digest=_digest, instant=_instant, milliseconds=milliseconds
    )
    return environment.get_template("report.html.j2")


def _finalize(value: object) -> object:
    """Make every printed value inert, so that no template line can forget to."""
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _digest(code: str) -> Markup:
    """Return the policy source that allows exactly this inline `code`."""
    sha256 = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(sha256)


def _instant(value: object) -> str:
    """Return an ISO 8601 time as people write it, or the text as it stands."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return clip(value, 60)
    zone = moment.strftime("%Z") or "local time"
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone}"


def _verdict(document: Mapping[str, Any]) -> Word:
    return VERDICTS.get(str(mapping(document.get("verdict")).get("name")), _NO_VERDICT)


def _outcome(word: object) -> str:
    """Return a known outcome; a missing one is untested, and an unknown one is never green."""
    if not word:
        return "untested"
    return str(word) if str(word) in OUTCOMES else "inconclusive"


def _worst(outcomes: Iterable[str]) -> str:
    """Return the outcome that matters most, for documents that did not get to say."""
    present = set(outcomes)
    return next((outcome for outcome in OUTCOMES if outcome in present), "untested")


def _anchor(identifier: str) -> str:
    return "req-" + re.sub(r"[^A-Za-z0-9._-]", "-", identifier[:120])


def _source(text: str) -> tuple[tuple[str, str], ...]:
    """Split a source into (text, link) pairs; only sections of RFCs have a link."""
    pieces, end = [], 0
    for match in re.finditer(r"RFC ?([0-9]{3,5})(?: ?§ ?([0-9]+(?:\.[0-9]+)*))?", text):
        section = f"#section-{match[2]}" if match[2] else ""
        pieces.append((text[end : match.start()], ""))
        pieces.append((match[0], f"https://www.rfc-editor.org/rfc/rfc{match[1]}{section}"))
        end = match.end()
    return tuple(piece for piece in (*pieces, (text[end:], "")) if piece[0])


def _requirements(document: Mapping[str, Any], tests: list[Mapping[str, Any]]) -> list[Requirement]:
    """Return the document's requirements, and one for each that only tests or breaches speak of."""
    by_key: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    breached: dict[str, None] = {}
    for test in tests:
        by_key[_key(test.get("requirement"))].append(test)
        breached.update((_key(b.get("requirement")), None) for b in mappings(test.get("breaches")))
    listed = {_key(r.get("id")): r for r in mappings(document.get("requirements"))}
    title = "A requirement this document does not list"
    for key in breached:
        listed.setdefault(key, {"title": title, "outcome": "failed"})
    for key in by_key:
        listed.setdefault(key, {"title": title})
    return [_requirement(key, recorded, by_key[key]) for key, recorded in listed.items()]


def _requirement(key: str, recorded: Mapping[str, Any], tests: list[Mapping[str, Any]]) -> Requirement:
    waiver = mapping(recorded.get("known_failure"))
    outcome = recorded.get("outcome") or _worst(_outcome(t.get("outcome")) for t in tests)
    return Requirement(
        key=key,
        id=clip_line(key, 120),
        anchor=_anchor(key),
        chapter=clip_line(recorded.get("chapter") or "other", 60),
        level=clip_line(recorded.get("level") or "unstated", 20),
        title=clip_line(recorded.get("title") or key, 200),
        text=clip(recorded.get("text"), 2_000),
        source=_source(clip_line(recorded.get("source"), 200)),
        outcome=_outcome(outcome),
        reason=clip(recorded.get("reason"), 400),
        unlock=clip(recorded.get("unlock"), 400),
        waiver=clip(waiver.get("reason"), 400),
        stale=bool(waiver.get("stale")),
        tests=tuple(_test_line(t) for t in tests[:_TEST_LINES]),
        tests_left_out=max(0, len(tests) - _TEST_LINES),
    )


def _test_line(test: Mapping[str, Any]) -> TestLine:
    return TestLine(
        clip_line(test.get("id"), 240), _outcome(test.get("outcome")), milliseconds(test.get("duration"))
    )


def _rank(requirement: Requirement) -> int:
    return _LEVELS.index(requirement.level) if requirement.level in _LEVELS else len(_LEVELS)


def _section(outcome: str, requirements: list[Requirement]) -> Section:
    """Sort one outcome's requirements into cards with evidence and groups by reason.

    What broke always has a card. Elsewhere many requirements often share one cause (nothing listening, a
    feature missing): said once, it is read; said four hundred times, it is noise.
    """
    mine = sorted((r for r in requirements if _belongs(r, outcome)), key=_rank)
    by_reason: dict[tuple[str, str], list[Requirement]] = defaultdict(list)
    for requirement in mine:
        by_reason[requirement.reason, requirement.unlock].append(requirement)
    section = Section(outcome, [], [])
    for (reason, unlock), members in by_reason.items():
        alone = outcome in ("advised", "known-failure") or len(members) < _GROUP_FROM
        if outcome == "failed" or (alone and outcome in ("inconclusive", "advised", "known-failure")):
            section.cards.extend(members)
        else:
            section.groups.append(Group(reason, unlock, members))
    section.cards.sort(key=_rank)
    section.groups.sort(key=lambda group: -len(group.requirements))
    for requirement in section.cards:
        requirement.card = True
    return section


def _belongs(requirement: Requirement, outcome: str) -> bool:
    """Whether a section tells of a requirement; a waiver no longer needed is told among the waivers."""
    return ("known-failure" if requirement.stale else requirement.outcome) == outcome


def _add_evidence(cards: list[Requirement], tests: list[Mapping[str, Any]], budget: Budget) -> None:
    """Give each card its tests: first one for every requirement, then the others while there is room."""
    witnesses = _witnesses({card.key: card.outcome for card in cards}, tests)
    witnessed = [card for card in cards if witnesses[card.key]]
    for done, card in enumerate(witnessed):
        share = budget.share(len(witnessed) - done, _EVIDENCE_A_TEST)
        card.lead = evidence(*witnesses[card.key][0], share)
        card.others_left_out = len(witnesses[card.key][1 + _EVIDENCE_OTHERS :])
    others = [
        (card, witness) for card in witnessed for witness in witnesses[card.key][1 : 1 + _EVIDENCE_OTHERS]
    ]
    for done, (card, witness) in enumerate(others):
        card.others.append(evidence(*witness, budget.share(len(others) - done, _EVIDENCE_A_TEST)))


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
        outcome = _outcome(test.get("outcome"))
        if outcome == wanted.get(key) or (outcome, wanted.get(key)) == ("failed", "known-failure"):
            own[key].append((test, None))
        for breach in mappings(test.get("breaches")):
            if (key := _key(breach.get("requirement"))) in seen:
                seen[key].append((test, breach))
    return {key: own[key] + seen[key] for key in wanted}


def _key(identifier: object) -> str:
    return str(identifier or "unnamed")


def _chapters(requirements: list[Requirement]) -> list[Chapter]:
    by_name: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in requirements:
        by_name[requirement.chapter].append(requirement)
    return [Chapter(name, mine, Counter(r.outcome for r in mine)) for name, mine in by_name.items()]


def _levels(requirements: list[Requirement]) -> list[str]:
    return list(dict.fromkeys(r.level for r in sorted(requirements, key=_rank)))


def _weight(level: str) -> str:
    """Return a level without its NOT: for counting, what is demanded weighs as much as what is forbidden."""
    return level.removesuffix(" NOT")


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what identifies the run, as (name, value) pairs without the empty ones."""
    run, target = mapping(document.get("run")), mapping(document.get("target"))
    duration = number(run.get("duration"))
    facts = (
        ("Target", clip(target.get("url"), 300)),
        ("Endpoint", clip_line(target.get("endpoint"))),
        ("Server", clip_line(target.get("server"))),
        ("Addresses", ", ".join(clip_line(a, 60) for a in sequence(target.get("addresses"))[:12])),
        ("Certificate", "not verified (--insecure)" if target.get("insecure") is True else ""),
        ("Capabilities", _ladder(target.get("level"))),
        ("Started", _instant(run["started"]) if run.get("started") else ""),
        ("Took", "" if duration is None else f"{duration:.2f} s"),
        ("Run", clip_line(run.get("id"), 80)),
    )
    return [(name, value) for name, value in facts if value]


def _ladder(level: object) -> str:
    if not isinstance(level, int) or isinstance(level, bool) or not 0 <= level < len(_LADDER):
        return ""
    return f"level {level} of {len(_LADDER) - 1}, {_LADDER[level]}"


def _registries(registries: Mapping[str, Any]) -> str:
    """Return which state of the registries close codes and names were judged by."""
    if not registries:
        return ""
    return f"as of {clip_line(registries.get('updated'), 40)}, read {clip_line(registries.get('date'), 40)}"


def _environment(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where and how the run took place, as (name, value) pairs without the empty ones."""
    run, environment = mapping(document.get("run")), mapping(document.get("environment"))
    calibration = mapping(environment.get("calibration"))
    started = mapping(document.get("target")).get("started_by_suite")
    trip = number(calibration.get("round_trip_ms"))
    rows = (
        ("Command", clip_line(run.get("command"), 1_000)),
        ("Options", _pairs(run.get("options"))),
        ("Tier", clip_line(run.get("tier"), 40)),
        ("Target started by", "" if started is None else "the suite" if started else "someone else"),
        ("Python", clip_line(environment.get("python"))),
        ("IANA registries", _registries(mapping(document.get("registries")))),
        ("Platform", clip_line(environment.get("platform"))),
        ("Packages", _pairs(environment.get("packages"))),
        ("Round trip", "" if trip is None else f"{trip:.2f} ms"),
        *_measurements(document),
        ("Time limits, in seconds", _pairs(calibration.get("limits"))),
    )
    return [(name, value) for name, value in rows if value]


def _measurements(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the percentiles of what was timed, one row a name."""
    rows = []
    for name, found in list(mapping(document.get("measurements")).items())[:20]:
        times = {key: number(value) for key, value in mapping(found).items()}
        told = [
            f"{key} {value:.2f} ms" for key, value in times.items() if key != "count" and value is not None
        ]
        rows.append((clip_line(name, 80), f"{', '.join(told)} ({times.get('count') or 0:.0f} times)"))
    return rows


def _pairs(value: object) -> str:
    pairs = list(mapping(value).items())
    words = {True: "yes", False: "no", None: "none"}
    told = (f"{k} {words[v] if isinstance(v, bool | None) else v}" for k, v in pairs[:60])
    return clip_line(", ".join(told), 2_000)
