"""Runs that begin in a folder of their own, against nobody."""

from __future__ import annotations

from conformance.plugin.run import Options, Run
from conformance.target.probe import endpoint_of
from conformance.target.target import Target
from conformance.verdict.result_data import TestResult

MUST, SHOULD = "handshake.accepted", "handshake.upgrade-list"
NOWHERE = "ws://127.0.0.1:1/"


def beginning(tmp_path):
    """Return a run with these options, in a folder of its own."""
    made = []

    def begun(**options):
        made.append(Run(Options(**{"folder": tmp_path, "server_url": NOWHERE} | options)))
        return made[-1]

    yield begun
    for run in made:
        run.stop()


def aim(run):
    run.target = Target(
        url=run.url,
        profile=run.profile,
        endpoint=endpoint_of(run.url, run.profile),
        recorder=run.recorder,
    )
    return run


def add(run, outcome="failed", requirement=MUST, **members):
    run.results.add(TestResult(id=outcome, requirement=requirement, outcome=outcome, **members))
    run.results.expected_tests = len(run.results.tests)
