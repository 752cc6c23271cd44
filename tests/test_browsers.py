"""Which browser is driven, and how it meets a server with TLS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import trustme

from conformance.browser.finding import found
from tests.conftest import ROOT, Suite

OPENING = "conformance/suite/browser/test_opening.py"
ALLOWED = f"{OPENING}::test_page_of_an_allowed_origin_gets_a_confirmed_connection"
CERTIFICATE = f"{OPENING}::test_certificate_as_a_browser_judges_it"
needs_chromium = pytest.mark.skipif(found("chromium") is None, reason="no Chromium is installed")


@pytest.fixture
def no_browsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.delenv("CONFORMANCE_BROWSER", raising=False)


def results(tmp_path: Path) -> dict[str, list[str]]:
    document = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    return {one["id"].split("::")[1]: one["observed"] for one in document["tests"]}


@pytest.mark.usefixtures("no_browsers")
@pytest.mark.parametrize("name", ["chromium", "firefox", "webkit"])
def test_browser_that_was_asked_for_and_is_missing_is_4(suite: Suite, name: str) -> None:
    done = suite(f"--conformance-browser={name}", ALLOWED)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "playwright install" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.usefixtures("no_browsers")
@pytest.mark.parametrize("options", [[], ["--conformance-browser=all"]])
def test_no_browser_at_all_is_not_applicable_with_a_hint(
    suite: Suite, options: list[str], tmp_path: Path
) -> None:
    done = suite(*options, ALLOWED)
    assert done.returncode == 10, done.stdout + done.stderr
    (capability,) = [
        one
        for one in json.loads((tmp_path / "reports" / "conformance.json").read_text())["target"][
            "capabilities"
        ]
        if one["name"] == "browser"
    ]
    assert not capability["present"]
    assert "playwright install chromium" in capability["unlock"]


@needs_chromium
def test_somebody_elses_option_and_fixtures_of_these_names_do_no_harm(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "playwright_like.py").write_text(
        "import pytest\n"
        "def pytest_addoption(parser):\n"
        "    parser.addoption('--browser', action='append', default=[])\n"
        "@pytest.fixture\n"
        "def page():\n"
        "    raise RuntimeError('this page is not for the suite')\n"
    )
    done = suite("-p", "playwright_like", "--browser=chromium", ALLOWED, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.skipif(found("firefox") is None, reason="no Firefox is installed")
def test_firefox_is_driven(suite: Suite, tmp_path: Path) -> None:
    unanswered = f"{OPENING}::test_subprotocol_that_the_server_does_not_know"
    done = suite("--conformance-browser=firefox", ALLOWED, unanswered)
    assert done.returncode == 0, done.stdout + done.stderr
    (observed,) = results(tmp_path)["test_subprotocol_that_the_server_does_not_know[firefox]"]
    assert "firefox: script saw open" in observed


@needs_chromium
def test_private_authority_is_trusted_for_the_profile_and_foreign_to_the_browser(
    suite: Suite, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    profile = (ROOT / "reference_server" / "conformance.toml").read_text()
    start = profile[profile.index("start = [") :].split("\n")[0]
    secure = ["{python}", "-m", "tests.servers.secure_reference", "{port}", "{control_port}"]
    for old, new in {
        start: f"start = {json.dumps([*secure, str(tmp_path / 'server.pem')])}",
        "ws://localhost": "wss://localhost",
        'cwd = ".."': f"cwd = {json.dumps(str(ROOT))}",
    }.items():
        profile = profile.replace(old, new)
    (tmp_path / "conformance.toml").write_text(profile)
    done = suite(
        f"--profile={tmp_path / 'conformance.toml'}", f"--ca-file={tmp_path / 'ca.pem'}", ALLOWED, CERTIFICATE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout or "2 passed" in done.stdout
    (observed,) = results(tmp_path)["test_certificate_as_a_browser_judges_it"]
    assert observed.startswith("chromium: not trusted")
    assert "close 1006" in observed
