"""The reference server with JSON Web Tokens, right and wrong; the profile's tokens lie in `tokens/`.

`python -m tests.defects.jwt_tokens` writes them anew. The keys are for these tests alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.target.jwt import decoded, encoded
from reference_server.state import State, Token
from tests.defects.registry import around, chapter

FOLDER = Path(__file__).parent / "tokens"
KEY = hashlib.sha256(b"the HMAC key of the tests").digest()
PRIVATE = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"the private key of the tests").digest())
PUBLIC = PRIVATE.public_key()
PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
USERS = {"alice": 1, "bob": 2}
FILES = ("auth/test_jwt.py", "auth/test_carriers.py")


def profile(algorithm="HS256"):
    """What to replace in the profile so that its tokens are signed by this algorithm."""
    replaced = {}
    for name in USERS:
        file = json.dumps(str(FOLDER / f"{name}.{algorithm.lower()}"))
        replaced[f'token = {{ generate = "{name.upper()}_TOKEN" }}'] = f"token = {{ file = {file} }}"
    public = json.dumps(str(FOLDER / "public.pem"))
    return replaced | {"[limits]": f"[jwt]\npublic_key = {public}\n\n[limits]"}


def token_of(name, algorithm, key=KEY):
    header = {"alg": algorithm, "typ": "JWT"}
    claims = {"sub": name, "user_id": USERS[name], "exp": 4102444800}
    text = f"{encoded(header)}.{encoded(claims)}"
    signed = PRIVATE.sign(text.encode()) if algorithm == "EdDSA" else mac(key, text)
    return f"{text}.{encoded(signed)}"


def mac(key, text):
    return hmac.digest(key, text.encode(), "sha256")


class Verifier:
    """Right: the algorithm is the server's choice, and so is the key."""

    algorithm = "HS256"
    key = KEY

    def claims(self, token):
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            text, _, signature = token.rpartition(".")
            header, claims = (json.loads(decoded(part)) for part in text.split("."))
            if self.good(header, text, decoded(signature)) and claims["exp"] > time.time():
                return claims
        return None

    def good(self, header, text, signature):
        if header["alg"] != self.algorithm:
            return False
        if self.algorithm == "HS256":
            return hmac.compare_digest(mac(self.key, text), signature)
        with suppress(InvalidSignature):
            PUBLIC.verify(signature, text.encode())
            return True
        return False


def speaks(verifier):
    """Let the server take JSON Web Tokens beside its own."""

    @around(State, "find_token")
    def find_token(original, self, secret):
        claims = verifier.claims(secret)
        user = self.users.get(claims.get("user_id")) if claims else None
        return Token(user) if user else original(self, secret)


jwt = chapter(*FILES)


def defect(requirement, algorithm="HS256"):
    return jwt(requirement, profile=profile(algorithm))


@defect("auth.jwt-signature")
def takes_the_algorithm_none_spelled_with_a_capital() -> None:
    class Wrong(Verifier):
        def good(self, header, text, signature):
            return header["alg"] == "None" or super().good(header, text, signature)

    speaks(Wrong())


@defect("auth.jwt-signature")
def compares_as_much_of_the_signature_as_there_is() -> None:
    class Wrong(Verifier):
        def good(self, header, text, signature):
            return mac(self.key, text).startswith(signature) and header["alg"] == "HS256"

    speaks(Wrong())


@defect("auth.jwt-signature")
def verifies_the_header_alone() -> None:
    class Wrong(Verifier):
        def claims(self, token):
            header, _, rest = token.partition(".")
            known = token_of("alice", "HS256").partition(".")
            if header == known[0] and rest.rpartition(".")[2] == known[2].rpartition(".")[2]:
                return json.loads(decoded(rest.partition(".")[0]))
            return super().claims(token)

    speaks(Wrong())


@defect("auth.jwt-own-key")
def finds_its_key_in_a_file_that_the_token_names() -> None:
    class Wrong(Verifier):
        def good(self, header, text, signature):
            named = header.get("kid", "")
            self.key = Path("/usr/share", named).read_bytes() if named.endswith("/dev/null") else KEY
            return super().good(header, text, signature)

    speaks(Wrong())


@defect("auth.jwt-own-key")
def verifies_by_the_key_in_the_header() -> None:
    class Wrong(Verifier):
        def good(self, header, text, signature):
            self.key = decoded(header["jwk"]["k"]) if "jwk" in header else KEY
            return super().good(header, text, signature)

    speaks(Wrong())


@defect("auth.jwt-own-key")
def fetches_the_keys_that_a_token_points_to() -> None:
    class Wrong(Verifier):
        def good(self, header, text, signature):
            if "jku" in header:
                with suppress(OSError):
                    urllib.request.urlopen(header["jku"], timeout=0.3)
            return super().good(header, text, signature)

    speaks(Wrong())


@defect("auth.jwt-algorithm", algorithm="EdDSA")
def lets_the_token_choose_how_its_public_key_is_used() -> None:
    class Wrong(Verifier):
        algorithm = "EdDSA"

        def good(self, header, text, signature):
            if header["alg"] == "HS256":
                return mac(PEM.rstrip(), text) == signature
            return super().good(header, text, signature)

    speaks(Wrong())


@jwt("auth.jwt-weak-key", profile=profile("weak"))
def signs_with_the_word_of_a_tutorial() -> None:
    class Wrong(Verifier):
        key = b"your-256-bit-secret"

    speaks(Wrong())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "public.pem").write_bytes(PEM)
    for name in USERS:
        (FOLDER / f"{name}.hs256").write_text(token_of(name, "HS256"), "utf-8")
        (FOLDER / f"{name}.eddsa").write_text(token_of(name, "EdDSA"), "utf-8")
        (FOLDER / f"{name}.weak").write_text(token_of(name, "HS256", b"your-256-bit-secret"), "utf-8")
