"""What a conformance run can change: the functions that `conformance_control` calls.

Each commits its change first and sends its event second. One that changes nothing announces nothing.
"""

from asgiref.sync import async_to_sync
from conformance_control.actions import listed
from conformance_control.actions import user_id as id_of
from django.db import transaction
from django.utils import timezone

from permissions import events
from permissions.models import CODENAME_LENGTH, Permission, Token, User
from permissions.seed import restore
from permissions.tokens import digest_of


def publish(publication):
    async_to_sync(publication.send)()


def user_of(user_id):
    return User.objects.get(id=id_of(user_id))


def codename_of(permission):
    if not 1 <= len(permission) <= CODENAME_LENGTH:
        raise ValueError("permission")
    return permission


def grant(user_id, permission):
    user, codename = user_of(user_id), codename_of(permission)
    _, changed = Permission.objects.get_or_create(user=user, codename=codename)
    if changed:
        publish(events.permission_changed(user.id, codename, granted=True))


def revoke(user_id, permission):
    user, codename = user_of(user_id), codename_of(permission)
    deleted, _ = Permission.objects.filter(user=user, codename=codename).delete()
    if deleted:
        publish(events.permission_changed(user.id, codename, granted=False))


def set_roles(user_id, roles):
    user, names = user_of(user_id), listed(roles)
    if names != user.roles:
        user.roles = names
        user.save(update_fields=["roles"])
        publish(events.role_updated(user.id, names))


def set_menus(user_id, menus):
    user, names = user_of(user_id), listed(menus)
    if names != user.menus:
        user.menus = names
        user.save(update_fields=["menus"])
        publish(events.menu_access_updated(user.id, names))


def invalidate_cache(scope, user_id=None, keys=""):
    if scope == "all":
        publish(events.cache_invalidated(listed(keys)))
    elif scope == "user" and user_id is not None:
        publish(events.cache_invalidated(listed(keys), user_of(user_id).id))
    else:
        raise ValueError("scope" if user_id is not None else "user_id")


def _end_tokens(token, user_id, **change):
    """Change one token, or every token of a user, and end what they opened."""
    user = user_of(user_id) if user_id is not None else None
    if token is None:
        if user is None:
            raise ValueError("token or user_id")
        user.tokens.update(**change)
        publish(events.session_ended(user.id))
        return
    found = Token.objects.get(digest=digest_of(token))
    if user is not None and user.id != found.user_id:
        raise ValueError("user_id")
    Token.objects.filter(digest=found.digest).update(**change)
    publish(events.session_ended(found.user_id, found.digest))


def revoke_token(token=None, user_id=None):
    _end_tokens(token, user_id, revoked=True)


def expire_token(token=None, user_id=None):
    _end_tokens(token, user_id, expires_at=timezone.now())


def deactivate_user(user_id):
    user = user_of(user_id)
    user.is_active = False
    user.save(update_fields=["is_active"])
    publish(events.session_ended(user.id))


def reset():
    with transaction.atomic():
        restore()


ACTIONS = {
    "grant": grant,
    "revoke": revoke,
    "set-roles": set_roles,
    "set-menus": set_menus,
    "invalidate-cache": invalidate_cache,
    "revoke-token": revoke_token,
    "expire-token": expire_token,
    "deactivate-user": deactivate_user,
    "reset": reset,
}
