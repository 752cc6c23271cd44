"""The recorder: what a test leaves behind, and that no secret leaves with it."""

from __future__ import annotations

import pytest

from conformance.client.recorder import MAX_TRANSCRIPTS, Recorder
from conformance.wire.invariants import Breach
from conformance.wire.transcript import Transcript


def test_first_message_of_a_breach_is_kept():
    recorder = Recorder()
    recorder.charge("a.b", kept=False, message="first")
    recorder.charge("a.b", kept=False, message="second")
    (charge,) = recorder.record.charges.values()
    assert (charge.requirement, charge.kept, charge.message) == ("a.b", False, "first")


def test_kept_and_broken_are_both_remembered():
    recorder = Recorder()
    recorder.charge("a.b", kept=True)
    recorder.charge("a.b", kept=False, message="once")
    assert set(recorder.record.charges) == {("a.b", True), ("a.b", False)}


def test_breach_is_a_charge():
    recorder = Recorder()
    recorder.breach(Breach("a.b", "seen"))
    assert recorder.broken("a.b") == "seen"


def test_what_was_not_broken_is_empty():
    recorder = Recorder()
    recorder.charge("a.b", kept=True, message="fine")
    assert recorder.broken("a.b") == ""
    assert recorder.broken("c.d") == ""


def test_next_test_begins_with_nothing():
    recorder = Recorder()
    recorder.breach(Breach("a.b", "seen"))
    recorder.note("n")
    recorder.observe("o")
    recorder.transcript(Transcript("t"))
    recorder.begin()
    record = recorder.record
    assert (record.charges, record.notes, record.observed, record.transcripts) == ({}, [], [], [])


def test_last_transcripts_are_shown():
    recorder = Recorder()
    for number in range(MAX_TRANSCRIPTS + 2):
        recorder.transcript(Transcript(str(number)))
    assert [one["label"] for one in recorder.transcripts_as_data()] == ["2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize(
    ("secrets", "text", "cleaned"),
    [
        (["t0ken"], "a t0ken, t0ken", "a [secret], [secret]"),
        (["a+b/c"], "?token=a%2Bb%2Fc", "?token=[secret]"),
        (["abcd", "abcd-ef"], "abcd-ef abcd", "[secret] [secret]"),
        (["", "x1"], "nothing here", "nothing here"),
        ([], "t0ken", "t0ken"),
    ],
)
def test_text_leaves_without_secrets(secrets, text, cleaned):
    assert Recorder(secrets).clean(text) == cleaned


def test_secret_that_is_learnt_later_is_hidden_too():
    recorder = Recorder(["abcd"])
    recorder.hide("abcd-ef")
    assert recorder.clean("abcd-ef abcd") == "[secret] [secret]"


def test_transcripts_leave_without_secrets():
    recorder = Recorder(["t0ken"])
    recorder.transcript(Transcript("GET /?token=t0ken"))
    assert recorder.transcripts_as_data()[0]["label"] == "GET /?token=[secret]"
