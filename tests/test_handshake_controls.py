"""A refusal proves nothing where everything is refused: each negative handshake has its control."""

from __future__ import annotations

from tests.defects import matrix

# `Target.refuses` brings its control along, so one test of each kind of it is enough; the other files use
# what is under it, each in its own way.
FILES = (
    *(f"protocol/test_handshake_{one}.py" for one in ("bodies", "early", "offers", "refusals", "size")),
    "protocol/test_deflate_offers.py",
    *(
        f"protocol/test_handshake_{one}"
        for one in (
            "accepted.py::test_legal_handshake_is_accepted",
            "bytes.py::test_upgrade_to_h2c_is_not_taken",
            "bytes.py::test_no_other_byte_ends_a_header_line",
            "bytes.py::test_target_with_raw_bytes_is_refused",
            "refused.py::test_handshake_without_host_is_refused",
            "refused.py::test_handshake_without_key_is_refused",
            "refused.py::test_refused_version_is_answered_with_those_that_work",
            "refused.py::test_versions_that_are_offered_work",
        )
    ),
)


def test_nothing_is_proven_by_a_server_that_refuses_every_handshake() -> None:
    profile = (matrix.ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    outcome = matrix.run_with(
        profile,
        FILES,
        replacing={'"-m", "reference_server"': '"-m", "tests.defects.shut_door"'},
        time_scale=0.2,
    )
    passed = outcome.by_requirement("passed")
    assert not passed, passed
    # What must be refused is not thereby proven; a target that refuses what the probe saw accepted is gone.
    assert outcome.exit_code == 10, outcome.printed[-6000:]
    assert "it refuses the opening handshake that it accepted at the start" in outcome.printed
    judged = {**outcome.by_requirement("failed", "advised")}
    assert not judged, judged
