"""A run whose server is nowhere, for tests of what becomes of results."""

from __future__ import annotations

import pytest

from conformance.plugin.run import Options, Run
from conformance.target.probe import endpoint_of
from conformance.target.target import Target


@pytest.fixture
def run(tmp_path):
    """Return a run against nothing, which knows a secret and has begun a test."""
    made = Run(Options(server_url="ws://127.0.0.1:1", folder=tmp_path, report_dir=tmp_path / "reports"))
    made.target = Target(
        url=made.url,
        profile=made.profile,
        endpoint=endpoint_of(made.url, made.profile),
        recorder=made.recorder,
    )
    made.recorder.hide("t0ken")
    made.recorder.begin()
    yield made
    made.stop()
