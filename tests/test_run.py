"""One run: what it takes from the user, when it writes a baseline, how a test is repeated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.client.peer import Limits
from conformance.core.errors import UsageProblem
from conformance.fuzz.search import Plan
from conformance.plugin.run import MAX_PRINTED, reference_profile
from conformance.target.launch import Adopted
from conformance.target.liveness import Sign
from conformance.verdict.baseline import load
from tests.run_harness import MUST, NOWHERE, SHOULD, add, aim, beginning

begin = pytest.fixture(beginning)


# What the user says.


def test_profile_in_the_folder_is_taken_unless_another_is_named(begin, tmp_path):
    (tmp_path / "conformance.toml").write_text('[target]\nurl = "ws://127.0.0.1:2/here"\n')
    other = tmp_path / "other.toml"
    other.write_text('[target]\nurl = "ws://127.0.0.1:3/other"\n')
    assert str(begin(server_url=None).url) == "ws://127.0.0.1:2/here"
    assert str(begin(server_url=None, profile=other).url) == "ws://127.0.0.1:3/other"
    assert str(begin().url) == NOWHERE


def test_without_url_and_profile_it_is_the_reference_server(begin):
    assert begin(server_url=None).profile.path == reference_profile()
    assert begin().profile.path is None


def test_every_node_that_is_named_is_one(begin):
    nodes = ("ws://127.0.0.1:2", "ws://127.0.0.1:3")
    assert begin(nodes=nodes).profile.nodes == nodes
    assert begin(nodes=nodes, profile=reference_profile()).profile.nodes == nodes
    assert begin(profile=reference_profile()).profile.nodes == ()
    with pytest.raises(UsageProblem):
        begin(nodes=("ftp://127.0.0.1:2",))


@pytest.mark.parametrize(
    ("profile", "options", "where"),
    [
        ('[target]\nfamily = ["dafne"]\n', {}, r"profile .*conformance\.toml: target\.family"),
        ("", {"families": ("dafne",)}, r"^--family"),
        ("", {"families": ("daphne", "nginks")}, r"^--family: .* 'nginks'"),
    ],
    ids=["profile", "option", "second"],
)
def test_family_that_nobody_knows_is_told_by_where_it_was_named(begin, tmp_path, profile, options, where):
    (tmp_path / "conformance.toml").write_text(profile)
    with pytest.raises(UsageProblem, match=where):
        begin(**options)


def test_server_that_is_named_is_not_started(begin):
    assert begin(server_url=None, profile=reference_profile()).profile.start
    assert not begin(profile=reference_profile()).profile.start


def test_profile_that_says_of_no_server_is_a_mistake(begin, tmp_path):
    (tmp_path / "conformance.toml").write_text("")
    with pytest.raises(UsageProblem, match=r"neither --server-url nor target\.url says where the server is"):
        begin(server_url=None)


def test_certificates_are_verified_unless_somebody_says_not(begin):
    assert not begin().profile.insecure
    assert begin(insecure=True).profile.insecure
    assert begin(ca_file=Path("ca.pem")).profile.ca_file == Path("ca.pem")


# How a test is repeated.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--server-url=ws://127.0.0.1:1/ 'x.py::t[a]'"),
        (
            {"nodes": ("ws://127.0.0.1:2",)},
            "--server-url=ws://127.0.0.1:1/ --server-url=ws://127.0.0.1:2 'x.py::t[a]'",
        ),
        ({"repeat": 2}, "--server-url=ws://127.0.0.1:1/ --repeat=2 'x.py::t[a]'"),
        ({"repeat": 3}, "--server-url=ws://127.0.0.1:1/ --repeat=3 'x.py::t[a]'"),
        ({"server_url": None}, "'x.py::t[a]'"),
    ],
)
def test_command_repeats_one_test(begin, options, words):
    assert begin(**options).repeat("x.py::t[a]").endswith(f"pytest {words}")


def test_command_names_the_profile_and_what_was_drawn(begin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    run = begin(profile=tmp_path / "mine.toml", plan=Plan(examples=7, seed=42))
    words = run.repeat("x.py::t").split()
    assert words[-1] == "x.py::t"
    assert words[words.index("--profile=mine.toml") + 1 : -1] == run.options.plan.options


# When a baseline is written: only from what judged something to its end.


@pytest.fixture
def updating(begin, tmp_path):
    run = begin(baseline=tmp_path / "baseline.toml", update_baseline=True)
    add(run, message="broke")
    return run


def test_baseline_is_written_from_a_run_that_judged(updating, tmp_path):
    add(updating, "advised", SHOULD)
    updating.update_baseline()
    assert [one.requirement for one in load(tmp_path / "baseline.toml").entries] == [MUST]
    assert updating.results.verdict().exit_code == 0
    assert updating.changes.added == 1


def test_strict_run_writes_what_should_be_too(begin, tmp_path):
    run = begin(baseline=tmp_path / "baseline.toml", update_baseline=True, strict=True)
    add(run, "failed", SHOULD)
    run.update_baseline()
    assert [one.requirement for one in load(tmp_path / "baseline.toml").entries] == [SHOULD]


@pytest.mark.parametrize("change", ["not asked for", "interrupted", "in trouble", "nothing judged"])
def test_baseline_is_left_alone_otherwise(updating, tmp_path, change):
    if change == "not asked for":
        updating.options.update_baseline = False
    if change == "interrupted":
        updating.complete = False
    if change == "in trouble":
        updating.results.trouble = "the target died."
    if change == "nothing judged":
        updating.results.tests.clear()
        add(updating, "not-applicable")
        add(updating, "inconclusive")
    updating.update_baseline()
    assert (updating.changes, (tmp_path / "baseline.toml").exists()) == (None, False)


def test_baseline_that_is_not_there_is_a_mistake_unless_it_will_be_written(begin, tmp_path):
    with pytest.raises(UsageProblem, match="no such file"):
        begin(baseline=tmp_path / "baseline.toml")


def test_part_of_the_suite_prunes_nothing(begin, tmp_path):
    path = tmp_path / "baseline.toml"
    run = begin(baseline=path, update_baseline=True)
    add(run, message="broke")
    run.update_baseline()
    for partial in (True, False):
        run = begin(baseline=path, update_baseline=True)
        add(run, "passed")
        run.results.partial = partial
        run.update_baseline()
        assert [one.requirement for one in load(path).entries] == [MUST] * partial


@pytest.mark.parametrize("expect", [True, False])
def test_what_need_not_apply_is_gated_where_that_is_asked_for(begin, expect):
    assert begin(expect_applicable=expect).results.gate.absent == ({} if expect else None)


def test_run_without_a_target_is_dead_and_so_is_one_where_nobody_listens(begin):
    assert str(begin().why_dead()) == "there is no target"
    run = aim(begin())
    run.target.limits = Limits(handshake=0.01)
    assert run.why_dead().sign is Sign.NO_CONNECTION


# What the server printed.


@pytest.fixture
def printing(begin, tmp_path):
    """Return a run whose server, this very process, prints into a file."""
    run = aim(begin())
    run.target.instance = Adopted(os.getpid(), tmp_path / "output", run.url, "a server")
    return run


@pytest.mark.parametrize("more", [0, 1, MAX_PRINTED, 3 * MAX_PRINTED])
@pytest.mark.parametrize("start", [0, 7])
def test_end_of_what_was_printed_since_is_shown(printing, tmp_path, start, more):
    output = b"before;" + b"x" * MAX_PRINTED + b"y" * more
    (tmp_path / "output").write_bytes(output)
    since = output[start:].decode()
    shown = since if len(since) <= MAX_PRINTED else f"… {since[-MAX_PRINTED:]}"
    assert printing.printed_since(start) == shown
    assert printing.printed_size() == len(output)


def test_no_secret_is_printed_not_even_where_it_is_cut(printing, tmp_path):
    printing.recorder.hide("s3cret" * 20)
    for room in range(MAX_PRINTED - 130, MAX_PRINTED + 10):
        (tmp_path / "output").write_text("a" * 99 + "s3cret" * 20 + "z" * room)
        assert "s3cret" not in printing.printed_since(0)


def test_octets_that_are_no_text_are_shown_all_the_same(printing, tmp_path):
    (tmp_path / "output").write_bytes(b"a\xffb")
    assert printing.printed_since(0) == "a\ufffdb"


def test_server_that_is_not_ours_has_printed_nothing(begin, printing):
    assert (printing.printed_size(), printing.printed_since(0)) == (0, "")  # there is no such file yet
    assert (aim(begin()).printed_size(), aim(begin()).printed_since(0)) == (0, "")
    assert (begin().printed_size(), begin().printed_since(0)) == (0, "")
