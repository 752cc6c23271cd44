"""Applications with rules of their own, and servers that break one rule alone, judged by their URL alone.

`python -m tests.defects.tolerated_applications` runs the chapters in full against every kind.
"""

from __future__ import annotations

import pytest

from tests.defects.tolerated_applications import SHUT, differing, judged
from tests.servers.ruled import KINDS

PROTOCOL = "conformance/suite/protocol"
QUICK = [
    f"{PROTOCOL}/{one}"
    for one in (
        "test_framing.py::test_reserved_bit_fails_the_connection",
        "test_framing.py::test_unmasked_frame_fails_the_connection",
        "test_framing.py::test_length_with_its_top_bit_set_fails_the_connection",
        "test_fragmentation.py",
        "test_control_frames.py::test_unsolicited_pong_is_ignored",
        "test_control_frames.py::test_ping_between_fragments_is_answered_before_the_message_ends",
        "test_segments.py::test_close_byte_by_byte_is_read",
        "test_segments.py::test_frames_of_one_stream_cut_anywhere_are_read",
        "test_closing.py::test_empty_close_is_answered",
        "test_closing.py::test_close_inside_a_fragmented_message_is_answered",
        "test_closing.py::test_frames_behind_our_close_are_not_processed",
        "test_failing.py",
        "test_utf8.py::test_invalid_text_fails_the_connection",
        "test_utf8.py::test_character_cut_fails_the_connection",
        "test_utf8.py::test_invalid_text_cut_anywhere_fails_the_connection",
        "test_deflate_faults.py",
        "test_deflate_offers.py::test_rsv1_after_a_declined_offer_fails_the_connection",
    )
]


@pytest.mark.parametrize("kind", KINDS)
def test_application_breaks_no_rule_of_the_protocol(kind: str) -> None:
    found = judged([kind], *QUICK)
    assert found.failed() == []
    assert found.exit_code in ({0, 10} if kind in SHUT else {0}), found.printed[-3000:]


@pytest.mark.parametrize("kind", ["strict", "drops", "wants-json", "text-only"])
def test_what_is_judged_in_part_says_what_was_not(kind: str) -> None:
    found = judged([kind], *QUICK)
    passed = {name for name, how in found.requirements.items() if how == "passed"}
    assert passed >= {"framing.unmasked", "framing.reserved-bits", "utf8.invalid-text"}
    for name in passed & {"framing.continuation-first"}:
        assert kind in {"wants-json", "text-only"} or "could not be judged" in found.reasons[name]


def test_application_that_ends_a_drawn_conversation_for_its_words_breaks_no_rule() -> None:
    found = judged(["reads-stream"], f"{PROTOCOL}/test_fuzz.py")
    assert "failed" not in found.requirements.values(), found.failed()
    assert found.requirements["framing.any-conversation"] == "passed"


@pytest.mark.parametrize("base", ["echo", "ignores"])
def test_server_that_speaks_on_its_own_gets_the_same_outcomes(base: str) -> None:
    quiet = judged([base], *QUICK)
    for talk in ("greets-text", "greets-binary", "pushes-5"):
        talking = judged([base, talk], *QUICK)
        assert differing(quiet, talking) == [], talk


# One fault, one difference.


def outcomes(word: str, *files: str) -> dict[str, str]:
    found = judged([word], *(f"{PROTOCOL}/{one}" for one in files), server="raw")
    return dict(found.requirements)


def test_server_that_never_looks_at_upgrade_is_charged_with_that() -> None:
    found = outcomes("blind-upgrade", "test_handshake_bytes.py", "test_handshake_refused.py")
    assert found["handshake.upgrade-required"] == "failed"
    assert found["handshake.line-ends"] == found["handshake.folded-line"] == "not-applicable"


def test_server_that_never_looks_at_the_version_is_charged_with_that() -> None:
    found = outcomes("blind-version", "test_handshake_bytes.py", "test_handshake_refused.py")
    assert found["handshake.version-required"] == found["handshake.version-unsupported"] == "failed"
    assert found["handshake.version-malformed"] == found["handshake.version-once"] == "not-applicable"
    assert found["handshake.underscore-names"] == "passed", "the key is still asked for by its name"


def test_server_that_never_looks_at_host_is_charged_with_that() -> None:
    found = outcomes("blind-host", "test_handshake_refused.py")
    assert (found["handshake.host"], found["handshake.host-malformed"]) == ("failed", "not-applicable")


def test_server_that_never_looks_at_the_key_is_charged_with_that() -> None:
    found = outcomes("blind-key", "test_handshake_bytes.py", "test_handshake_refused.py")
    assert found["handshake.key-required"] == "failed"
    assert found["handshake.key-malformed"] == found["handshake.key-once"] == "not-applicable"


def test_version_that_the_server_lists_may_be_accepted() -> None:
    found = outcomes("version-0", "test_handshake_refused.py")
    assert found["handshake.version-required"] == "not-applicable"
    assert found["handshake.version-unsupported"] == found["handshake.version-malformed"] == "passed"


@pytest.mark.long
def test_connection_that_is_failed_by_1000_is_failed() -> None:
    found = outcomes("fails-1000", "test_closing.py", "test_control_frames.py", "test_framing.py")
    assert [name for name, how in found.items() if how == "failed"] == []
    assert found["closing.failure-code"] == "advised"
    assert found["closing.invalid-code"] == found["closing.one-byte"] == "passed"


def test_second_response_is_no_frame() -> None:
    found = outcomes("second-response", "test_handshake_early.py")
    assert found["handshake.pipelined-request"] in {"failed", "advised"}
    assert [name for name, how in found.items() if name.startswith("framing.") and how == "failed"] == []


def test_server_that_says_nothing_to_what_it_refuses_is_judged() -> None:
    faults = (
        "test_handshake_refusals.py::test_refusal_repeats_no_header_and_shows_no_traceback",
        "test_handshake_bytes.py::test_folded_header_field_is_observed",
    )
    found = judged(
        ["mute-refusals"], "--time-scale=0.2", *(f"{PROTOCOL}/{one}" for one in faults), server="raw"
    )
    assert found.requirements["handshake.refusal-discreet"] == "not-applicable"
    assert found.requirements["handshake.folded-header"] == "observed"


def test_size_of_a_request_is_not_the_number_of_its_extensions() -> None:
    found = outcomes("small-heads", "test_handshake_offers.py", "test_handshake_size.py")
    assert found["handshake.extension-unknown"] == "passed"
    assert found["handshake.many-headers"] == "inconclusive"


@pytest.mark.long
def test_limit_on_pings_is_nobodys_harm() -> None:
    found = outcomes("counts-pings", "test_segments.py", "test_utf8.py", "../robustness/test_flood.py")
    assert found["robustness.others-unharmed"] == found["robustness.flood"] == "passed"
