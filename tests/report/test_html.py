"""The HTML report: what it says, that hostile text in it is inert, and that it stays small."""

from __future__ import annotations

import base64
import copy
import hashlib
import re

import pytest
from documents import HOSTILE, case, entry, everything, failing, hostile, report, requirement, talk
from reading import Page, read

from conformance.report.annotate import transcript
from conformance.report.excerpts import Budget, clip, clip_line, visible
from conformance.report.html import OUTCOMES, VERDICTS, render

# What the page says.


@pytest.mark.parametrize("name", VERDICTS)
def test_page_opens_with_verdict_and_its_reason(name):
    text = read(report(name)).text
    assert (
        text.index(VERDICTS[name].label) < text.index("Because of what was seen.") < text.index("Exit code")
    )


def test_failure_tells_requirement_then_expected_then_actual_then_wire_then_repeat():
    text = read(failing()).text
    told = text[text.index("One card for each") :]
    order = [
        "handshake.accept-value",
        "carries the digest",
        "RFC 6455 §4.2.2",
        "an HTTP error status (4xx)",
        "101 Switching Protocols",
        "0.42 ms",
        "← received",
        "✕ wrong: MASK",
        "81 85 37",
        "pytest --server-url=ws://localhost:4567 'conformance",
    ]
    places = [told.index(words) for words in order]
    assert places == sorted(places)


def test_sections_follow_the_readers_questions():
    page = read(report("non-conformant", [requirement(f"r.{o}", o) for o in OUTCOMES]))
    wanted = [
        "main",
        "broke",
        "inconclusive",
        "advised",
        "known-failures",
        "matrix",
        "not-applicable",
        "untested",
    ]
    assert [i for i in page.ids if i in wanted] == wanted


def test_every_requirement_has_exactly_one_deep_link():
    page = read(report("non-conformant", [requirement(f"r.{o}", o) for o in OUTCOMES]))
    anchors = [i for i in page.ids if i.startswith("req-")]
    assert sorted(anchors) == sorted(f"req-r.{outcome}" for outcome in OUTCOMES)


def test_every_fragment_link_leads_somewhere_and_ids_are_unique():
    page = read(report("non-conformant", [requirement(f"r.{o}", o) for o in OUTCOMES], failing()["tests"]))
    links = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    assert links <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_source_links_to_the_section_of_the_rfc():
    hrefs = [a["href"] for a in read(failing()).all("a")]
    assert "https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2" in hrefs


def test_breach_is_told_at_its_own_requirement_though_another_test_saw_it():
    breach = {"requirement": "framing.server-unmasked", "message": "A frame from the server was masked."}
    seen = case("other.requirement", name="test_elsewhere", breaches=[breach], transcripts=[talk(entry())])
    broken = requirement("framing.server-unmasked", "failed")
    text = read(report("non-conformant", [broken, requirement("other.requirement")], [seen])).text
    assert "A frame from the server was masked." in text
    assert "the monitor that watches every connection" in text


def test_breach_of_an_unlisted_requirement_is_still_a_failure_on_the_page():
    breach = {"requirement": "framing.unlisted", "message": "Reserved bits were set."}
    text = read(report(requirements=[requirement()], tests=[case(breaches=[breach])])).text
    assert text.index("What broke") < text.index("Reserved bits were set.")


def test_other_failing_tests_of_a_requirement_are_folded():
    document = failing()
    document["tests"] += [case(outcome="failed", name=f"test_y[{n}]") for n in range(20)]
    text = read(document).text
    assert "20 other tests say the same" in text
    assert "12 further tests are in conformance.json" in text


def test_requirements_that_share_a_reason_are_told_once():
    requirements = [
        requirement(
            f"control.{n}", "not-applicable", reason="No control interface.", unlock="[control] url = …"
        )
        for n in range(30)
    ]
    text = read(report(requirements=requirements)).text
    assert text.count("To test them:") == 1


def test_stale_known_failure_is_told_among_known_failures_though_it_passes():
    waived = requirement(known_failure={"reason": "Tracked upstream.", "stale": True})
    text = read(report("baseline-stale", [waived])).text
    assert "no longer fails" in text
    assert "Tracked upstream." in text


