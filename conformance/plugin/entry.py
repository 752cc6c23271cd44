"""What pytest loads of the suite wherever it is installed: its options, and when to load the rest.

Nothing else of the suite is imported until a test of the suite is collected, or one of its options is given.
Every option is called ``--conformance-NAME``. It is called ``--NAME`` too where no other plugin and no
``conftest.py`` of the project has an option of that name: theirs come first, whoever was loaded before.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import sys
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[1]
SUITE = PACKAGE / "suite"
PREFIX = "--conformance-"
GUEST = "conformance-guest"
PLUGIN = "conformance.plugin.hooks"
TITLE = "WebSocket conformance; each option also as --NAME, where nobody else has an option of that name"
# Folders in which other people's packages lie: to collect above them does not mean to collect them.
_FOREIGN = {"site-packages", "dist-packages"}
# Options that speak of the suite: where one is given, mistakes in it are told before anything else happens.
EARLY = ("server_url", "profile", "family", "baseline", "update_baseline", "browser")

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "server-url": {
        "metavar": "URL",
        "action": "append",
        "help": "the server under test: ws, wss, http or https, with or without a path prefix; "
        "without it the profile's server is started, or the reference server. "
        "Given again: another node of the same backend, which events have to reach",
    },
    "profile": {
        "metavar": "FILE",
        "type": Path,
        "help": "what you declare about the server (TOML); conformance.toml in the current folder by default",
    },
    "report-dir": {
        "metavar": "DIR",
        "type": Path,
        "default": Path("reports"),
        "help": "where conformance.html and conformance.json are written (reports)",
    },
    "time-scale": {
        "metavar": "X",
        "type": float,
        "default": 1.0,
        "help": "multiply every time bound (1.0)",
    },
    "examples": {
        "metavar": "N",
        "type": int,
        "help": "hold N drawn examples in each test that draws them, afresh in each run (few, always the same"
        " ones); --hypothesis-seed=S draws those of an earlier run again",
    },
    "browser": {
        "metavar": "NAME",
        "help": "which browser the browser chapter drives: chromium, firefox, webkit or all; "
        "a Chromium or Chrome by default",
    },
    "ca-file": {
        "metavar": "FILE",
        "type": Path,
        "help": "certificate authorities to trust for wss",
    },
    "intrusive": {
        "action": "store_true",
        "help": "test a server on another machine as hard as one on this: any pace, floods, large bodies",
    },
    "polite": {
        "action": "store_true",
        "help": "test a server on this machine as gently as one on another",
    },
    "insecure": {
        "action": "store_true",
        "help": "do not verify the server's certificate; the report says so",
    },
    "baseline": {
        "metavar": "FILE",
        "type": Path,
        "help": "known failures (TOML, docs/gate.md): they are tolerated, and an entry "
        "that no longer fits is red",
    },
    "family": {
        "metavar": "NAME",
        "action": "append",
        "default": [],
        "help": "tolerate the known deviations of a server family, such as daphne, or of several: "
        "nginx,daphne (list: `conformance spec --families`)",
    },
    "update-baseline": {
        "action": "store_true",
        "help": "write the --baseline anew from this run; reasons, owners and days are kept",
    },
    "expect-applicable": {
        "action": "store_true",
        "help": "be red when a requirement is not judged that the baseline does not list as not applicable",
    },
    "repeat": {
        "metavar": "N",
        "type": int,
        "default": 1,
        "help": "run each test N times and say how often it failed; a verdict that differs is inconclusive",
    },
}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options under the names that nobody else has."""
    guest = Guest(parser)
    if any(one == "conformance" or one.startswith(("conformance.", PREFIX)) for one in sys.argv[1:]):
        # Told beside a complaint of pytest's, such as that another plugin's option takes no value.
        parser.extra_info["conformance"] = f"each option is also called {PREFIX}NAME, as nobody else's is"
    for name, attributes in OPTIONS.items():
        guest.group.addoption(PREFIX + name, dest=destination(name), **attributes)
    pluginmanager.register(guest, GUEST)


def destination(name: str) -> str:
    """Return the attribute of pytest's options that holds an option of the suite."""
    return f"conformance_{name.replace('-', '_')}"


def takes_value(name: str) -> bool:
    """Return whether an option of the suite is followed by a value."""
    return OPTIONS[name].get("action") != "store_true"


def unabridged(arguments: Sequence[str]) -> list[str]:
    """Return arguments in which each option of the suite has its long name, and its value after ``=``."""
    made: list[str] = []
    rest = iter(arguments)
    for one in rest:
        name, is_joined, value = one.removeprefix(PREFIX).removeprefix("--").partition("=")
        if one == "--":
            made += [one, *rest]
        elif not one.startswith("--") or name not in OPTIONS:
            made.append(one)
        elif is_joined or not takes_value(name):
            made.append(PREFIX + name + is_joined + value)
        else:
            follows = next(rest, None)
            made.append(PREFIX + name + ("" if follows is None else f"={follows}"))
    return made


