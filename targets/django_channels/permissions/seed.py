"""The state that a conformance run, or a demo, starts from."""

import datetime as dt
import os

from django.db import transaction
from django.utils import timezone

from permissions.models import Permission, Token, User
from permissions.tokens import digest_of

# id, name, groups, permissions, is_active. Carol's id has no exact double: 2^53 + 1.
USERS = [
    (1, "alice", ["editors", "staff"], ["articles.view"], True),
    (2, "bob", ["viewers"], [], True),
    (9_007_199_254_740_993, "carol", [], [], True),
    *((900 + n, f"disposable_{n}", [], [], True) for n in range(1, 7)),
    (907, "inactive", [], [], False),
]


def token_for(name):
    """The secret that the environment gives to `name`, else a default that anybody can guess."""
    return os.environ.get(f"{name.upper()}_TOKEN") or f"{name.replace('_', '-')}-demo-token"


def bad_tokens(now):
    """(name, user id, what is wrong with it) of the tokens that must not open anything."""
    return [
        ("expired", 1, {"expires_at": now - dt.timedelta(hours=1)}),
        ("not_yet", 1, {"not_before": now + dt.timedelta(days=1)}),
        ("revoked", 1, {"revoked": True}),
    ]


@transaction.atomic
def restore():
    """Bring users, tokens and permissions back to the start, whatever happened to them."""
    Permission.objects.all().delete()
    Token.objects.all().delete()
    User.objects.exclude(id__in=[user_id for user_id, *_ in USERS]).delete()
    for user_id, name, groups, permissions, is_active in USERS:
        fields = {"name": name, "groups": groups, "roles": [], "menus": [], "is_active": is_active}
        User.objects.update_or_create(id=user_id, defaults=fields)
        Token.objects.create(digest=digest_of(token_for(name)), user_id=user_id)
        for codename in permissions:
            Permission.objects.create(user_id=user_id, codename=codename)
    for name, user_id, fault in bad_tokens(timezone.now()):
        Token.objects.create(digest=digest_of(token_for(name)), user_id=user_id, **fault)
