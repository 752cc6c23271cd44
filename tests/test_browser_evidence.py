"""What a browser saw goes into the report of a test that failed, without any secret."""

from __future__ import annotations

import base64

import pytest

from conformance.browser.chromium import find_browser
from tests.defects import matrix
from tests.defects.registry import defects

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def outcome():
    return matrix.judged(defects()["reads-no-query-of-browsers"])


def test_failure_shows_what_the_browser_saw(outcome):
    (test,) = [one for one in outcome.report["tests"] if one["outcome"] == "failed"]
    seen = test["browser"]
    assert base64.b64decode(seen["screenshot"]).startswith(b"\x89PNG")
    assert any("socket 1 opens ws://" in one for one in seen["frames"])
    assert any("received" in one and "connection_confirmed" in one for one in seen["frames"])
    assert seen["errors"] == []


def test_token_of_the_socket_is_not_shown(outcome):
    (test,) = [one for one in outcome.report["tests"] if one["outcome"] == "failed"]
    assert any("token=[secret]" in one for one in test["browser"]["frames"])
