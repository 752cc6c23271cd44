"""A canary: no token that the suite was given appears in anything that it writes or prints."""

from __future__ import annotations

from pathlib import Path

from conformance.report.artefacts import MAKERS
from tests.conftest import ROOT, Suite

NAMES = ("ALICE", "BOB", "CAROL", *(f"DISPOSABLE_{number}" for number in range(1, 7)))


def test_no_artefact_holds_a_token(suite: Suite, tmp_path: Path) -> None:
    tokens = {f"{name}_TOKEN": f"canary-{name.lower().replace('_', '-')}-4f9c2e" for name in NAMES}
    text = (ROOT / "reference_server" / "conformance.toml").read_text()
    for name in tokens:
        text = text.replace(f'generate = "{name}"', f'env = "{name}"')
    # Every requirement about tokens is made to fail, so that failures are written with their transcripts.
    text = text.replace("user_id = 1\n", "user_id = 7777\n").replace('cwd = ".."', f'cwd = "{ROOT}"')
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    summary = tmp_path / "summary.md"
    done = suite(
        f"--profile={profile}", "conformance/suite/auth", "conformance/suite/routing/test_endpoints.py",
        f"--html={tmp_path / 'reports' / 'tests.html'}", "--self-contained-html", "-v",
        f"--junit-xml={tmp_path / 'reports' / 'pytest.xml'}",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), **tokens,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:]
    assert "::error title=" in done.stdout
    written = [done.stdout, done.stderr, summary.read_text()]
    written += [path.read_text() for path in sorted((tmp_path / "reports").glob("*.*"))]
    assert len(written) == 3 + len(MAKERS) + 2
    scripts = [path.read_text() for path in (tmp_path / "reports" / "repro").iterdir()]
    assert any('talk.secret("ALICE_TOKEN"' in text for text in scripts)
    written += scripts
    assert "[secret]" in "".join(written)
    for text in written:
        assert "canary-" not in text
