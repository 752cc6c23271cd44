"""A server that answers wrongly from the first byte on is judged for just that: exit 1, and the cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Suite

FILES = ("test_handshake_accepted.py", "test_control_frames.py")


@pytest.mark.parametrize(
    ("vice", "broken"),
    [
        ("wrong-accept", {"handshake.accept-value"}),
        ("line-feeds", {"handshake.response-headers"}),
        ("two-blanks", {"handshake.accepted"}),
        ("no-version", {"handshake.accepted"}),
        ("no-last-line", {"handshake.accepted"}),
        ("another-protocol", {"handshake.accepted", "handshake.response-headers"}),
        ("body", {"handshake.response-headers", "framing.ping-pong"}),
        ("ping-for-ping", {"framing.ping-pong"}),
        ("no-pong", {"framing.ping-pong"}),
        ("another-payload", {"framing.ping-pong"}),
        ("masked", {"framing.server-unmasked"}),
        ("still-masked", {"framing.ping-pong"}),
        ("close-for-ping", {"framing.ping-pong", "closing.nothing-after-close"}),
    ],
)
def test_what_is_wrong_is_what_fails(
    server: Callable[..., int], suite: Suite, tmp_path: Path, vice: str, broken: set[str]
) -> None:
    files = [f"conformance/suite/protocol/{one}" for one in FILES]
    ran = suite(f"--server-url=ws://127.0.0.1:{server('wrong', vice)}", "--time-scale=0.4", *files)
    report = json.loads((tmp_path / "reports" / "conformance.json").read_text("utf-8"))
    failed = {one["id"] for one in report["requirements"] if one["outcome"] == "failed"}
    assert ran.returncode == 1, ran.stdout[-3000:]
    assert failed >= broken
    if fault := report["target"].get("fault"):
        # Where a body stands before the frames, its bytes are read as frames, as every client reads them.
        assert failed == broken or vice == "body"
        unsure = [one for one in report["requirements"] if one["outcome"] == "inconclusive"]
        assert unsure
        assert all(fault in one["reason"] for one in unsure)
        assert fault in report["verdict"]["reason"]
