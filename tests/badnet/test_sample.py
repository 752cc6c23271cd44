"""A bad network changes no verdict: some files over two of them; ``python -m tests.badnet`` for all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.badnet.__main__ import differences, judged
from tests.badnet.standing import toml
from tests.interop.running import outcomes
from tests.interop.stacks import ROOT

SUITE = ROOT / "conformance" / "suite"
FILES = ["protocol/test_control_frames.py", "protocol/test_binary.py", "session/test_heartbeat.py"]
PROFILE = ROOT / "reference_server" / "conformance.toml"


@pytest.mark.parametrize("name", ["mobile", "pieces"])
def test_verdicts_are_those_of_the_direct_run(tmp_path: Path, name: str) -> None:
    words = [str(SUITE / one) for one in FILES]
    direct, over = (judged(one, PROFILE, tmp_path, words, workers=1) for one in ("direct", name))
    assert list(differences(direct, over)) == []
    assert list(outcomes(over).values()).count("passed") > 20
    assert over["run"]["round_trip_ms"] > direct["run"]["round_trip_ms"]


def test_difference_is_found() -> None:
    test = {"id": "t", "outcome": "passed", "message": "", "actual": ""}
    one = {"tests": [test], "requirements": []}
    hung = {"outcome": "failed", "message": "it\nhung", "actual": "nothing"}
    other = {"tests": [test | hung], "requirements": []}
    assert list(differences(one, other)) == [("t", "passed", "failed", "it hung (nothing)")]
    assert list(differences(one, one)) == []


def test_toml_is_read_back() -> None:
    data = tomllib.loads(PROFILE.read_text("utf-8"))
    assert tomllib.loads("\n".join(toml(data))) == data
