"""The specification's pages and commands: generated, complete, and in step with the data."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance.plugin.traceability import coverage, proven, suite_tests
from conformance.spec import CHAPTERS, render, requirements
from tests.conftest import ROOT

REMAKE = "make docs"


def conformance(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["specification.md", "specification.html"])
def test_pages_in_docs_are_in_step_with_the_data(name: str) -> None:
    made = render.markdown(proven()) if name.endswith(".md") else render.html(proven())
    kept = (ROOT / "docs" / name).read_text("utf-8")
    assert kept.rstrip("\n") == made.rstrip("\n"), f"docs/{name} is out of date: {REMAKE}"


class _Ids(HTMLParser):
    """Collect ids, and whatever would make a page load something else."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.loads += [
            str(value) for key, value in attrs if key == "src" or (tag == "link" and key == "href")
        ]


def test_html_page_has_an_anchor_for_each_requirement_and_loads_nothing() -> None:
    page = _Ids()
    page.feed(render.html(proven()))
    assert set(requirements()) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert page.loads == []


def test_spec_explains_a_requirement_with_its_tests() -> None:
    done = conformance("spec", "framing.unmasked")
    assert done.returncode == 0
    assert done.stdout.startswith("framing.unmasked · MUST · chapter protocol\n")
    assert "Source: RFC 6455 §5.1" in done.stdout
    assert "Test: protocol/test_framing.py::test_unmasked_frame_fails_the_connection" in done.stdout


def test_unknown_requirement_is_4_with_a_suggestion() -> None:
    done = conformance("spec", "framing.unmaskd")
    assert done.returncode == 4
    assert done.stderr == (
        "There is no requirement 'framing.unmaskd'. Did you mean 'framing.unmasked'? "
        "All of them: conformance spec --list\n"
    )


def test_coverage_has_no_gap() -> None:
    rows = coverage()
    assert [row.chapter for row in rows] == list(CHAPTERS)
    assert sum(row.requirements for row in rows) == len(requirements())
    assert [name for row in rows for name in row.gaps] == []


def test_coverage_is_printed_by_chapter() -> None:
    done = conformance("spec", "--coverage")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1 : len(CHAPTERS) + 1]] == list(CHAPTERS)


def test_output_that_cannot_be_written_is_4(tmp_path: Path) -> None:
    done = conformance("spec", "--html", "--output", str(tmp_path / "no" / "such" / "folder.html"))
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_every_proven_requirement_exists_and_has_a_test() -> None:
    assert set(proven()) <= set(requirements())
    for name in proven():
        assert requirements()[name].charged or name in suite_tests()