def test_known_failure_shows_the_tests_that_fail():
    waived = requirement(
        outcome="known-failure", known_failure={"reason": "Tracked upstream.", "stale": False}
    )
    assert (
        "Still 101."
        in read(report(requirements=[waived], tests=[case(outcome="failed", message="Still 101.")])).text
    )


def test_interrupted_run_says_so():
    assert "This run did not finish." in read(report("inconclusive", run={"complete": False})).text


def test_unknown_outcome_is_never_green():
    page = read(report(requirements=[requirement(outcome="splendid")]))
    assert [li["data-outcome"] for li in page.all("li") if "data-outcome" in li] == ["inconclusive"]


def test_unknown_verdict_is_no_verdict():
    assert "No verdict" in read(report("splendid")).text


def test_document_of_another_format_is_announced():
    assert "format is conformance-results/9" in read(report(format="conformance-results/9")).text


# Documents cut short.


def paths(value, path=()):
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from paths(child, (*path, key))


def changed(document, path, change):
    document = copy.deepcopy(document)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return document


def test_empty_document_still_makes_a_page():
    assert "nothing was tested" in read({}).text


def test_any_one_member_may_be_missing():
    whole = everything()
    for path in list(paths(whole))[1:]:
        if isinstance(path[-1], str):
            assert render(changed(whole, path, lambda holder, key: holder.pop(key)))


@pytest.mark.parametrize("wrong", [None, 7, True, "text", [], {}, [None], {"a": {}}, HOSTILE], ids=repr)
def test_any_one_member_may_be_of_another_type(wrong):
    whole = everything()
    for path in list(paths(whole))[1:]:
        assert render(changed(whole, path, lambda holder, key: holder.__setitem__(key, wrong)))


# Text the server chose.


def test_hostile_text_adds_no_element_and_no_attribute():
    page, calm = read(hostile()), read(everything())
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in calm.elements}
    assert len(page.all("script")) == 1
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]


def test_hostile_text_makes_no_link():
    document = everything()
    document["target"]["url"] = document["requirements"][0]["source"] = "javascript:alert(1)//RFC 6455 §1"
    hrefs = {a["href"] for a in read(document).all("a")}
    assert all(href.startswith(("#", "https://www.rfc-editor.org/rfc/rfc")) for href in hrefs)


def test_hostile_text_is_shown_as_escapes():
    text = read(hostile()).text
    assert r"\x1b[31mred\x00\ud800\u202egnp.exe\x0d" in text
    assert "{{ 7 * 7 }}" in text


def test_page_holds_no_unseen_character_and_encodes():
    page = render(hostile())
    assert visible(page) == page
    assert page.encode()


def test_policy_allows_exactly_the_pages_own_style_and_script():
    page = render(hostile())
    [policy] = [
        m["content"] for m in Page(page).all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    ]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        [code] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_page_loads_nothing():
    page = read(everything())
    loaded = [a.get("src") or a.get("href") for tag, a in page.elements if tag not in ("a", "meta")]
    assert set(loaded) <= {None, "data:,"}


def test_megabyte_strings_are_capped_and_said_to_be():
    long = "A" * 1_000_000
    page = render(failing() | {"verdict": {"name": "non-conformant", "reason": long}})
    assert len(page) < 100_000
    document = failing()
    document["tests"][0] |= {
        "message": long,
        "actual": long,
        "expected": [long] * 1000,
        "notes": [long] * 1000,
    }
    document["tests"][0]["transcripts"] = [talk(entry(summary=long, hex="41 " * 1_000_000))]
    page = render(document)
    assert len(page) < 120_000
    assert "[1,000,000 characters in all]" in page
    assert "the first 512 of 1,000,000 bytes" in page


def large(count=800, requirements=400, **members):
    chapters = ("protocol", "session", "auth", "routing", "events", "robustness")
    return report(
        "non-conformant",
        [
            requirement(f"chapter.requirement-{n}", members.get("outcome"), chapter=chapters[n % 6])
            for n in range(requirements)
        ],
        [
            case(f"chapter.requirement-{n % requirements}", name=f"test_y[{n}]", **members)
            for n in range(count)
        ],
    )


