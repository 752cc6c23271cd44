"""From the options that pytest was given to a run of the suite."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from conformance.core.errors import UsageProblem
from conformance.core.printable import printable
from conformance.fuzz.search import planned
from conformance.plugin.browser_option import browser_option
from conformance.plugin.entry import OPTIONS, destination, guest_of
from conformance.plugin.run import Options, Run
from conformance.plugin.stash import RUN
from conformance.verdict.result_data import TestResult


def given(config: pytest.Config) -> dict[str, Any]:
    """Return the suite's options as they were given, by their names without a prefix."""
    return {name.replace("-", "_"): getattr(config.option, destination(name)) for name in OPTIONS}


def run_of(config: pytest.Config) -> Run:
    """Return the run, begun on first use; mistakes in options and profile end pytest with exit code 4.

    Raises:
        pytest.UsageError: a mistake in the options or the profile.

    """
    if RUN not in config.stash:
        option, spelled = given(config), guest_of(config).spelled
        if option["time_scale"] <= 0:
            raise pytest.UsageError(f"{spelled('time-scale')} {option['time_scale']:g}: it must be above 0.")
        if option["examples"] is not None and option["examples"] < 1:
            raise pytest.UsageError(f"{spelled('examples')} {option['examples']}: it must be 1 or more.")
        if option["intrusive"] and option["polite"]:
            raise pytest.UsageError(
                f"{spelled('intrusive')} and {spelled('polite')} exclude each other: leave one out."
            )
        if option["repeat"] < 1:
            raise pytest.UsageError(f"{spelled('repeat')} {option['repeat']}: it must be 1 or more.")
        if option["update_baseline"] and option["baseline"] is None:
            raise pytest.UsageError(
                f"{spelled('update-baseline')}: say which file with {spelled('baseline')}=FILE."
            )
        servers = option["server_url"] or ()
        options = Options(
            server_url=servers[0] if servers else None,
            nodes=tuple(servers[1:]),
            profile=option["profile"],
            report_dir=option["report_dir"],
            strict="strict=true" in (config.option.override_ini or ()),
            time_scale=option["time_scale"],
            ca_file=option["ca_file"],
            insecure=option["insecure"],
            plan=planned(option["examples"], getattr(config.option, "hypothesis_seed", None)),
            intrusive=option["intrusive"],
            polite=option["polite"],
            families=tuple(name.strip() for names in option["family"] for name in names.split(",")),
            baseline=option["baseline"],
            update_baseline=option["update_baseline"],
            expect_applicable=option["expect_applicable"],
            repeat=option["repeat"],
            browser=browser_option(config),
            taken=guest_of(config).taken,
            command=shlex.join(["pytest", *config.invocation_params.args]),
            folder=config.invocation_params.dir,
        )
        try:
            run = config.stash[RUN] = Run(options)
            config.pluginmanager.register(Collector(run), "conformance-results")
        except UsageProblem as problem:
            raise pytest.UsageError(printable(str(problem))) from None
    return config.stash[RUN]


class Collector:
    """Take results from reports as they come, from this process or from a worker."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's result."""
        data = getattr(report, "conformance", None)
        if data is not None:
            self.run.results.add(TestResult(**data))
