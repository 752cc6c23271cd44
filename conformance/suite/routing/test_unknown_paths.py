"""Paths that are no endpoints, among them those that nearly are."""

from __future__ import annotations

import re

import pytest

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.fuzz.drawing import Draw
from conformance.fuzz.search import Manner, Plan, search
from conformance.suite.routing.paths import MALFORMED, TOO_LONG, asking, own_id, refused
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

NEAR = [
    pytest.param("/no-such-path", id="unknown"),
    pytest.param("/ws/no-such-path/", id="unknown-under-ws"),
    pytest.param("/ws/permissions", id="own-without-slash"),
    pytest.param("/ws/permissions//", id="own-two-slashes"),
    pytest.param("/ws//permissions/", id="doubled-slash"),
    pytest.param("/WS/permissions/", id="upper-case-ws"),
    pytest.param("/ws/Permissions/", id="upper-case-permissions"),
    pytest.param("/ws/permission/", id="singular"),
    pytest.param("/permissions/", id="without-ws"),
    pytest.param("/ws/permissions/{id}", id="id-without-slash"),
    pytest.param("/ws/permissions/{id}//", id="id-two-slashes"),
    pytest.param("/ws/permissions//{id}/", id="slash-before-id"),
    pytest.param("/ws/permissions/{id}a/", id="id-with-letter"),
    pytest.param("/ws/permissions/-{id}/", id="negative-id"),
    pytest.param("/ws/permissions/+{id}/", id="signed-id"),
    pytest.param("/ws/permissions/{id}.0/", id="decimal-id"),
    pytest.param("/ws/permissions/{id}e0/", id="exponent-id"),
    pytest.param("/ws/permissions/0x{id}/", id="hexadecimal-id"),
    pytest.param("/ws/permissions/{id}_0/", id="underscored-id"),
    pytest.param("/ws/permissions/{id},2/", id="two-ids"),
    pytest.param("/ws/permissions/{id}/extra/", id="behind-id"),
    pytest.param("/ws/permissions/Anonymous", id="anonymous-upper-case"),
    pytest.param("/ws/permissions/anonymous//", id="anonymous-two-slashes"),
    pytest.param("/ws/permissions/anonymous/{id}/", id="behind-anonymous"),
    pytest.param("/ws/permissions/anonymousx", id="anonymous-and-more"),
    pytest.param("/ws/permissions/null/", id="null"),
]
MALFORMED_PATHS = [
    pytest.param("/ws/./permissions/", id="dot-segment"),
    pytest.param("/ws/x/../permissions/", id="dot-dot-segment"),
    pytest.param("/ws/permissions/x/../{id}/", id="dot-dot-before-id"),
    pytest.param("/ws/%2e/permissions/", id="encoded-dot-segment"),
    pytest.param("/ws/x/%2e%2e/permissions/", id="encoded-dot-dot-segment"),
    pytest.param("/ws/permissions/anonymous%00", id="nul"),
    pytest.param("/ws/permissions/{id}%00/", id="nul-behind-id"),
    pytest.param("/ws/permissions/%20{id}/", id="blank-before-id"),
    pytest.param("/ws/permissions/{id}%FF/", id="not-utf-8"),
    pytest.param("/ws/permissions/%/", id="cut-percent-encoding"),
    pytest.param("/ws/permissions%252F{id}/", id="doubly-encoded-slash"),
]
EXAMPLES = 60
WORDS = ["ws", "permissions", "anonymous", "1", "2", ""]
DOTS = [".", ".."]  # what others normalise away
LETTERS = "abwsxyzANON0123456789-._~"
BEGINNINGS = [OWN, "/ws/permissions/anonymous/", "/ws//permissions/", "/no-such-path/"]
# Endpoints, and spellings of them that have a requirement of their own (routing.spelling-identity).
EXCEPTED = re.compile(r"/+(?:ws/permissions/(?:[0-9]+/|anonymous/?)?)")


def segment(draw: Draw) -> str:
    """Draw a segment of a path."""
    kind = draw.below(3)
    if kind < 2:
        return draw.choice((WORDS, DOTS)[kind])
    return "".join(draw.choice(LETTERS) for _ in range(draw.integer(1, 8)))


def arbitrary_path(draw: Draw) -> str:
    """Draw a path near the endpoints, or one that certainly nobody serves."""
    path = draw.choice(BEGINNINGS) + "/".join(draw.up_to(3, lambda: segment(draw))) + draw.choice(["", "/"])
    return "/x" + path if EXCEPTED.fullmatch(path) else path


@pytest.mark.requirement("routing.unknown-path")
@pytest.mark.parametrize("path", NEAR)
async def test_path_that_is_no_endpoint(target: Target, path: str) -> None:
    await refused(target, asking(target, path.format(id=own_id(target))))


@pytest.mark.requirement("routing.unknown-path")
@pytest.mark.parametrize("path", MALFORMED_PATHS)
async def test_malformed_path(target: Target, path: str) -> None:
    await refused(target, asking(target, path.format(id=own_id(target))), MALFORMED)


@pytest.mark.requirement("routing.arbitrary-path")
async def test_no_arbitrary_path_is_open(plan: Plan, target: Target) -> None:
    async def check(path: str, _manner: Manner) -> None:
        target.recorder.record.transcripts.clear()  # only the last example's: it is the smallest that failed
        try:
            asked = asking(target, path)
        except NotApplicable:
            return  # one of the backend's own paths, by the profile's routes
        answer = await target.attempt(asked)
        answer.connection.shut()
        if answer.upgraded:
            raise Nonconformance(
                f"{path} is no endpoint and was opened", expected=["a refusal"], actual=answer
            )

    await search(
        arbitrary_path,
        check,
        examples=EXAMPLES,
        plan=plan,
        budget=target.limits.event / 2,
        size=lambda path: (len(path), path),
        stateful=True,
    )


@pytest.mark.requirement("routing.long-path")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(OWN + "a" * 9000, id="letters"),
        pytest.param(OWN + "9" * 9000 + "/", id="digits"),
        pytest.param(OWN + "/" * 9000, id="slashes"),
    ],
)
async def test_long_path(target: Target, path: str) -> None:
    await refused(target, asking(target, path, token=False), TOO_LONG)


@pytest.mark.requirement("routing.refusals-alike")
async def test_unknown_paths_are_refused_alike(target: Target) -> None:
    paths = ["/no-such-path", "/no/such/path/", "/ws/permissions/no-such-channel/", ANONYMOUS + "x"]
    refusals = {path: str(await target.refuses(asking(target, path, token=False))) for path in paths}
    if len(set(refusals.values())) > 1:
        raise Nonconformance(
            "unknown paths are refused in different ways",
            expected=["one status for all of them"],
            actual="; ".join(f"{path}: {refusal}" for path, refusal in refusals.items()),
        )
