"""What is tolerated is a way of breaking a rule, not the rule: on real servers, by family and by baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conformance.report.gate_lines import tolerance_lines
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.symptom import Symptom
from tests.conftest import Suite

Server = Callable[..., int]
REFUSED = "conformance/suite/protocol/test_handshake_refused.py"
FRAMING = "conformance/suite/protocol/test_framing.py"
KNOWN_OF_AIOHTTP = ("method:HEAD",)


def lines(output: str, start: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip().startswith(start)]


def test_failure_names_what_of_it_is_tolerated_by_whom_and_what_is_new() -> None:
    entries = [
        KnownFailure("x", "y", symptom=("a/one: nothing",), where="baseline.toml"),
        KnownFailure("x", "y", symptom=("a/t*: nothing",), family="A stack"),
    ]
    seen = [Symptom(f"a/{name}", "nothing", "it broke") for name in ("one", "two", "three", "four", "five")]
    assert tolerance_lines(entries, seen) == [
        "  tolerated: a/one: nothing (baseline.toml)",
        "             a/two: nothing (A stack)",
        "             a/three: nothing (A stack)",
        "  new:       a/four: nothing",
        "             a/five: nothing",
    ]
    many = [Symptom(f"b/{number}", "nothing", "it broke") for number in range(9)]
    assert tolerance_lines(entries, many)[-1].split() == ["4", "more"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_family_tolerates_its_known_cases_and_no_further_one(
    suite: Suite, server: Server, tmp_path: Path, workers: Sequence[str]
) -> None:
    arguments = ("--family=aiohttp", REFUSED, "-k", "other_methods", *workers)
    known = suite(f"--server-url=ws://127.0.0.1:{server('lenient', *KNOWN_OF_AIOHTTP)}/", *arguments)
    assert known.returncode == 0, known.stdout
    further = suite(
        f"--server-url=ws://127.0.0.1:{server('lenient', *KNOWN_OF_AIOHTTP, 'method:POST')}/", *arguments
    )
    assert further.returncode == 1, further.stdout
    case = "other_methods_are_not_upgraded[POST]: HTTP 101"
    assert lines(further.stdout, "FAILED: handshake.method") == [
        f"FAILED: handshake.method (MUST NOT): {case!r}; 1 more known of aiohttp"
    ]
    assert f"new:       {case}" in further.stdout
    document = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    (rule,) = [one for one in document["requirements"] if one["id"] == "handshake.method"]
    assert (rule["untolerated"], len(rule["symptoms"])) == ([case], 2)


def test_baseline_tolerates_its_known_cases_and_no_further_one(
    suite: Suite, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "baseline.toml"
    arguments = (f"--baseline={file}", FRAMING, "-k", "unmasked", "--time-scale=0.3")
    one, two = (
        f"--server-url=ws://127.0.0.1:{server('lenient', *taken)}/"
        for taken in (("unmasked:9",), ("unmasked:9", "unmasked:2"))
    )
    assert suite(one, *arguments, "--update-baseline").returncode == 0
    assert 'symptom = "unmasked_frame_fails_the_connection[ping]: ' in file.read_text()
    assert suite(one, *arguments).returncode == 0
    further = suite(two, *arguments)
    assert further.returncode == 12, further.stdout
    (line,) = lines(further.stdout, "failing differently: framing.unmasked")
    assert "now 'unmasked_binary_frame_fails_the_connection: nothing', not " in line


def test_entry_without_a_symptom_is_told_what_to_write_and_then_tolerates(
    suite: Suite, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "baseline.toml"
    arguments = (
        f"--server-url=ws://127.0.0.1:{server('lenient', *KNOWN_OF_AIOHTTP)}/",
        f"--baseline={file}", REFUSED, "-k", "other_methods",
    )  # fmt: skip
    entry = (
        'requirements_version = "1.0"\n[[known_failure]]\n'
        'requirement = "handshake.method"\nreason = "it is aiohttp"\n'
    )
    file.write_text(entry)
    asked = suite(*arguments)
    assert asked.returncode == 12, asked.stdout
    (line,) = lines(asked.stdout, "without a symptom: handshake.method: add ")
    file.write_text(entry + line.partition(": add ")[2].rpartition("; ")[0])
    done = suite(*arguments)
    assert done.returncode == 0, done.stdout
    file.write_text(f'{entry}symptom = "*"\n')
    assert suite(*arguments).returncode == 0
