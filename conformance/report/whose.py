"""Whose a failure is: the server library's, where no application on it can mend the rule that is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.spec import Requirement, requirements
from conformance.verdict.families import recognised
from conformance.verdict.symptom import Symptom

UNKNOWN = "the server library's, not the application's: see docs/gate.md#server-families"


def whose(requirement: Requirement, family: str = "") -> str:
    """Return whose a broken rule is to mend, and how a team can go on; nothing where it may be the team's.

    ``family`` is the server family that the target is known to be of and that is known to break this rule.
    """
    if requirement.mended_by != "server":
        return ""
    return f"the server library's, not yours; tolerate with --family={family}" if family else UNKNOWN


def families_of(header: str | None, broken: Mapping[str, Sequence[Symptom]]) -> Mapping[str, str]:
    """Return by which family each broken rule is known, for the families that the target is recognised as.

    A family knows a rule where it tolerates each of the ways in which the rule was broken.
    """
    found: dict[str, str] = {}
    for family, names in recognised(header, broken):
        for name in names:
            found.setdefault(name, family.name)
    return found


def told(header: str | None, broken: Mapping[str, Sequence[Symptom]]) -> Mapping[str, str]:
    """Return whose each broken rule is that no application can mend; ``broken`` holds its symptoms."""
    known = families_of(header, broken)
    texts = {name: whose(requirements()[name], known.get(name, "")) for name in broken}
    return {name: text for name, text in texts.items() if text}