def test_page_stays_small_whatever_a_large_run_brought():
    nasty = HOSTILE * 10_000
    spoken = [entry(summary=nasty, hex="ff " * 100_000, fields=[{"name": nasty, "value": nasty}] * 40)] * 100
    document = large(
        outcome="failed",
        message=nasty,
        expected=[nasty] * 30,
        actual=nasty,
        notes=[nasty] * 30,
        breaches=[{"requirement": "chapter.requirement-7", "message": nasty}] * 3,
        transcripts=[talk(*spoken)] * 10,
    )
    page = render(document)
    assert len(page.encode()) < 5_000_000
    assert "recorded connections are not shown here; they are in conformance.json" in page


def test_one_greedy_test_leaves_room_for_the_others():
    document = large(count=40, requirements=40, outcome="failed", transcripts=[talk(*[entry()] * 8)])
    document["tests"][0]["transcripts"] = [talk(*[entry(summary="<" * 400, hex="ff " * 9_000)] * 500)] * 50
    assert render(document).count("Text fin=1 mask=1 len=5") == 39 * 8


# Pieces.


def test_clip_counts_the_characters_it_leaves_out():
    assert clip("abcdef", 3) == "abc … [6 characters in all]"
    assert clip("abc", 3) == "abc"
    assert clip("\ud800\ud800", 6) == r"\ud800 … [2 characters in all]"
    assert clip(None, 3) == ""


def test_clip_line_is_one_line():
    assert clip_line("a\nb\tc") == r"a\nb\tc"


def test_long_conversation_keeps_opening_end_and_fault():
    quiet = entry(fields=[])
    spoken = [*[quiet] * 50, entry(summary="the fault"), *[quiet] * 50]
    shown = transcript(talk(*spoken), Budget(100_000))
    assert len(shown.entries) < 40
    assert [e.summary for e in shown.entries if e.fault] == ["the fault"]
    assert sum(e.gap for e in shown.entries) + sum(not e.gap for e in shown.entries) == len(spoken)


def test_conversation_without_room_still_shows_the_fault():
    spoken = [*[entry(fields=[])] * 5, entry(summary="the fault"), entry()]
    gap, fault, rest = transcript(talk(*spoken), Budget(0)).entries
    assert (gap.gap, fault.summary, rest.gap) == (5, "the fault", 1)


def test_conversation_says_what_the_recorder_dropped():
    [note] = transcript(talk(entry(), dropped=12), Budget(100_000)).notes
    assert note.startswith("12 entries were not recorded")


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_keep_wcag_aa_contrast(scheme):
    style = render({}).split("<style>")[1]
    palette = dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", style.split(":root {")[1 + scheme].split("}")[0])
    )
    pairs = [(f"{name}-fg", f"{name}-bg") for name in (*OUTCOMES, "sent", "received", "event")]
    pairs += [(ink, paper) for ink in ("text", "muted", "link") for paper in ("page", "surface", "sunken")]
    pairs += [("text", "failed-bg"), ("failed-fg", "surface"), ("inconclusive-fg", "surface")]
    weak = {pair: ratio for pair in pairs if (ratio := contrast(palette[pair[0]], palette[pair[1]])) < 4.5}
    assert not weak
    assert contrast(palette["strong-line"], palette["surface"]) >= 3


# What stands beside the conversation.


def test_control_and_what_the_server_printed_stand_with_the_failure():
    page = render(failing(controls=["a Ping was answered"], server_output="<b>Traceback</b>", duration=0.5))
    assert "Control: the same without its fault" in page
    assert "✓ a Ping was answered" in page
    assert "&lt;b&gt;Traceback&lt;/b&gt;" in page
    assert ", 500.00 ms</p>" in page


def test_failure_without_them_has_no_empty_heading():
    page = render(failing())
    assert "Control: the same" not in page
    assert "What the server printed" not in page


def test_requirements_with_one_finding_are_told_once():
    ids = ("r.a", "r.b", "r.c")
    tests = [case(one, "failed", name=one, message="no Pong" if one != "r.c" else "other") for one in ids]
    page = render(report("non-conformant", [requirement(one, "failed") for one in ids], tests))
    assert page.count("most likely one cause") == 1
    assert page.count('<article class="card tone-failed"') == 2
    assert '<details class="card tone-failed" id="req-r.b">' in page
