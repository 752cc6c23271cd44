"""Run the suite on many defective servers, some at a time, the slowest first: for pytest and the command."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from conformance.spec import requirements
from tests.defects import matrix, tolerated, tolerated_handshakes
from tests.defects.registry import Defect, defects

LAST = matrix.ROOT / "reports" / "kill-matrix.json"
BROWSER_SECONDS = 10.0  # more than any other suite takes, when nothing better is known


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite made of one defect; it is killed when nothing is ``wrong`` with that."""

    defect: Defect
    wrong: tuple[str, ...]
    outcome: matrix.Outcome

    @property
    def killed(self) -> bool:
        """Whether its requirement went red, and no other."""
        return not self.wrong


def judge(defect: Defect, outcome: matrix.Outcome) -> Verdict:
    """Return the verdict on what the suite said about a defect."""
    wrong = matrix.complaints(defect, requirements()[defect.requirement], outcome)
    return Verdict(defect, tuple(wrong), outcome)


def jobs() -> int:
    """Return how many suites run at a time: each waits for its server for a third of its time."""
    return (os.cpu_count() or 2) + 1


class Engine:
    """Suites that were begun, each once, by the name of the defect or the other right manner."""

    def __init__(self, at_a_time: int) -> None:
        self._pool = ThreadPoolExecutor(at_a_time)
        self._running: dict[str, Future[matrix.Outcome]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Begin no more, and wait for those that run."""
        self._pool.shutdown(cancel_futures=True)

    def begin(self, name: str) -> Future[matrix.Outcome]:
        """Begin a suite, unless it was begun before."""
        if name not in self._running:
            self._running[name] = self._pool.submit(_run, name)
        return self._running[name]

    def begin_all(self, names: Iterable[str]) -> None:
        """Begin many suites, those first that take longest."""
        last = seconds_before()
        for name in sorted(names, key=lambda one: -last.get(one, _guess(one))):
            self.begin(name)

    def verdicts(self, chosen: Iterable[Defect]) -> Iterator[Verdict]:
        """Judge defects and yield each verdict as soon as it is there."""
        self.begin_all(one.name for one in chosen)
        names = {future: name for name, future in self._running.items()}
        for future in as_completed(names):
            yield judge(defects()[names[future]], future.result())


def _run(name: str) -> matrix.Outcome:
    if name in tolerated_handshakes.MANNERS:
        files = tolerated.SHOWN.get(name, tolerated.FILES)
        module = tolerated_handshakes.MANNERS[name].__module__.rpartition(".")[2]
        return matrix.run(f"{module}.{name}", files, sample=False, time_scale=1.0)
    return matrix.judged(defects()[name])


def _guess(name: str) -> float:
    found = defects().get(name)
    if found is None:
        return BROWSER_SECONDS  # a manner is shown to whole chapters
    return BROWSER_SECONDS if found.module == "browser" else found.time_scale


def seconds_before() -> dict[str, float]:
    """Return how long each suite took when the matrix was last run here, by the defect's name."""
    try:
        rows: list[dict[str, Any]] = json.loads(LAST.read_text("utf-8"))["requirements"]
        return {one["name"]: one["seconds"] for row in rows for one in row["defects"] if one["seconds"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
