"""What a conformance run may change, shared by the Python targets: docs/control.md says what it asks for.

Each change is made in one step of the event loop: first the state, then the event.
"""

import inspect
import ipaddress
import os
import time

from permissions import digest, is_user_id, seed

ENABLED = os.environ.get("CONTROL_ENABLED") == "1"
# Headers that only a browser or a proxy adds: neither may drive this interface.
FOREIGN_HEADERS = ("origin", "forwarded", "x-forwarded-for")


class Control:
    """The changes, each a method named for its action; every parameter is a string.

    ValueError is a bad parameter, LookupError a user or token that is not there.
    """

    def __init__(self, service):
        self.service = service

    def answer(self, action, parameters, *, client, header):
        """Make a change; return the status of the answer.

        `parameters` are pairs, `client` is the client's address, `header` gives a header's values.
        """
        if not ENABLED:
            return 404
        if not ipaddress.ip_address(client).is_loopback or any(header(name) for name in FOREIGN_HEADERS):
            return 403
        change = getattr(self, f"do_{action.replace('-', '_')}", None)
        if change is None:
            return 404
        if len(dict(parameters)) < len(parameters):
            return 400
        try:
            inspect.signature(change).bind(**dict(parameters))
            change(**dict(parameters))
        except (TypeError, ValueError):
            return 400
        except LookupError:
            return 404
        return 204

    def user(self, user_id):
        if not is_user_id(user_id):
            raise ValueError(user_id)
        return self.service.users[int(user_id)]

    def do_grant(self, user_id, permission):
        self.set_permission(self.user(user_id), permission, granted=True)

    def do_revoke(self, user_id, permission):
        self.set_permission(self.user(user_id), permission, granted=False)

    def set_permission(self, user, permission, *, granted):
        if not permission:
            raise ValueError(permission)
        if (permission in user.permissions) == granted:
            return
        user.permissions ^= {permission}
        data = {"user_id": user.id, "permission": permission, "granted": granted}
        self.service.publish("permission_changed", data, user.id)

    def do_set_roles(self, user_id, roles):
        user, roles = self.user(user_id), listed(roles)
        if user.roles != roles:
            user.roles = roles
            self.service.publish("role_updated", {"user_id": user.id, "roles": roles}, user.id)

    def do_set_menus(self, user_id, menus):
        user, menus = self.user(user_id), listed(menus)
        if user.menus != menus:
            user.menus = menus
            self.service.publish("menu_access_updated", {"user_id": user.id, "menus": menus}, user.id)

    def do_invalidate_cache(self, scope, user_id="", keys=""):
        if scope not in {"user", "all"}:
            raise ValueError(scope)
        data = {"scope": scope, "keys": listed(keys)}
        self.service.publish("cache_invalidated", data, self.user(user_id).id if scope == "user" else None)

    def do_revoke_token(self, token=None, user_id=None):
        for one in self.tokens(token, user_id):
            one.revoked = True
        self.service.close_unauthenticated()

    def do_expire_token(self, token=None, user_id=None):
        for one in self.tokens(token, user_id):
            one.not_after = min(one.not_after, time.time())
        self.service.close_unauthenticated()

    def do_deactivate_user(self, user_id):
        self.user(user_id).active = False
        self.service.close_unauthenticated()

    def do_reset(self):
        self.service.users, self.service.tokens = seed()

    def tokens(self, token, user_id):
        if token is not None:
            return [self.service.tokens[digest(token)]]
        if user_id is None:
            raise ValueError("token or user_id")
        user = self.user(user_id)
        return [one for one in self.service.tokens.values() if one.user_id == user.id]


def listed(text):
    return [item for item in text.split(",") if item]
