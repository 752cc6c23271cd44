"""Which browser is driven, and how it meets a server with TLS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.browser.finding import found
from tests.conftest import ROOT, Suite
from tests.defects.secure import CERTIFICATES

OPENING = "conformance/suite/browser/test_opening.py"
ALLOWED = f"{OPENING}::test_page_of_an_allowed_origin_gets_a_confirmed_connection"
CHAPTER = "conformance/suite/browser"
WORKERS = f"{OPENING}::test_worker_and_service_worker_are_confirmed_beside_their_page"
COOKIES = f"{CHAPTER}/test_cookies.py"
TLS = f"{CHAPTER}/test_certificates.py"
KNOWN = "test_browser_that_knows_the_authority_opens_a_socket"
UNKNOWN = "test_browser_that_does_not_know_the_authority_harms_nobody"
needs_chromium = pytest.mark.skipif(found("chromium") is None, reason="no Chromium is installed")
needs_firefox = pytest.mark.skipif(found("firefox") is None, reason="no Firefox is installed")


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


@needs_firefox
def test_firefox_is_driven(suite: Suite, tmp_path: Path) -> None:
    unanswered = f"{OPENING}::test_subprotocol_that_the_server_does_not_know"
    done = suite("--conformance-browser=firefox", ALLOWED, unanswered)
    assert done.returncode == 0, done.stdout + done.stderr
    (observed,) = results(tmp_path)["test_subprotocol_that_the_server_does_not_know[firefox]"]
    assert "firefox: script saw open" in observed


def secure_profile(folder: Path, certificate: Path, authority: Path | None) -> str:
    """Write a profile of the reference server over TLS; return the option that names it."""
    profile = (ROOT / "reference_server" / "conformance.toml").read_text()
    start = profile[profile.index("start = [") :].split("\n")[0]
    secure = ["{python}", "-m", "tests.servers.secure_reference", "{port}", "{control_port}"]
    trust = f"ca_file = {json.dumps(str(authority))}" if authority else "insecure = true"
    for old, new in {
        start: f"start = {json.dumps([*secure, str(certificate)])}",
        "ws://localhost": "wss://localhost",
        'cwd = ".."': f"cwd = {json.dumps(str(ROOT))}",
        "[carriers]": f"[tls]\n{trust}\n\n[carriers]",
    }.items():
        profile = profile.replace(old, new)
    (folder / "conformance.toml").write_text(profile)
    return f"--profile={folder / 'conformance.toml'}"


@pytest.mark.parametrize(
    ("browser", "refusal"),
    [
        pytest.param("chromium", ("ERR_CERT_AUTHORITY_INVALID", "close 1006"), marks=needs_chromium),
        pytest.param("firefox", ("SEC_ERROR_UNKNOWN_ISSUER", "close 1015"), marks=needs_firefox),
    ],
)
def test_chapter_over_tls(suite: Suite, tmp_path: Path, browser: str, refusal: tuple[str, ...]) -> None:
    profile = secure_profile(tmp_path, CERTIFICATES / "right.pem", CERTIFICATES / "authority.pem")
    done = suite(profile, f"--conformance-browser={browser}", ALLOWED, WORKERS, TLS, COOKIES, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = results(tmp_path)
    assert seen[f"{KNOWN}[{browser}]"] == [f"{browser}: opened"]
    (observed,) = seen[f"{UNKNOWN}[{browser}]"]
    assert all(word in observed for word in refusal)


@needs_chromium
def test_certificate_that_is_its_own_authority_is_no_browsers_matter(suite: Suite, tmp_path: Path) -> None:
    certificate = tmp_path / "self.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    where = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *words, *where, "-keyout", certificate, "-out", tmp_path / "self.crt"],
                   check=True, capture_output=True)  # fmt: skip
    certificate.write_bytes(certificate.read_bytes() + (tmp_path / "self.crt").read_bytes())
    done = suite(secure_profile(tmp_path, certificate, tmp_path / "self.crt"), ALLOWED, f"{TLS}::{KNOWN}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 not applicable" in done.stdout


@needs_chromium
def test_raw_client_that_verifies_nothing_gets_in_where_the_browser_refuses(
    suite: Suite, tmp_path: Path
) -> None:
    profile = secure_profile(tmp_path, CERTIFICATES / "right.pem", None)
    done = suite(profile, ALLOWED, TLS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 1 not applicable" in done.stdout
    (observed,) = results(tmp_path)[UNKNOWN]
    assert "ERR_CERT_AUTHORITY_INVALID" in observed