class Guest:
    """The suite in one run of pytest, as long as nobody asked for it."""

    def __init__(self, parser: pytest.Parser) -> None:
        self.parser = parser
        self.group = parser.getgroup("conformance", TITLE)
        self.taken: frozenset[str] = frozenset()
        self._shortened = False

    def shorten(self) -> None:
        """Add the short names that are free; called when all others have added theirs."""
        if self._shortened:
            return
        self._shortened = True
        taken = []
        for name, attributes in OPTIONS.items():
            try:
                self.group.addoption(
                    f"--{name}", dest=destination(name), **{**attributes, "help": argparse.SUPPRESS}
                )
            except (ValueError, argparse.ArgumentError):
                taken.append(name)
        self.taken = frozenset(taken)

    def spelled(self, name: str) -> str:
        """Return what an option of the suite is called here."""
        return (PREFIX if name in self.taken else "--") + name

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config, args: list[str]
    ) -> Generator[None, object, object]:
        """Take the short names after everybody who may have an option, and look at what was given.

        Returns:
            What the other plugins return.

        """
        result = yield
        self.shorten()
        self._require_right_place(early_config, args)
        return result

    def _require_right_place(self, early_config: pytest.Config, args: Sequence[str]) -> None:
        """Refuse a value that pytest took for a folder of tests while it looked for its configuration.

        That is before any plugin is loaded, so that no plugin's option is known by then.

        Raises:
            pytest.UsageError: there is such a value.

        """
        found = [
            (option, value)
            for option, value in _spaced(args, {self.spelled(name) for name in OPTIONS} | _long_names())
            if _exists(early_config, value)
        ]
        if not found:
            return
        from _pytest.config.findpaths import determine_setup  # noqa: PLC0415 - for this rare question alone

        given = self.parser.parse_known_args(args, namespace=copy.copy(early_config.option))
        root, ini, *_ = determine_setup(
            inifile=given.inifilename,
            override_ini=given.override_ini,
            args=given.file_or_dir,
            rootdir_cmd_arg=given.rootdir or None,
            invocation_dir=early_config.invocation_params.dir,
        )
        if (root, ini) != (early_config.rootpath, early_config.inipath):
            option, value = found[0]
            raise pytest.UsageError(
                f"{option} {value}: pytest took {value} for a folder of tests, and looked there for its "
                f"configuration.\nWrite {option}={value}."
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Load the suite's plugin where a test of the suite is going to be collected, or was asked for."""
        named = any(is_of_package(config, one, config.option) for one in config.args)
        if named:
            self._require_no_stray_value(config)
            # The suite names the loop of each fixture and test itself; the user has nothing to set.
            warnings.filterwarnings("ignore", message=".*asyncio_default_fixture_loop_scope. is unset")
        asked = any(getattr(config.option, destination(name)) for name in EARLY)
        if named or asked or config.option.conformance_repeat != 1:
            load(config)

    def _require_no_stray_value(self, config: pytest.Config) -> None:
        given = config.invocation_params.args
        for option, value in _spaced(given, {f"--{name}" for name in self.taken if takes_value(name)}):
            if value in config.args:
                raise pytest.UsageError(
                    f"{option} is another plugin's option here, and takes no value.\n"
                    f"The suite's option is {PREFIX}{option[2:]}={value}."
                )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> None:
        """Load the suite's plugin before the first module of the suite is made, however it was found.

        Raises:
            pytest.UsageError: a worker of pytest-xdist finds the suite, which its controller does not know
                of.

        """
        if file_path.is_relative_to(SUITE) and not parent.config.pluginmanager.hasplugin(PLUGIN):
            if hasattr(parent.config, "workerinput"):
                raise pytest.UsageError("with -n, name the suite: pytest --pyargs conformance -n 4")
            load(parent.config)

    def misgiven(self, config: pytest.Config) -> list[str]:
        """Return a line for each option that was given, and is another plugin's here."""
        return [
            f"--{name} went to another plugin, whose option it is here; the suite's is {PREFIX}{name}"
            for name in _given(config.invocation_params.args, self.taken)
            if name != "browser"  # which is understood from its owner
        ]


def guest_of(config: pytest.Config) -> Guest:
    """Return the guest of a run of pytest."""
    return guest_in(config.pluginmanager)


def guest_in(pluginmanager: pytest.PytestPluginManager) -> Guest:
    """Return the guest among the plugins of a run of pytest."""
    found = pluginmanager.getplugin(GUEST)
    assert isinstance(found, Guest)
    return found


def load(config: pytest.Config) -> None:
    """Load all of the suite's plugin, once."""
    if not config.pluginmanager.hasplugin(PLUGIN):
        config.pluginmanager.import_plugin(PLUGIN)


def is_of_package(config: pytest.Config, argument: str, option: argparse.Namespace) -> bool:
    """Return whether collecting an argument collects tests of the suite.

    Args:
        config: pytest's.
        argument: of the command line.
        option: what pytest has read so far.

    """
    name = argument.partition("::")[0]
    if name.partition(".")[0] == "conformance" and option.pyargs:
        return True
    path = (config.invocation_params.dir / name).resolve()
    if path.is_relative_to(PACKAGE):
        return True
    above = PACKAGE.relative_to(path).parts if PACKAGE.is_relative_to(path) else None
    return above is not None and not any(part in _FOREIGN or part.startswith(".") for part in above)


def _long_names() -> set[str]:
    return {PREFIX + name for name in OPTIONS}


def _given(arguments: Sequence[str], names: frozenset[str]) -> list[str]:
    """Return those of the names that stand in the arguments as options."""
    given = {one.partition("=")[0] for one in arguments}
    return [name for name in OPTIONS if name in names and f"--{name}" in given]


def _spaced(arguments: Sequence[str], options: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each of the options whose value is an argument of its own, with that value."""
    for option, value in itertools.pairwise(arguments):
        name = option.removeprefix(PREFIX).removeprefix("--")
        if option in options and takes_value(name) and not value.startswith("-"):
            yield option, value


def _exists(config: pytest.Config, value: str) -> bool:
    try:
        return (config.invocation_params.dir / value.partition("::")[0]).exists()
    except (OSError, ValueError):  # too long for a path, or none at all
        return False
