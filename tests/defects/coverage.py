"""`python -m tests.defects.coverage`: write which requirements are proven, and by which defects.

The file is data of the specification, so that `conformance spec` can list it where these tests are not
installed.
"""

from __future__ import annotations

import json

from conformance.spec import requirements
from tests.defects.matrix import ROOT
from tests.defects.registry import defects

PROVEN = ROOT / "conformance" / "spec" / "proven.json"


def proven() -> dict[str, list[str]]:
    """Return the names of the defects that prove each requirement, in the specification's order."""
    by_requirement: dict[str, list[str]] = {}
    for defect in defects().values():
        by_requirement.setdefault(defect.requirement, []).append(defect.name)
    return {one: sorted(by_requirement[one]) for one in requirements() if one in by_requirement}


def unproven() -> list[str]:
    """Return the requirements that no defect breaks."""
    return [one for one in requirements() if one not in proven()]


def written() -> str:
    """Return the file's text."""
    return json.dumps(proven(), indent=1) + "\n"


if __name__ == "__main__":
    PROVEN.write_text(written(), "utf-8")
    print(f"{len(proven())} of {len(requirements())} requirements are proven; without a defect:")
    print("\n".join(unproven()))
