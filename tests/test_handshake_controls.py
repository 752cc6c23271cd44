"""A refusal proves nothing where everything is refused: each negative handshake has its control."""

from __future__ import annotations

from conformance.spec import requirements
from tests.defects import matrix, tolerated


def test_nothing_is_proven_by_a_server_that_refuses_every_handshake() -> None:
    profile = (matrix.ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    outcome = matrix.run_with(
        profile,
        tolerated.HANDSHAKES,
        replacing={'"-m", "reference_server"': '"-m", "tests.defects.shut_door"'},
        time_scale=0.2,
    )
    passed = outcome.by_requirement("passed")
    assert not passed, passed
    failed = outcome.by_requirement("failed")
    # What must be accepted fails; what must be refused is not thereby proven.
    assert "handshake.accepted" in failed
    negative = [one for one in outcome.by_requirement("inconclusive") if requirements()[one].level != "MAY"]
    assert {"handshake.key-required", "handshake.host", "handshake.h2c", "handshake.line-ends"} <= {*negative}
