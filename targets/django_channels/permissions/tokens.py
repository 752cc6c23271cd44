"""From a bearer token to the user it stands for."""

import datetime as dt
import hashlib
from dataclasses import dataclass

from channels.db import database_sync_to_async
from django.utils import timezone

from permissions.models import Token


@dataclass(frozen=True)
class Caller:
    """An authenticated client, as long as `token_digest` stays valid."""

    user_id: int
    groups: tuple[str, ...]
    token_digest: str
    expires_at: dt.datetime | None


def digest_of(token):
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@database_sync_to_async
def caller_of(token_digest):
    """The caller behind a token digest, or None if the token is not good at this moment."""
    token = Token.objects.select_related("user").filter(digest=token_digest).first()
    now = timezone.now()
    if (
        token is None
        or token.revoked
        or not token.user.is_active
        or (token.not_before and now < token.not_before)
        or (token.expires_at and now >= token.expires_at)
    ):
        return None
    return Caller(token.user_id, tuple(token.user.groups), token.digest, token.expires_at)
