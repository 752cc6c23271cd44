"""A query in the URL goes with every handshake, and into no artefact."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT, Suite

CANARY = "cAn4ry+of/the query"
ENCODED = "cAn4ry%2Bof%2Fthe%20query"
FORMS = (CANARY, ENCODED, ENCODED.lower(), "cAn4ry+of/the%20query", "cAn4ry%2Bof%2Fthe+query", "cAn4ry")
FILES = ("test_handshake_accepted.py", "test_control_frames.py", "test_handshake_refused.py")


def leaks(text: str) -> list[str]:
    return [one for one in FORMS if one in text]


def test_query_is_in_no_artefact_and_short_values_spoil_none(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    url = f"ws://127.0.0.1:{server('wrong', 'masked')}/socket?EIO=4&transport=websocket&key={ENCODED}"
    files = [f"conformance/suite/protocol/{one}" for one in FILES]
    ran = suite(f"--server-url={url}", "--time-scale=0.4", *files)
    assert ran.returncode == 1, ran.stdout[-2000:]
    made = [one for one in (tmp_path / "reports").rglob("*") if one.is_file()]
    assert any(one.suffix == ".py" for one in made)
    assert {one.name: leaks(one.read_text("utf-8", "replace")) for one in made} == {
        one.name: [] for one in made
    }
    assert leaks(ran.stdout + ran.stderr) == []
    report = (tmp_path / "reports" / "conformance.json").read_text("utf-8")
    assert "websocket" in report
    assert "HTTP/1.1 101" in report
    assert "/socket?EIO=[secret]&transport=[secret]&key=[secret]" in report, "it was sent"
    assert "EIO=4" not in report


def test_doctor_masks_it_too(server: Callable[..., int]) -> None:
    url = f"ws://127.0.0.1:{server('wrong', 'no-pong')}/socket?EIO=4&key={ENCODED}"
    for form in ((), ("--json",)):
        done = subprocess.run(
            [sys.executable, "-m", "conformance", "doctor", url, *form, "--timeout=1"],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert leaks(done.stdout + done.stderr) == []
        assert "Traceback" not in done.stderr
