"""JSON Web Tokens: their shape, and that a server which verifies them well stays green."""

from __future__ import annotations

import pytest

from conformance.suite.auth import forgeries
from conformance.target import jwt
from tests.defects import jwt_tokens, matrix


def test_parts_of_a_token() -> None:
    token = jwt.signed({"alg": "HS512"}, {"sub": "alice"}, b"key")
    header, claims, signature = jwt.parts(token) or pytest.fail("it is one")
    assert (header, claims, len(signature)) == ({"alg": "HS512"}, {"sub": "alice"}, 64)


@pytest.mark.parametrize(
    "token",
    ["", "opaque", "a.b.c", "e30.e30.", "..", "eyJhbGciOjF9.e30.x", "W10.W10.", "e30.e30.e30.e30.e30"],
)
def test_other_tokens_are_none(token: str) -> None:
    assert jwt.parts(token) is None


def test_weak_key_is_found_and_a_strong_one_is_not() -> None:
    assert jwt.key_of(jwt.signed({}, {"sub": 1}, b"secret"), forgeries.WEAK_KEYS) == b"secret"
    assert jwt.key_of(jwt.signed({}, {"sub": 1}, jwt_tokens.KEY), forgeries.WEAK_KEYS) is None


def test_every_forgery_differs_from_the_token_and_from_the_others() -> None:
    token = jwt_tokens.token_of("alice", "HS256")
    parts = jwt.parts(token)
    assert parts is not None
    made = [forge(*parts) for forge in forgeries.UNSIGNED.values()]
    made += [forge(*parts[:2]) for forge in forgeries.KEYS_OF_ITS_OWN.values()]
    assert len({token, *made}) == len(made) + 1


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_server_that_verifies_well_stays_green(algorithm: str) -> None:
    outcome = matrix.run(
        f"verifies-{algorithm.lower()}-tokens",
        jwt_tokens.FILES,
        replacing=jwt_tokens.profile(algorithm),
        sample=False,
    )
    assert outcome.exit_code == 0, outcome.printed[-3000:]
    names = {"auth.jwt-signature", "auth.jwt-own-key"} | (
        {"auth.jwt-algorithm"} if algorithm == "EdDSA" else set()
    )
    assert names <= set(outcome.by_requirement("passed", "observed"))
