"""The test-by-test page of pytest-html: hooks that :mod:`conformance.plugin.hooks` offers as its own."""

from __future__ import annotations

import html
from typing import Any

import pytest

from conformance.report.vocabulary import OUTCOMES
from conformance.spec import requirements


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    """Name the page."""
    report.title = "WebSocket conformance, test by test"


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_header(cells: list[str]) -> None:
    """Add the columns for level, requirement and chapter."""
    cells[1:1] = ["<th>Level</th>", "<th>Requirement</th>", "<th>Chapter</th>"]


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: pytest.TestReport, cells: list[str]) -> None:
    """Fill the columns for level, requirement and chapter."""
    data = getattr(report, "conformance", None)
    one = requirements().get(data["requirement"]) if data else None
    texts = (one.level, one.id, one.chapter) if one else ("", "", "")
    cells[1:1] = [f"<td>{html.escape(text)}</td>" for text in texts]
    if data and report.outcome == "skipped" and data["outcome"] in OUTCOMES:
        # What pytest calls skipped has names of its own: advised, strict only, a known failure.
        cells[0] = cells[0].replace(">Skipped<", f">{OUTCOMES[data['outcome']].label}<")


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_html(report: pytest.TestReport, data: list[str]) -> None:
    """Say why a test was not judged, in a line instead of a tuple's representation."""
    found = getattr(report, "conformance", None)
    if found is not None and isinstance(report.longrepr, tuple):
        data[:] = [html.escape(report.longrepr[2])]
