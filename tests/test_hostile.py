"""A server that says what would hurt whoever prints it: nothing that a run writes or prints lets it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from conformance.report.document import schema
from tests.conftest import ROOT, suite_of

UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FILES = ("test_control_frames", "test_closing", "test_handshake_offers")
PAGES = ("conformance.html", "tests.html")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Judge the hostile server once, as CI would; return the reports' folder and what was printed."""
    folder = tmp_path_factory.mktemp("hostile")
    profile = folder / "profile.toml"
    start = '["{python}", "-m", "tests.servers.hostile", "{port}"]'
    profile.write_text(
        f'[target]\nurl = "ws://127.0.0.1:{{port}}/"\nstart = {start}\ncwd = {json.dumps(str(ROOT))}\n'
    )
    there = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    done = suite_of(folder)(
        f"--profile={profile}", "--time-scale=0.1", f"--html={folder / 'reports' / 'tests.html'}",
        "--self-contained-html", f"--junit-xml={folder / 'reports' / 'pytest.xml'}",
        *(f"conformance/suite/protocol/{name}.py" for name in FILES), **there,
    )  # fmt: skip
    return folder / "reports", done


def test_hostile_server_is_judged_and_breaks_nothing_of_ours(hostile) -> None:
    folder, done = hostile
    assert done.returncode == 1, done.stdout[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    written = json.loads((folder / "conformance.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(written)
    assert "suite-fault" not in {test["outcome"] for test in written["tests"]}
    told = (folder / "conformance.json").read_text()
    assert "document.title" in told
    assert len(told) < 5_000_000


def test_what_the_server_printed_is_kept_with_the_failure(hostile) -> None:
    written = json.loads((hostile[0] / "conformance.json").read_text())
    failed = [test for test in written["tests"] if test["outcome"] == "failed"]
    assert failed
    assert all("document.title" in test["server_output"] for test in failed)


def test_nothing_steers_the_terminal_or_the_ci_service(hostile) -> None:
    printed = hostile[1].stdout
    assert UNSEEN.findall(printed) == []
    assert "##[" not in printed
    commands = [line for line in printed.splitlines() if line.lstrip().startswith("::")]
    assert 0 < len(commands) <= 10
    assert all(re.match(r"::(error|warning) title=[^:]+::", line) for line in commands)
    assert printed.splitlines()[-1].startswith("NON-CONFORMANT (exit 1): ")


@pytest.mark.parametrize("name", ["junit.xml", "pytest.xml", "badge.svg"])
def test_xml_is_well_formed(hostile, name) -> None:
    assert ET.parse(hostile[0] / name).getroot().tag.split("}")[-1] in {"testsuites", "svg"}


@pytest.mark.parametrize("name", ["conformance.html", "conformance.md", "junit.xml", "badge.svg"])
def test_no_artefact_holds_a_character_that_is_not_seen(hostile, name) -> None:
    assert UNSEEN.findall((hostile[0] / name).read_text("utf-8")) == []


def test_summary_for_ci_holds_the_servers_words_in_code_spans_alone(hostile) -> None:
    folder = hostile[0]
    summary = (folder.parent / "summary.md").read_text("utf-8")
    assert summary == (folder / "conformance.md").read_text("utf-8")
    assert "<script>" in summary
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", summary)
    assert not set("<>\\") & set(bare)


@pytest.mark.parametrize("name", PAGES)
def test_no_script_of_the_server_runs_in_a_page(hostile, name) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    if not (path := shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium on this machine")
    said = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: said.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto((hostile[0] / name).as_uri())
        for folded in page.query_selector_all("details"):
            folded.evaluate("one => one.open = true")
        page.wait_for_timeout(300)
        title, images = page.title(), page.evaluate("document.querySelectorAll('img[src=x]').length")
        browser.close()
    assert said == []
    assert "owned" not in title
    assert images == 0
