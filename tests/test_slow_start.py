"""A server that is slow to start is slow to find its port occupied: that is no breach."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import ROOT, Suite
from tests.test_targets import outcomes

OCCUPIED = "conformance/suite/port_conflict/test_occupied.py"
# In tenths of the usual bounds: one second to give up.
HASTY = "--time-scale=0.1"


def test_second_instance_may_take_as_long_as_a_start(suite: Suite, tmp_path: Path) -> None:
    text = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    slow = '"{python}", "tests/servers/slow_start.py", "4"'
    text = text.replace('"{python}", "-m", "reference_server"', slow).replace(
        'cwd = ".."', f"cwd = {json.dumps(str(ROOT))}"
    )
    assert slow in text
    profile = tmp_path / "slow.toml"
    profile.write_text(text.replace("[target]", "[target]\nready_timeout = 300"), "utf-8")
    done = suite(f"--profile={profile}", OCCUPIED, HASTY, timeout=300)
    found = {name: one for name, one in outcomes(tmp_path).items() if name.startswith("port.second-instance")}
    assert found["port.second-instance-exits"] == "passed", done.stdout[-3000:]
