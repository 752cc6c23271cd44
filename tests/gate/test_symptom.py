"""A symptom is the same in every run of the same fault, and differs where the fault does."""

from __future__ import annotations

import pytest

from conformance.gate.symptom import LONGEST, fits, symptom, unpinned


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
        ("a story\n1. connect\n2. send", "a story\n1. send"),
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
    refused = symptom("not accepted", "HTTP/1.1 426 Upgrade Required")
    assert refused == "not accepted (HTTP 426)"
    assert refused != symptom("not accepted", "HTTP/1.1 500 Internal Server Error")


def test_long_message_is_a_pattern_of_its_beginning() -> None:
    cut = symptom("x " * 500)
    assert len(cut) == LONGEST
    assert fits(cut, symptom("x " * 500))


def test_only_the_asterisk_is_special() -> None:
    assert fits("a [b] * c?", "a [b] anything c?")
    assert not fits("a [b] * c?", "a b anything cc")


def test_unpinned_are_those_that_no_pattern_knows() -> None:
    assert unpinned(["closed with *"], ["closed with 1002", "silence", "silence"]) == ["silence"]


@pytest.mark.parametrize("message", ["", " ", "\nonly a story"])
def test_failure_without_a_message_has_a_symptom_too(message: str) -> None:
    assert symptom(message) == "without a message"
    assert symptom(message, "HTTP/1.1 500 Oops") == "without a message (HTTP 500)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x" * LONGEST, "x" * LONGEST),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 1) + "*"),
        ("Close 1002", "Close 1002"),
        ("HTTP 426 came", "HTTP 426 came"),
    ],
)
def test_symptom_is_cut_only_where_it_is_too_long(text: str, told: str) -> None:
    assert symptom(text, "HTTP/1.1 426 Upgrade Required" if "426" in text else "") == told


def test_pattern_fits_the_whole_text_in_any_case() -> None:
    assert fits("*daphne*", "Server: Daphne\n2")
    assert not fits("closed", "closed with 1002")
    assert not fits("a.c", "abc")
