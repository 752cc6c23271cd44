"""Forged JSON Web Tokens, made from a good one of the profile: RFC 8725."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.auth import forgeries
from conformance.suite.auth.refusal import TOO_LONG, control, judge_identity, judge_refusal, knock
from conformance.target import jwt
from conformance.target.routes import OWN
from conformance.target.target import Target


def _parts(target: Target) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    found = jwt.parts(target.users[0].token)
    assert found is not None, "the probe said that it is one"
    return found


async def _opens_nothing(target: Target, token: str, *, what: str) -> None:
    target.recorder.hide(token)
    await control(target)
    outcome = await knock(target, target.opening(target.at(OWN), token=token))
    judge_identity(outcome, what=what)
    judge_refusal(target, outcome, statuses=TOO_LONG)


@pytest.mark.requirement("auth.jwt-signature")
@pytest.mark.parametrize("kind", forgeries.UNSIGNED)
async def test_token_with_a_false_signature(target: Target, kind: str) -> None:
    forged = forgeries.UNSIGNED[kind](*_parts(target))
    if forged == target.users[0].token:
        raise NotApplicable("the forgery is the token itself")
    await _opens_nothing(target, forged, what=f"a forged token ({kind})")


@pytest.mark.requirement("auth.jwt-signature")
async def test_token_with_the_claims_of_another_user(target: Target) -> None:
    header, claims, signature = _parts(target)
    alice, *others = target.users
    if not others:
        raise NotApplicable("the profile names one user only")
    names = {
        alice.user_id: others[0].user_id,
        str(alice.user_id): str(others[0].user_id),
        alice.name: others[0].name,
    }
    changed = forgeries.of_another(claims, names)
    if changed == claims:
        raise NotApplicable(f"no claim holds the user's id {alice.user_id} or name {alice.name!r}")
    await _opens_nothing(
        target, jwt.unsigned(header, changed, signature), what="a token with another user's claims"
    )


@pytest.mark.requirement("auth.jwt-signature")
async def test_ecdsa_signature_of_zeros(target: Target) -> None:
    header, claims, _ = _parts(target)
    if not header["alg"].startswith("ES"):
        raise NotApplicable(f"the token's algorithm is {header['alg']}, not ECDSA")
    size = {"ES384": 96, "ES512": 132}.get(header["alg"], 64)
    await _opens_nothing(
        target, jwt.unsigned(header, claims, bytes(size)), what="a token whose signature is r = s = 0"
    )


@pytest.mark.requirement("auth.jwt-own-key")
@pytest.mark.parametrize("kind", forgeries.KEYS_OF_ITS_OWN)
async def test_token_that_brings_its_own_key(target: Target, kind: str) -> None:
    header, claims, _ = _parts(target)
    forged = forgeries.KEYS_OF_ITS_OWN[kind](header, claims)
    await _opens_nothing(target, forged, what=f"a token that names its own key ({kind})")


@pytest.mark.requirement("auth.jwt-own-key")
@pytest.mark.parametrize("member", ["jku", "x5u"])
async def test_server_fetches_no_key_that_a_token_points_to(target: Target, member: str) -> None:
    if not target.has("local"):
        raise NotApplicable("the target is on another machine and cannot reach the trap on this one")
    calls: list[bytes] = []

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.read(4096))
        writer.close()

    listener = await asyncio.start_server(trap, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        header, claims, _ = _parts(target)
        url = f"http://127.0.0.1:{port}/keys.json"
        forged = jwt.signed({**header, member: url}, claims, forgeries.OUR_KEY)
        await _opens_nothing(target, forged, what=f"a token with its key behind {member}")
    if calls:
        raise Nonconformance(
            f"the server fetched the key that a token's {member} points to",
            expected=["no request to an address out of a token"],
            actual=f"{len(calls)} to 127.0.0.1: {calls[0][:60]!r}",
        )


@pytest.mark.requirement("auth.jwt-algorithm")
@pytest.mark.parametrize("form", ["pem", "pem-without-last-newline", "pem-with-crlf", "der", "base64"])
async def test_public_key_is_no_hmac_secret(target: Target, form: str) -> None:
    header, claims, _ = _parts(target)
    if header["alg"] in jwt.HASHES:
        raise NotApplicable(f"the token's algorithm is {header['alg']}, which has no public key")
    assert target.profile.jwt_public_key is not None
    try:
        key = forgeries.key_spellings(target.profile.jwt_public_key)[form]
    except ValueError as error:
        raise Inconclusive(f"[jwt] public_key is no PEM: {error}") from None
    await _opens_nothing(
        target, jwt.signed(header, claims, key), what=f"a token signed with the public key as secret ({form})"
    )


@pytest.mark.requirement("auth.jwt-weak-key")
async def test_key_is_none_of_the_well_known_words(target: Target) -> None:
    alg = _parts(target)[0]["alg"]
    if alg not in jwt.HASHES:
        raise NotApplicable(f"the token's algorithm is {alg}, not an HMAC")
    key = jwt.key_of(target.users[0].token, forgeries.WEAK_KEYS)
    if key is not None:
        raise Nonconformance(
            "the tokens are signed with a well-known word: anybody can make them",
            expected=["a random key of at least 256 bits"],
            actual=f"the key is {key.decode()!r}",
        )
