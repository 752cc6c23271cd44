"""Which web pages may connect."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.auth.refusal import control, judge_identity, knock
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request

FOREIGN = "https://evil.example"
LOOK_ALIKES = [
    "foreign", "null", "suffix", "prefix", "subdomain", "regex-dot", "other-port", "other-scheme",
    "userinfo", "userinfo-foreign-host", "in-path", "in-query", "loopback-prefix",
]  # fmt: skip
PORTS = {"http": 80, "https": 443}


def _origin(kind: str, allowed: str) -> str:
    """Return an origin that is not the allowed one, made from it."""
    parts = urlsplit(allowed)
    scheme, host = parts.scheme, parts.netloc
    return {
        "foreign": FOREIGN,
        "null": "null",
        "suffix": f"{scheme}://{host}.evil.example",
        "prefix": f"{scheme}://evil{host}",
        "subdomain": f"{scheme}://sub.{host}",
        "regex-dot": f"{scheme}://{host.replace('.', 'x', 1)}",
        "other-port": f"{scheme}://{parts.hostname}:{(parts.port or 8442) + 1}",
        "other-scheme": f"{'http' if scheme == 'https' else 'https'}://{host}",
        "userinfo": f"{scheme}://evil@{host}",
        "userinfo-foreign-host": f"{scheme}://{host}@evil.example",
        "in-path": f"{FOREIGN}/{allowed}",
        "in-query": f"{FOREIGN}?{allowed}",
        "loopback-prefix": f"{scheme}://127.attacker.example",
    }[kind]


def _from_page(target: Target, origin: str) -> Request:
    token = None if target.profile.anonymous else target.users[0].token
    return target.opening(target.at(OWN), token=token, origin=origin)


async def _accepted(target: Target, origin: str) -> None:
    """Prove that an allowed page gets in, so that a refusal is about the origin."""
    outcome = await knock(target, _from_page(target, origin))
    if not outcome.confirmations:
        raise Inconclusive(f"the control failed: the allowed origin {origin} got {outcome}")


@pytest.mark.requirement("auth.origin-allowed")
async def test_allowed_origins_are_accepted(target: Target) -> None:
    for origin in target.profile.allowed_origins:
        outcome = await knock(target, _from_page(target, origin))
        if not outcome.confirmations:
            raise Nonconformance(
                f"the allowed origin {origin} was not accepted",
                expected=["101 and connection_confirmed"],
                actual=outcome,
            )


@pytest.mark.requirement("auth.origin-refused")
@pytest.mark.parametrize("kind", LOOK_ALIKES)
async def test_other_origin_is_refused(target: Target, kind: str) -> None:
    allowed = target.profile.allowed_origins[0]
    origin = _origin(kind, allowed)
    if origin in {*target.profile.allowed_origins, target.url.origin}:
        raise NotApplicable(f"{origin} is an allowed origin of this target")
    await _accepted(target, allowed)
    target.recorder.note(f"Origin: {origin}")
    await target.refuses(_from_page(target, origin))


@pytest.mark.requirement("auth.origin-refused")
async def test_foreign_name_that_leads_to_the_server_is_refused(target: Target) -> None:
    """An attacker's name that resolves to the server is Host and Origin alike: DNS rebinding."""
    allowed = target.profile.allowed_origins[0]
    await _accepted(target, allowed)
    theirs = replace(target.url, host="attacker.example")
    host, origin = theirs.authority, theirs.origin
    target.recorder.note(f"Host: {host}, Origin: {origin}")
    await target.refuses(_from_page(target, origin).setting("Host", host))


@pytest.mark.requirement("auth.origin-twice")
@pytest.mark.parametrize("order", ["allowed-first", "foreign-first"])
async def test_two_origins_are_refused(target: Target, order: str) -> None:
    allowed = target.profile.allowed_origins[0]
    one, other = (allowed, FOREIGN) if order == "allowed-first" else (FOREIGN, allowed)
    await _accepted(target, allowed)
    await target.refuses(_from_page(target, one).adding(("Origin", other)))


@pytest.mark.requirement("auth.origin-default-port")
async def test_default_port_in_an_origin(target: Target) -> None:
    plain = [one for one in target.profile.allowed_origins if urlsplit(one).port is None]
    if not plain:
        raise NotApplicable("every allowed origin names its port")
    outcome = await knock(target, _from_page(target, f"{plain[0]}:{PORTS[urlsplit(plain[0]).scheme]}"))
    target.recorder.observe(str(outcome))


@pytest.mark.requirement("auth.no-origin")
async def test_no_origin_is_treated_as_the_profile_says(target: Target) -> None:
    token = None if target.profile.anonymous else target.users[0].token
    carrier = next((one for one in target.profile.carriers if one != "cookie"), None)
    if token is not None and carrier is None:
        raise NotApplicable("the only carrier is a cookie, which is judged together with an origin")
    outcome = await knock(target, target.opening(target.at(OWN), token=token, carrier=carrier))
    accepted = bool(outcome.confirmations)
    target.recorder.observe(str(outcome))
    wanted = target.profile.no_origin
    if wanted is not None and accepted != (wanted == "accept"):
        raise Nonconformance(
            "a client without Origin was not treated as the profile says",
            expected=[f"no_origin: {wanted}"],
            actual=outcome,
        )


@pytest.mark.requirement("auth.cookie-origin")
@pytest.mark.parametrize("kind", ["foreign", "null", "suffix", "prefix", "userinfo-foreign-host"])
async def test_foreign_page_cannot_use_the_cookie(target: Target, kind: str) -> None:
    user = target.users[0]
    await control(target, carrier="cookie", user=user)
    allowed = (target.profile.allowed_origins or (target.url.origin,))[0]
    origin = _origin(kind, allowed)
    outcome = await knock(
        target, target.opening(target.at(OWN), token=user.token, carrier="cookie", origin=origin)
    )
    judge_identity(outcome, what=f"a cookie from a page of {origin}")
    target.recorder.observe(str(outcome))
