"""Users, permissions and tokens, in memory.

Nothing here is asynchronous and everything is called from the event loop's thread, so that a change
is visible to every connection before anything else can happen.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass
class User:
    """A user; `groups` is confirmed to the client, `permissions` is what `check_permission` asks about."""

    user_id: int
    name: str
    groups: list[str] = field(default_factory=list)
    permissions: set[str] = field(default_factory=set)
    roles: list[str] = field(default_factory=list)
    menus: list[str] = field(default_factory=list)
    active: bool = True


@dataclass
class Token:
    """A bearer token of a user, without its secret; times are seconds since the epoch."""

    user: User
    not_before: float = -math.inf
    not_after: float = math.inf
    revoked: bool = False

    @property
    def good(self) -> bool:
        """Whether the token identifies its user now."""
        return self.user.active and not self.revoked and self.not_before <= time.time() < self.not_after


class ConfigurationError(Exception):
    """A token in the environment cannot be used; the text names the variable, never the token."""


class State:
    """Everything the server knows, as it is at the start.

    `environment` may carry the secret of each token, in the variables named by `initial_tokens`; a
    variable that is absent or empty means the public demonstration token, listed in `demo_tokens`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.demo_tokens: dict[str, str] = {}
        self._digests: dict[str, bytes] = {}
        for variable in initial_tokens(initial_users()):
            secret = environment.get(variable, "")
            if not secret:
                secret = variable.lower().removesuffix("_token").replace("_", "-") + "-demo-token"
                self.demo_tokens[variable] = secret
            elif not re.fullmatch(r"[!-~]+", secret):
                raise ConfigurationError(f"{variable} must be printable ASCII without spaces")
            if digest(secret) in self._digests.values():
                raise ConfigurationError(f"{variable} holds the same token as another variable")
            self._digests[variable] = digest(secret)
        self.users = initial_users()
        self.tokens: dict[bytes, Token] = {}
        self.restore_tokens()

    def restore_tokens(self) -> None:
        """Bring every token back to the start, for the users as they are now."""
        tokens = initial_tokens(self.users)
        self.tokens = {self._digests[variable]: token for variable, token in tokens.items()}

    def find_token(self, secret: str) -> Token | None:
        """Return the token with this secret, good or not, or None when nobody has it.

        Secrets are found by their digest: how long that takes says nothing about how much of a guess
        was right, and the secrets themselves are not kept.
        """
        return self.tokens.get(digest(secret))


def digest(secret: str) -> bytes:
    """Return what the server keeps of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def initial_users() -> dict[int, User]:
    """Return the users by id, as they are at the start."""
    users = [
        User(1, "alice", ["editors", "staff"], {"articles.view"}),
        User(2, "bob", ["viewers"]),
        # 2^53 + 1: a server that keeps ids in floating point cannot write it.
        User(9007199254740993, "carol"),
        *(User(900 + number, f"disposable-{number}") for number in range(1, 7)),
        User(907, "inactive", active=False),
    ]
    return {user.user_id: user for user in users}


def initial_tokens(users: Mapping[int, User]) -> dict[str, Token]:
    """Return the tokens by the environment variable that holds each one's secret."""
    alice = users[1]
    now = time.time()
    return {
        "ALICE_TOKEN": Token(alice),
        "BOB_TOKEN": Token(users[2]),
        "CAROL_TOKEN": Token(users[9007199254740993]),
        **{f"DISPOSABLE_{number}_TOKEN": Token(users[900 + number]) for number in range(1, 7)},
        "EXPIRED_TOKEN": Token(alice, not_after=now - HOUR),
        "NOT_YET_TOKEN": Token(alice, not_before=now + DAY),
        "REVOKED_TOKEN": Token(alice, revoked=True),
        "INACTIVE_TOKEN": Token(users[907]),
    }
