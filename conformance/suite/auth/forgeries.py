"""JSON Web Tokens that nobody entitled has signed, made from a good one of the profile."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from conformance.target import jwt

Forge = Callable[[dict[str, Any], dict[str, Any], bytes], str]
OUR_KEY = b"conformance-forged-key-conformance-forged-key"
# What tutorials and examples sign with; RFC 8725 §3.5 asks for a key that nobody guesses.
WEAK_KEYS = [
    word.encode()
    for line in (
        " secret Secret SECRET secretkey secret_key secret-key SECRET_KEY your-256-bit-secret",
        "your-secret-key your_secret_key mysecret mysecretkey my_secret_key supersecret super-secret",
        "changeme change-me change_me password 123456 test key jwt jwt_secret jwtsecret jwt-secret",
        "JWT_SECRET token admin default dev development a s3cr3t shhhhh hs256-secret django-insecure",
        "my_precious not-a-secret insecure foobar qwerty private none null",
    )
    for word in line.split(" ")
]


def _without_algorithm(spelling: str) -> Forge:
    return lambda header, claims, _: jwt.unsigned({**header, "alg": spelling}, claims)


def _other_signature(signature: bytes) -> bytes:
    return bytes([signature[0] ^ 0x80]) + signature[1:] if signature else b"\x00" * 32


# Each is the token of one user whose signature does not stand for what it says.
UNSIGNED: dict[str, Forge] = {
    "alg-none": _without_algorithm("none"),
    "alg-None": _without_algorithm("None"),
    "alg-NONE": _without_algorithm("NONE"),
    "alg-nOnE": _without_algorithm("nOnE"),
    "alg-empty": _without_algorithm(""),
    "alg-none-signature-kept": lambda header, claims, signature: jwt.unsigned(
        {**header, "alg": "none"}, claims, signature
    ),
    "alg-missing": lambda header, claims, _: jwt.unsigned(
        {name: value for name, value in header.items() if name != "alg"}, claims
    ),
    "signature-empty": lambda header, claims, _: jwt.unsigned(header, claims),
    "signature-left-out": lambda header, claims, _: jwt.unsigned(header, claims).rstrip("."),
    "signature-first-bit": lambda header, claims, signature: jwt.unsigned(
        header, claims, _other_signature(signature)
    ),
    "signature-cut": lambda header, claims, signature: jwt.unsigned(
        header, claims, signature[: len(signature) // 2]
    ),
    "signature-zeros": lambda header, claims, signature: jwt.unsigned(header, claims, bytes(len(signature))),
    "claim-added": lambda header, claims, signature: jwt.unsigned(
        header, {**claims, "conformance": True}, signature
    ),
    "expiry-moved": lambda header, claims, signature: jwt.unsigned(
        header, {**claims, "exp": 4102444799}, signature
    ),
    "hmac-without-key": lambda header, claims, _: jwt.signed(header, claims, b""),
    "hmac-with-our-key": lambda header, claims, _: jwt.signed(header, claims, OUR_KEY),
}


def of_another(claims: dict[str, Any], names: dict[Any, Any]) -> dict[str, Any]:
    """Return claims in which one user's id and name are replaced by another's, wherever they stand."""

    def other(value: Any) -> Any:
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return names.get(value, value)
        return value

    return {name: other(value) for name, value in claims.items()}


# Each says itself by which key it is to be verified.
KEYS_OF_ITS_OWN: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "jwk": lambda header, claims: jwt.signed(
        {**header, "jwk": {"kty": "oct", "k": jwt.encoded(OUR_KEY), "alg": "HS256"}}, claims, OUR_KEY
    ),
    "kid-empty-file": lambda header, claims: jwt.signed(
        {**header, "kid": "../../../../../../../../dev/null"}, claims, b""
    ),
    "kid-sql": lambda header, claims: jwt.signed(
        {**header, "kid": "x' UNION SELECT 'conformance' -- "}, claims, b"conformance"
    ),
    "kid-is-the-key": lambda header, claims: jwt.signed({**header, "kid": OUR_KEY.decode()}, claims, OUR_KEY),
}


def key_spellings(pem: bytes) -> dict[str, bytes]:
    """Return the forms in which code takes a public key for an HMAC secret."""
    body = re.sub(rb"-----[^-]+-----|\s", b"", pem)
    return {
        "pem": pem,
        "pem-without-last-newline": pem.rstrip(b"\n"),
        "pem-with-crlf": pem.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        "der": base64.b64decode(body),
        "base64": body,
    }
