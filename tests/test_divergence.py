"""A fault that raw clients meet as well is no divergence: the browser chapter says which side it is."""

from __future__ import annotations

import json

import pytest

from conformance.browser.finding import found
from tests.defects import matrix

pytestmark = pytest.mark.skipif(found("chromium") is None, reason="no Chromium is installed")
BROWSER = "browser"
# Each vice, and the test that sees it.
VICES = {
    "believes-every-page-of-a-browser": "test_opening.py::test_page_of_a_foreign_origin_is_refused",
    "leads-lost-browsers-to-the-anonymous-channel": "test_opening.py::test_refused_handshake_is_seen_as_1006",
    "keeps-what-browsers-say-in-three-bytes-a-character": (
        "test_messages.py::test_heartbeats_of_a_script_are_given_back"
    ),
    "takes-whatever-a-browser-sends-for-a-heartbeat": (
        "test_messages.py::test_binary_message_of_a_script_is_refused"
    ),
    "lets-one-answer-of-a-hundred-overtake": (
        "test_messages.py::test_200_heartbeats_are_answered_in_their_order"
    ),
    "tells-browsers-that-all-is-well-when-it-sends-them-away": (
        "test_closing.py::test_script_sees_the_end_of_its_token_as_4401"
    ),
    "selects-no-subprotocol-for-browsers": "test_carriers.py::test_token_as_subprotocol_opens_with_bearer",
    "reads-no-cookies-of-browsers": "test_carriers.py::test_cookie_of_the_server_is_confirmed_as_its_user",
}


def results(whom: str) -> dict[str, tuple[str, str, str]]:
    profile = (matrix.ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    replacing = {
        '"-m", "reference_server"': f'"-m", "tests.servers.wrong_to", "{whom}", {json.dumps(",".join(VICES))}'
    }
    outcome = matrix.run_with(
        profile, [f"{BROWSER}/{one}" for one in VICES.values()], replacing=replacing, time_scale=1.0
    )
    assert outcome.report, outcome.printed
    return {
        one["id"].split("/")[-1]: (one["outcome"], one["message"], one["actual"])
        for one in outcome.report["tests"]
    }


def test_what_browsers_alone_meet_is_charged_to_the_server() -> None:
    for test, (outcome, message, actual) in results("browsers").items():
        assert outcome in {"failed", "advised"}, (test, message)
        assert "script saw" in actual or "open (protocol" in actual, (test, actual)


def test_what_raw_clients_meet_as_well_is_left_to_their_chapter() -> None:
    for test, (outcome, message, _) in results("everybody").items():
        assert outcome in {"inconclusive", "not-applicable"}, (test, outcome, message)
        assert "raw" in message or "a connection that this test needs" in message, (test, message)
        print(test, message)
