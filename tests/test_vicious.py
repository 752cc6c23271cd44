"""Servers that hold to nothing, from the first byte or from some moment on: the suite ends, and says why.

The quick ones of `python -m tests.vicious`, on two files of the suite. Two runs are made at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.vicious.cases import CASES, Case
from tests.vicious.complaints import complaints
from tests.vicious.judging import Outcome, run, suites

FILES = ("auth/test_carriers.py", "protocol/test_fragmentation.py")
# What judges a server that answers wrongly from the first byte on.
WRONG = ("protocol/test_control_frames.py", "protocol/test_handshake_accepted.py")
SCALE = 0.2
BOUND = 180.0  # seconds, on a machine that has much else to do
QUICK = [replace(one, when=one.when.replace("60", "30")) for one in CASES if one.quick]


@pytest.fixture(scope="module")
def begun(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Outcome]]]:
    """Begin every run that is selected at once, two at a time."""
    folder = tmp_path_factory.mktemp("vicious")
    chosen = [one.callspec.params.get("case") for one in request.session.items if hasattr(one, "callspec")]
    with ThreadPoolExecutor(2) as pool:
        yield {
            case.name: pool.submit(
                run,
                folder / case.name,
                case.vice,
                case.when,
                *suites((*FILES, *WRONG) if case.when == "first" and case.exit_code == 1 else FILES),
                scale=SCALE,
                bound=BOUND,
            )
            for case in chosen
            if isinstance(case, Case)
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in QUICK])
def test_suite_ends_in_time_with_the_cause(case: Case, begun: dict[str, Future[Outcome]]) -> None:
    outcome = begun[case.name].result()
    wrong = complaints(case, outcome, bound=BOUND)
    assert not wrong, "\n".join([*wrong, "", outcome.printed[-3000:]])


def test_switch_in_front_of_the_reference_server_changes_nothing(tmp_path) -> None:
    outcome = run(tmp_path, "none", "first", *suites(FILES), scale=1.0, bound=BOUND)
    assert outcome.exit_code == 0, outcome.printed[-3000:]


def test_nothing_passes_for_want_of_an_answer(tmp_path) -> None:
    """The server is silent to each test, and alive whenever the suite asks whether it is still there."""
    chosen = ("auth/test_no_token.py", "auth/test_foreign_channel.py", "port_conflict/test_identity.py")
    outcome = run(tmp_path, "is-silent", "tests", *suites(chosen), scale=0.02, bound=BOUND)
    case = Case("is-silent", "tests", outcome.exit_code or 0, "")
    wrong = complaints(case, outcome, bound=BOUND)
    assert outcome.exit_code in {1, 10}
    assert not wrong, "\n".join([*wrong, "", outcome.printed[-3000:]])
