"""What the control interface can do: each action changes the database and returns what to publish.

An action that changes nothing announces nothing.
"""

import re

from django.utils import timezone

from permissions import events
from permissions.models import CODENAME_LENGTH, Permission, Token, User
from permissions.seed import restore
from permissions.tokens import digest_of

MAX_USER_ID = 2**63 - 1


class BadParameterError(Exception):
    """A parameter is missing, given twice, or not of its form."""


class UnknownSubjectError(Exception):
    """The user or the token does not exist."""


def one(parameters, name, default=None):
    """The single value of a parameter; without a default it is required."""
    values = parameters.getlist(name) or ([] if default is None else [default])
    if len(values) != 1:
        raise BadParameterError(name)
    return values[0]


def listed(parameters, name, default=None):
    return [item for item in one(parameters, name, default).split(",") if item]


def user_of(parameters):
    text = one(parameters, "user_id")
    if not re.fullmatch("[1-9][0-9]{0,18}", text) or int(text) > MAX_USER_ID:
        raise BadParameterError("user_id")
    try:
        return User.objects.get(id=int(text))
    except User.DoesNotExist as error:
        raise UnknownSubjectError from error


def permission_of(parameters):
    codename = one(parameters, "permission")
    if not 1 <= len(codename) <= CODENAME_LENGTH:
        raise BadParameterError("permission")
    return codename


def grant(parameters):
    user, codename = user_of(parameters), permission_of(parameters)
    _, changed = Permission.objects.get_or_create(user=user, codename=codename)
    return [events.permission_changed(user.id, codename, granted=True)] if changed else []


def revoke(parameters):
    user, codename = user_of(parameters), permission_of(parameters)
    deleted, _ = Permission.objects.filter(user=user, codename=codename).delete()
    return [events.permission_changed(user.id, codename, granted=False)] if deleted else []


def set_roles(parameters):
    user, roles = user_of(parameters), listed(parameters, "roles")
    if roles == user.roles:
        return []
    user.roles = roles
    user.save(update_fields=["roles"])
    return [events.role_updated(user.id, roles)]


def set_menus(parameters):
    user, menus = user_of(parameters), listed(parameters, "menus")
    if menus == user.menus:
        return []
    user.menus = menus
    user.save(update_fields=["menus"])
    return [events.menu_access_updated(user.id, menus)]


def invalidate_cache(parameters):
    scope, keys = one(parameters, "scope"), listed(parameters, "keys", default="")
    if scope == "all":
        return [events.cache_invalidated(keys)]
    if scope == "user":
        return [events.cache_invalidated(keys, user_of(parameters).id)]
    raise BadParameterError("scope")


def _end_tokens(parameters, **change):
    """Change the token named by `token`, or every token of `user_id`, and end what they opened."""
    if "token" in parameters:
        token = Token.objects.filter(digest=digest_of(one(parameters, "token"))).first()
        if token is None:
            raise UnknownSubjectError
        if "user_id" in parameters and user_of(parameters).id != token.user_id:
            raise BadParameterError("user_id")
        Token.objects.filter(digest=token.digest).update(**change)
        return [events.session_ended(token.user_id, token.digest)]
    user = user_of(parameters)
    user.tokens.update(**change)
    return [events.session_ended(user.id)]


def revoke_token(parameters):
    return _end_tokens(parameters, revoked=True)


def expire_token(parameters):
    return _end_tokens(parameters, expires_at=timezone.now())


def deactivate_user(parameters):
    user = user_of(parameters)
    user.is_active = False
    user.save(update_fields=["is_active"])
    return [events.session_ended(user.id)]


def reset(parameters):
    restore()
    return []


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
