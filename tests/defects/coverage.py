"""`python -m tests.defects.coverage`: write which requirements are proven, and by which defects.

The list is data of the specification, so that `conformance spec` can show it where these tests are not
installed; `docs/proof.md` is for readers.
"""

from __future__ import annotations

import json
from pathlib import Path

from conformance.spec import requirements
from tests.defects import proof
from tests.defects.matrix import ROOT
from tests.defects.registry import defects

PROVEN = ROOT / "conformance" / "spec" / "proven.json"
PROOF = ROOT / "docs" / "proof.md"


def proven() -> dict[str, list[str]]:
    """Return the names of the defects that prove each requirement, in the specification's order."""
    by_requirement: dict[str, list[str]] = {}
    for defect in defects().values():
        by_requirement.setdefault(defect.requirement, []).append(defect.name)
    return {one: sorted(by_requirement[one]) for one in requirements() if one in by_requirement}


def unproven() -> list[str]:
    """Return the requirements that no defect breaks."""
    return [one for one in requirements() if one not in proven()]


def written() -> dict[Path, str]:
    """Return the files and their texts."""
    return {PROVEN: json.dumps(proven(), indent=1) + "\n", PROOF: proof.page()}


if __name__ == "__main__":
    for file, text in written().items():
        file.write_text(text, "utf-8")
    print(f"{len(proven())} of {len(requirements())} requirements are proven; without a defect:")
    print("\n".join(unproven()))
