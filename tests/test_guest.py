"""The suite in other people's projects: nobody who has it installed notices, and nobody's options clash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.plugin.entry import OPTIONS, PREFIX, takes_value, unabridged
from conformance.spec import VERSION
from tests.conftest import ROOT
from tests.wheel import plugin, pytest_in, unpacked

PINGS = "conformance.suite.protocol.test_control_frames"
LOADED = {"conformance", "conformance.plugin", "conformance.plugin.entry"}
SHORT = {name: f"--{name}" for name in OPTIONS}
# As a foreign plugin takes an option: the name alone, so that pytest chooses the attribute by it.
OWN = "".join(f"    parser.addoption({option!r}, action='store_true')\n" for option in SHORT.values())
TAKES = f"def pytest_addoption(parser):\n{OWN}"
MINE = """
import asyncio, json, logging, os, signal, sys, warnings
def test_mine(pytestconfig, tmp_path):
    seen = {
        "modules": sorted(sys.modules), "filters": len(warnings.filters),
        "term": str(signal.getsignal(signal.SIGTERM)), "handlers": len(logging.getLogger().handlers),
        "markers": [one.partition("(")[0] for one in pytestconfig.getini("markers")],
        "plugins": sorted(name for name, it in pytestconfig.pluginmanager.list_name_plugin()
                          if it and not name.isdigit()),
    }
    with open(os.environ["SEEN"], "w") as told:
        json.dump(seen, told)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked wheel."""
    return unpacked(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a test of its own, whose marker nobody has registered."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "conformance.toml").write_text("this is no profile of ours")
    (folder / "test_mine.py").write_text(MINE)
    return folder


def test_foreign_run_loads_one_small_module_and_is_left_as_it_was(installed: Path, project: Path) -> None:
    seen = []
    for switch in ("no:conformance.plugin.entry", "conformance.plugin.entry"):
        told = project.parent / switch.partition(":")[0]
        done = pytest_in(project, "-q", "-p", switch, beside=(installed,), SEEN=str(told))
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("1 passed")
        seen.append(json.loads(told.read_text()))
    without, beside = seen
    assert set(beside.pop("modules")) - set(without.pop("modules")) == LOADED
    assert set(beside.pop("plugins")) - set(without.pop("plugins")) == {
        "conformance.plugin.entry",
        "conformance-guest",
    }
    assert beside == without
    assert sorted(path.name for path in project.iterdir() if path.name != "__pycache__") == [
        "conformance.toml",
        "test_mine.py",
    ]


def test_foreign_run_of_workers_loads_nothing_more(installed: Path, project: Path) -> None:
    told = project.parent / "seen"
    done = pytest_in(project, "-q", "-n", "1", beside=(installed,), SEEN=str(told))
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = {one for one in json.loads(told.read_text())["modules"] if one.startswith("conformance")}
    assert loaded == LOADED


def test_no_marker_is_known_that_a_project_has_not_registered(installed: Path, project: Path) -> None:
    (project / "test_mine.py").write_text("import pytest\n@pytest.mark.smoke\ndef test_mine(): pass\n")
    done = pytest_in(project, "-q", "--strict-markers", beside=(installed,))
    assert done.returncode == 2, done.stdout
    assert "'smoke' not found in `markers`" in done.stdout


@pytest.mark.parametrize("first", [True, False], ids=["they come first", "we come first"])
def test_plugin_with_options_of_the_same_names_keeps_them(
    installed: Path, project: Path, tmp_path: Path, *, first: bool
) -> None:
    (project / "test_mine.py").write_text(
        "def test_mine(pytestconfig):\n"
        f"    for option in {list(SHORT.values())}:\n"
        "        assert pytestconfig.getoption(option) is True\n"
    )
    theirs = plugin(tmp_path / "theirs", "pytest_takes_all", TAKES)
    beside = (theirs, installed) if first else (installed, theirs)
    done = pytest_in(project, "-q", *SHORT.values(), beside=beside)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (project / "reports").exists()


def test_conftest_with_options_of_the_same_names_keeps_them(installed: Path, project: Path) -> None:
    (project / "conftest.py").write_text("def pytest_addoption(parser):\n    parser.addoption('--profile')\n")
    (project / "test_mine.py").write_text(
        "def test_mine(pytestconfig):\n    assert pytestconfig.getoption('profile') == 'dev'\n"
    )
    done = pytest_in(project, "-q", "--profile", "dev", beside=(installed,))
    assert done.returncode == 0, done.stdout + done.stderr


def test_suite_runs_beside_a_plugin_that_has_all_its_names(installed: Path, tmp_path: Path) -> None:
    theirs = plugin(tmp_path / "theirs", "pytest_takes_all", TAKES)
    done = pytest_in(
        tmp_path, "--pyargs", PINGS, f"{PREFIX}report-dir", "mine", f"{PREFIX}repeat", "2", "--polite",
        "-k", "pong_with_its_payload", beside=(installed, theirs),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--polite went to another plugin" in done.stdout
    assert f"the suite's is {PREFIX}polite" in done.stdout
    made = json.loads((tmp_path / "mine" / "conformance.json").read_text())
    assert f"{PREFIX}repeat=2 " in made["tests"][0]["repeat"]


def test_value_after_another_plugins_option_is_not_collected(installed: Path, tmp_path: Path) -> None:
    theirs = plugin(tmp_path / "theirs", "pytest_takes_all", TAKES)
    (tmp_path / "mine.toml").write_text("")
    for words in (("--profile", "mine.toml"), ("--profile=mine.toml",)):
        done = pytest_in(tmp_path, "--pyargs", PINGS, *words, beside=(installed, theirs))
        assert done.returncode == 4, done.stdout
        assert PREFIX in done.stderr
        assert "Traceback" not in done.stderr


def test_shuffled_and_parametrized_tests_are_judged_the_same(installed: Path, tmp_path: Path) -> None:
    # As pytest-randomly and pytest-repeat do it.
    theirs = plugin(
        tmp_path / "theirs", "pytest_disorder",
        "import random, pytest\n"
        "@pytest.fixture\n"
        "def step(request): return getattr(request, 'param', 0)\n"
        "def pytest_generate_tests(metafunc):\n"
        "    metafunc.fixturenames.append('step')\n"
        "    metafunc.parametrize('step', range(2), indirect=True, ids=['1-2', '2-2'])\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_collection_modifyitems(items): random.Random(7).shuffle(items)\n",
    )  # fmt: skip
    done = pytest_in(
        tmp_path, "-q", "--pyargs", PINGS, "conformance.suite.protocol.test_closing",
        beside=(installed, theirs),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFORMANT (exit 0)" in done.stdout


# A value behind a space.


def test_every_option_takes_its_value_after_a_space(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "backend.toml").write_text((ROOT / "reference_server" / "conformance.toml").read_text())
    (folder / "known.toml").write_text(f'requirements_version = "{VERSION}"\n')
    (folder / "out").mkdir()
    (folder / "daphne").mkdir()
    words = [
        "--profile", "backend.toml", "--report-dir", "out", "--pyargs", PINGS, "--time-scale", "2",
        "--repeat", "1", "--examples", "3", "--baseline", "known.toml", "--family", "daphne",
        "-k", "pong_with_its_payload",
    ]  # fmt: skip
    done = pytest_in(folder, "-q", *words, beside=(installed,), PYTHONPATH=f"{installed}:{ROOT}")
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((folder / "out" / "conformance.json").read_text())
    assert made["run"]["profile"] == "backend.toml"
    assert made["run"]["options"]["time_scale"] == 2


def test_option_of_the_server_takes_a_url_after_a_space(installed: Path, tmp_path: Path) -> None:
    for words in (("--server-url", "ws://127.0.0.1:1/"), (f"{PREFIX}server-url", "ws://127.0.0.1:1/")):
        done = pytest_in(tmp_path, "-q", *words, "--pyargs", PINGS, beside=(installed,))
        assert done.returncode == 10, done.stdout + done.stderr
        assert "ws://127.0.0.1:1" in done.stdout


@pytest.mark.parametrize(
    "option", ["--profile", f"{PREFIX}profile", "--ca-file", "--baseline", "--report-dir"]
)
def test_value_for_which_pytest_looks_elsewhere_is_told(installed: Path, tmp_path: Path, option: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "pytest.ini").write_text("[pytest]\n")
    (there / "it.toml").write_text("")
    value = str(there / ("it.toml" if option != "--report-dir" else ""))
    done = pytest_in(here, "-q", option, value, "--pyargs", PINGS, beside=(installed,))
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"Write {option}={value}." in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_command_takes_values_after_spaces_and_equals_signs() -> None:
    assert unabridged(["--profile", "a b", "-k", "x", "--repeat=2", "--polite", "test_it.py"]) == [
        f"{PREFIX}profile=a b", "-k", "x", f"{PREFIX}repeat=2", f"{PREFIX}polite", "test_it.py",
    ]  # fmt: skip
    assert unabridged([f"{PREFIX}ca-file", "x", "--", "--profile", "y"]) == [
        f"{PREFIX}ca-file=x", "--", "--profile", "y",
    ]  # fmt: skip
    assert unabridged(["--profile"]) == [f"{PREFIX}profile"]


def test_options_with_a_value_are_known() -> None:
    assert [name for name in OPTIONS if not takes_value(name)] == [
        "intrusive", "polite", "insecure", "update-baseline", "expect-applicable",
    ]  # fmt: skip


def test_checkout_that_is_not_installed_runs_the_suite(tmp_path: Path) -> None:
    done = pytest_in(
        ROOT, "-q", "-p", "pytest_asyncio.plugin", "conformance/suite/protocol/test_control_frames.py",
        "--report-dir", str(tmp_path / "out"), "-k", "pong_with_its_payload",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "conformance.json").is_file()
