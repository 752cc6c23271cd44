"""A server that died in a test: which test it was, whether it dies of it again, and a fresh one for the rest.

Only the process that started the server can start it anew. There the test is run again, alone, on a fresh
instance, then the test before it: a server may take a moment to die. Who dies twice of the same test dies of
it, which is judged as ``robustness.survives``; a death that does not come again is told and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from conformance.core.errors import Unreachable
from conformance.core.printable import printable
from conformance.report.console import failure_text
from conformance.spec import requirements
from conformance.verdict.outcomes import Outcome
from conformance.verdict.result_data import TestResult

if TYPE_CHECKING:
    from conformance.plugin.run import Run

SURVIVES = "robustness.survives"
MOST = 3  # deaths that one run goes on after: each costs the bounds of a start


@dataclass(slots=True)
class Death:
    """A server that answers nobody any more: noticed in which test, and how."""

    test: str
    why: str


class Mender:
    """Restart the run's server when it died, and find out of which test it dies."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.pending: Death | None = None
        self.deaths: list[Death] = []
        self._before: pytest.Item | None = None
        self._trying = False

    @property
    def able(self) -> bool:
        """Whether the server can be started anew."""
        return self.run.starts_server and (self._trying or len(self.deaths) < MOST)

    def died(self, test: str, why: str) -> bool:
        """Take note of a death.

        Returns:
            Whether it is a new one, and not that of a test that is run again.

        """
        self.pending = Death(test, why)
        return not self._trying

    def after(self, item: pytest.Item) -> str:
        """Mend what a test left behind.

        Returns:
            Why that cannot be done, or an empty string.

        """
        before, self._before = self._before, item
        death = self.pending
        if death is None:
            return ""
        self.deaths.append(death)
        # Pytest has no other way to tear down all but the session: what stands there talks to a dead server.
        item.session._setupstate.teardown_exact(item.session)  # type: ignore[arg-type]  # noqa: SLF001
        result = self.run.results.tests.get(item.nodeid)
        self._trying = True
        try:
            for suspect in (item, before):
                if suspect is None:
                    continue
                self._fresh()
                again = self._again(suspect)
                if self.pending is not None:
                    self._charge(suspect, death, self.pending)
                    break
                if suspect is item and again is not None:
                    result = again
            else:
                self._charge_once(item, death, result)
            if self.pending is not None:
                self._fresh()
        except Unreachable as error:
            return f"{death.why}; started anew, it is not there: {error}"
        finally:
            self.pending, self._trying = None, False
        return ""

    def _fresh(self) -> None:
        self.pending = None
        self.run.restart()

    def _again(self, item: pytest.Item) -> TestResult | None:
        """Run a test alone.

        Returns:
            Its result, which nobody else learns.

        """
        reports = runtestprotocol(item, log=False, nextitem=item.session)  # type: ignore[arg-type]
        return _result(reports)

    def _charge(self, item: pytest.Item, first: Death, second: Death) -> None:
        where = item.nodeid.rsplit("/", 1)[-1]
        message = f"after {where}: {first.why}; again when it ran alone on a fresh instance: {second.why}"
        self._keep(item, message, unstable=False)
        self._tell(item, message)

    def _tell(self, item: pytest.Item, message: str) -> None:
        """Let pytest report it as a failure of its own, beside the test that it was seen in."""
        rule = requirements()[SURVIVES]
        result = self.run.results.tests[item.nodeid]
        text = failure_text(rule, message, rule.accepted, "", result)
        report = pytest.TestReport(
            item.nodeid, item.location, {}, "failed", printable(self.run.clean(text)), "call"
        )
        item.ihook.pytest_runtest_logreport(report=report)

    def _charge_once(self, item: pytest.Item, death: Death, again: TestResult | None) -> None:
        """Keep what the test found on a fresh instance, and that the server died once for no known cause."""
        where = item.nodeid.rsplit("/", 1)[-1]
        if again is not None:
            self.run.results.tests[item.nodeid] = again
        message = f"once, in {where}: {death.why}; not again when it ran alone on a fresh instance"
        self._keep(item, message, unstable=True)

    def _keep(self, item: pytest.Item, message: str, *, unstable: bool) -> None:
        found = self.run.results.tests.get(item.nodeid)
        if found is None:
            return
        message = self.run.clean(message)
        charge = {"requirement": SURVIVES, "kept": False, "message": message}
        if unstable:
            charge["unstable"] = True
        self.run.results.tests[item.nodeid] = replace(
            found, charges=[*found.charges, charge], notes=[*found.notes, f"the server died {message}"]
        )


def unmended(test: str, why: str) -> dict[str, Any]:
    """Return the charge against a server that died in a test, where nobody can start it to ask again."""
    where = test.rsplit("/", 1)[-1]
    message = f"in {where}: {why}; the run did not start the server, so it could not try that again"
    return {"requirement": SURVIVES, "kept": False, "message": message, "unstable": True}


def _result(reports: Sequence[pytest.TestReport]) -> TestResult | None:
    found = [TestResult(**data) for one in reports if (data := getattr(one, "conformance", None)) is not None]
    return next((one for one in found if one.outcome != Outcome.PASSED), found[0] if found else None)
