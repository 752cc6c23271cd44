"""The shape of JSON Web Tokens (RFC 7519 in the compact form of RFC 7515), as far as forging one needs it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes] | None:
    """Return header, claims and signature of a signed JSON Web Token; None for any other string."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        header, claims = (json.loads(decoded(piece)) for piece in pieces[:2])
        signature = decoded(pieces[2])
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict) or not isinstance(header.get("alg"), str):
        return None
    return header, claims, signature


def decoded(text: str) -> bytes:
    """Return the octets of base64url without padding.

    Raises:
        ValueError: it is none.

    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def encoded(value: bytes | dict[str, Any]) -> str:
    """Return bytes, or an object as compact JSON, in base64url without padding."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Return a token with a signature that is made elsewhere, or with none.

    Args:
        header: its JOSE header.
        claims: its claims.
        signature: octets.

    """
    return f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"


def signed(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Return a token that is signed by HMAC.

    Args:
        header: its JOSE header; ``alg`` becomes HS256 unless it names an HMAC.
        claims: its claims.
        key: of the HMAC.

    """
    alg = header.get("alg")
    header = {**header, "alg": alg if alg in HASHES else "HS256"}
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(key, text.encode(), HASHES[header['alg']]).digest())}"


def key_of(token: str, guesses: list[bytes]) -> bytes | None:
    """Return which guess is the HMAC key that signed a token; None when it is none of them, or no HMAC."""
    found = parts(token)
    if found is None or found[0]["alg"] not in HASHES:
        return None
    text, _, _ = token.rpartition(".")
    made = HASHES[found[0]["alg"]]
    return next(
        (
            key
            for key in guesses
            if hmac.compare_digest(hmac.new(key, text.encode(), made).digest(), found[2])
        ),
        None,
    )
