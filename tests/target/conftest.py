"""What tests of the target share."""

from __future__ import annotations

import pytest

from conformance.target.profile import load


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a profile and reads it."""
    monkeypatch.setenv("ALICE_TOKEN", "alice-secret-7f3a")
    monkeypatch.delenv("NOT_SET", raising=False)

    def write_and_load(text):
        path = tmp_path / "conformance.toml"
        path.write_text(text, "utf-8")
        return load(path)

    return write_and_load
