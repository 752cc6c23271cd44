"""docs/profile.md describes exactly the keys that the loader takes."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.target.control_keys import PLACEHOLDERS
from conformance.target.dialect_keys import DIALECT_KEYS, ROUTE_KEYS
from conformance.target.profile import _KEYS
from tests.conftest import ROOT

HEADINGS = {
    "extends": frozenset(),
    "[target]": _KEYS["target"],
    "[tls]": _KEYS["tls"],
    "[carriers]": _KEYS["carriers"],
    "[credentials.NAME]": _KEYS["credentials.*"],
    "[bad_tokens]": _KEYS["bad_tokens"],
    "[control]": _KEYS["control"],
    "[limits]": _KEYS["limits"],
    "[jwt]": _KEYS["jwt"],
    "[dialect]": DIALECT_KEYS,
    "[dialect.routes]": ROUTE_KEYS,
    "[[known_failure]]": _KEYS["known_failure"],
}


def sections() -> dict[str, str]:
    text = (ROOT / "docs" / "profile.md").read_text("utf-8")
    parts = re.split(r"^##+ (.+)$", text, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    prose = {"Which path is tested", "When the server answers wrongly, or dies"}
    return {heading: text for heading, text in found.items() if heading not in prose}


def test_page_has_every_table_of_a_profile() -> None:
    assert set(sections()) == set(HEADINGS)
    tables = {heading.strip("[]").split(".")[0] for heading in HEADINGS}
    assert tables == set(_KEYS[""])


def test_page_has_every_key_and_no_other() -> None:
    for heading, text in sections().items():
        rows = re.findall(r"^\| `([a-z_]+)` \|", text, flags=re.MULTILINE)
        assert sorted(rows) == sorted(HEADINGS[heading]), heading


def test_page_has_every_kind_of_secret() -> None:
    found = re.findall(r"^\| `\{ ([a-z]+) = ", sections()["[credentials.NAME]"], flags=re.MULTILINE)
    assert set(found) == set(_KEYS["secret"])


def test_control_page_has_every_placeholder() -> None:
    text = (ROOT / "docs" / "control.md").read_text("utf-8")
    table = text.split("| placeholder |")[1].split("\n\n")[0]
    assert set(re.findall(r"`\{([a-z_]+)\}`", table)) == set(PLACEHOLDERS)


def test_links_of_both_pages_lead_somewhere() -> None:
    for page in ("profile.md", "control.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs" / page).read_text("utf-8")):
            assert (ROOT / "docs" / Path(link)).exists(), link
