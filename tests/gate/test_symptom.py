"""A symptom is the same in every run of the same fault, and differs where the fault does."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client.peer import Ending
from conformance.client.recorder import MAX_WAYS, Recorder
from conformance.core.errors import Nonconformance
from conformance.core.evidence import Happened, Kind, Told, other
from conformance.verdict.charges import Way
from conformance.verdict.symptom import LONGEST, Symptom, fits, known, symptom, symptoms_of, unpinned
from conformance.wire.events import Close, End, Message, Pong
from conformance.wire.frames import BINARY, TEXT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no connection to ws://127.0.0.1:40123/ws", "no connection to ws://10.0.0.7:8000/ws"),
        ("nothing came from 127.0.0.1:40123 within 0.52 s", "nothing came from 127.0.0.1:51 within 12 ms"),
        ("nothing came from [::1]:40123", "nothing came from [fe80::2]:8000"),
        ("port 8000 is held by process 4711", "port 51234 is held by process 12"),
        ("at 2026-11-22T12:00:00+00:00", "at 2027-01-02T03:04:05.678Z"),
        ("session 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "session 6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("id a3f1c29d", "id 00b1c29f7e"),
        ("accept s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "accept kfWmmqUO9Vyc4bMr1jB9hRmK1Kg="),
        ("drawn again by --hypothesis-seed=1", "drawn again by --hypothesis-seed=6455"),
    ],
)
def test_same_fault_has_the_same_symptom(one: str, other: str) -> None:
    assert symptom(one) == symptom(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("closed with 1002", "closed with 1006"),
        ("the Pong had 125 bytes", "the Pong had 126 bytes"),
        ("a Ping was not answered", "a Ping was answered twice"),
        ("refused at /ws/a", "refused at /ws/b"),
    ],
)
def test_other_fault_has_another_symptom(one: str, other: str) -> None:
    assert symptom(one) != symptom(other)


def test_status_of_the_answer_tells_faults_apart() -> None:
    refused = symptom("not accepted", 426)
    assert refused == "not accepted (HTTP 426)"
    assert refused != symptom("not accepted", 500)


def response(status: int) -> Happened:
    return Happened(Kind.RESPONSE, status)


@pytest.mark.parametrize(
    ("error", "symptom", "text"),
    [
        (
            Nonconformance("refused", actual=Told("HTTP/1.1 426 Upgrade Required", response(426))),
            "t: refused (HTTP 426)",
            "refused (HTTP 426)",
        ),
        (
            Nonconformance(
                "a refusal with 405 has no Allow",
                actual=Told("HTTP/1.1 405 No", response(405)),
                happened=Happened(Kind.MISSING_FIELD, detail="a refusal with 405 has no Allow"),
            ),
            "t: a refusal with 405 has no Allow",
            "a refusal with 405 has no Allow",
        ),
        (
            Nonconformance("broke, behind this story:", story=["1. connect", "2. send"]),
            "t: broke, behind this story:",
            "broke, behind this story:",
        ),
        (
            Nonconformance("broke", happened=response(101).with_detail("X: 1234567", "a", "a")),
            "t: HTTP 101, X: <n>, a",
            "broke (HTTP 101)",
        ),
    ],
)
def test_status_stories_and_details_in_symptoms(error: Nonconformance, symptom: str, text: str) -> None:
    (seen,) = symptoms_of("t", error)
    assert (str(seen), seen.text) == (symptom, text)


def test_long_message_is_a_pattern_of_its_beginning() -> None:
    cut = symptom("x " * 500)
    assert len(cut) == LONGEST
    assert fits(cut, symptom("x " * 500))


def test_only_the_asterisk_is_special() -> None:
    assert fits("a [b] * c?", "a [b] anything c?")
    assert not fits("a [b] * c?", "a b anything cc")


def test_unpinned_are_those_that_no_pattern_knows() -> None:
    seen = [Symptom.of_text(one) for one in ("closed with 1002", "silence", "silence")]
    assert unpinned(["closed with *"], seen) == [Symptom("", "silence", "silence")]


def failure(case: str, actual: object = "", **members: Any) -> Nonconformance:
    return Nonconformance("it broke", actual=actual, **members).of_case(case)


def told(error: Nonconformance) -> list[str]:
    return [str(one) for one in symptoms_of("a_test[id]", error)]


@pytest.mark.parametrize(
    ("actual", "happened"),
    [
        (Message(TEXT, b"whatever", 1.0), "a message"),
        (Message(BINARY, b"whatever", 1.0), "a binary message"),
        (Pong(b"whatever", 1.0), "a Pong"),
        (Close(1002, b"whatever", 1.0), "Close 1002"),
        (Close(None, b"", 1.0), "an empty Close"),
        (End("fin", 1.0), "the connection ended"),
        (End("reset", 1.0), "the connection ended"),
        (Ending(before=[Message(TEXT, b"a push", 1.0)]), "nothing"),
        (Ending(close=Close(1000, b"", 1.0), end=End("reset", 1.0)), "Close 1000"),
        ("only told", "it broke"),
    ],
)
def test_symptom_is_the_case_and_the_kind_of_what_came(actual: object, happened: str) -> None:
    error = Nonconformance("it broke", actual=actual)
    assert told(error) == [f"a_test[id]: {happened}"]
    (seen,) = symptoms_of("a_test[id]", error)
    assert seen.text == "it broke"
    assert Symptom.of_data(seen.as_data()) == seen


def test_every_failing_case_has_its_own_symptom() -> None:
    one, other = failure("one", Close(1000, b"", 1.0)), failure("other", Close(1005, b"", 1.0))
    error = Nonconformance.of_cases([one, other], judged=3)
    assert str(error) == "one: it broke (also: other)"
    assert told(error) == ["a_test[id]/one: Close 1000", "a_test[id]/other: Close 1005"]
    assert told(Nonconformance.of_cases([error.of_case("within"), one], judged=2)) == [
        "a_test[id]/within/one: Close 1000",
        "a_test[id]/within/other: Close 1005",
        "a_test[id]/one: Close 1000",
    ]


def test_cases_that_all_failed_alike_are_one_symptom_which_knows_each_of_them() -> None:
    failed = [failure(name, Pong(b"", 1.0)) for name in ("one", "other")]
    (whole,) = told(Nonconformance.of_cases(failed, judged=2))
    assert whole == "a_test[id]/*: a Pong"
    assert len(told(Nonconformance.of_cases(failed, judged=3))) == 2
    (single,) = symptoms_of("a_test[id]", Nonconformance.of_cases(failed[:1], judged=2))
    assert known(whole, single)
    assert not known(whole, Symptom("another_test/one", "a Pong", "it broke"))


def test_way_that_was_seen_in_passing_names_no_test() -> None:
    assert str(Symptom.of_way(Way("a masked frame 81 80", other("a masked frame"), passing=True), "t")) == (
        "a masked frame"
    )
    assert (
        str(Symptom.of_way(Way("HTTP/1.1 404 Not Found, expected 400", Happened(Kind.RESPONSE, 404)), "t"))
        == "t: HTTP 404"
    )


def test_recorder_keeps_every_way_of_a_breach_and_is_bounded() -> None:
    recorder = Recorder()
    for code in (1000, 1001, 1000):
        recorder.charge(
            "closing.failure-code", kept=False, message=f"Close {code}", happened=Happened(Kind.CLOSE, code)
        )
    assert [str(one.happened) for one in recorder.record.ways["closing.failure-code"]] == [
        "Close 1000",
        "Close 1001",
    ]
    for number in range(1000):
        recorder.charge("robustness.others-unharmed", kept=False, message=f"way {number}")
    ways = [one.message for one in recorder.record.ways["robustness.others-unharmed"]]
    assert (len(ways), ways[-1]) == (MAX_WAYS + 1, f"more than {MAX_WAYS} ways in one test")


@pytest.mark.parametrize("message", ["", " ", "\n"])
def test_failure_without_a_message_has_a_symptom_too(message: str) -> None:
    assert symptom(message) == "without a message"
    assert symptom(message, 500) == "without a message (HTTP 500)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 1) + "*"),
        ("Close 1002", "Close 1002"),
    ],
)
def test_symptom_is_cut_only_where_it_is_too_long(text: str, told: str) -> None:
    assert symptom(text) == told


def test_pattern_fits_the_whole_text_in_any_case() -> None:
    assert fits("*daphne*", "Server: Daphne\n2")
    assert not fits("closed", "closed with 1002")
    assert not fits("a.c", "abc")
