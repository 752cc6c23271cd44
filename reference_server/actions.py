"""The changes a tester can cause: first the state, then the event, in one step of the event loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .routes import parse_user_id
from .state import State, Token, User, initial_users

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import Hub

Parameters = dict[str, str]


class BadParameterError(Exception):
    """Answered with 400."""


class NotFoundError(Exception):
    """Answered with 404."""


class Actions:
    """The changes; each happens in one step of the event loop: first the state, then the event."""

    def __init__(self, state: State, hub: Hub) -> None:
        self.state = state
        self.hub = hub
        self.by_name: dict[str, Callable[[Parameters], None]] = {
            "grant": lambda parameters: self.set_permission(parameters, granted=True),
            "revoke": lambda parameters: self.set_permission(parameters, granted=False),
            "set-roles": lambda parameters: self.set_roles(self.user(parameters), items(parameters, "roles")),
            "set-menus": lambda parameters: self.set_menus(self.user(parameters), items(parameters, "menus")),
            "invalidate-cache": self.invalidate_cache,
            "revoke-token": self.revoke_token,
            "expire-token": self.expire_token,
            "deactivate-user": self.deactivate_user,
            "reset": self.reset,
        }

    def perform(self, name: str, parameters: Parameters) -> None:
        """Make a change. Raises `BadParameterError` or `NotFoundError`, and then has changed nothing."""
        if name not in self.by_name:
            raise NotFoundError("no such action")
        self.by_name[name](parameters)

    async def carry_out(self, name: str, parameters: Parameters) -> None:
        """Make a change that was asked for; a cluster does it by way of its log."""
        self.perform(name, parameters)

    def set_permission(self, parameters: Parameters, *, granted: bool) -> None:
        """Grant or revoke one permission; what is so already is not a change and causes no event."""
        user, permission = self.user(parameters), required(parameters, "permission")
        if not permission:
            raise BadParameterError("permission is empty")
        self.change_permission(user, permission, granted=granted)

    def change_permission(self, user: User, permission: str, *, granted: bool) -> None:
        """Bring one permission of a user to a value."""
        if (permission in user.permissions) == granted:
            return
        if granted:
            user.permissions.add(permission)
        else:
            user.permissions.remove(permission)
        data = {"user_id": user.user_id, "permission": permission, "granted": granted}
        self.hub.publish("permission_changed", data, user_id=user.user_id)

    def set_roles(self, user: User, roles: list[str]) -> None:
        """Replace a user's roles."""
        if roles != user.roles:
            user.roles = roles
            data = {"user_id": user.user_id, "roles": roles}
            self.hub.publish("role_updated", data, user_id=user.user_id)

    def set_menus(self, user: User, menus: list[str]) -> None:
        """Replace the menus a user may see."""
        if menus != user.menus:
            user.menus = menus
            data = {"user_id": user.user_id, "menus": menus}
            self.hub.publish("menu_access_updated", data, user_id=user.user_id)

    def invalidate_cache(self, parameters: Parameters) -> None:
        """Tell one user, or everyone and anonymous connections too, to forget what they cached."""
        scope = required(parameters, "scope")
        if scope not in ("user", "all"):
            raise BadParameterError("scope must be user or all")
        user_id = self.user(parameters).user_id if scope == "user" else None
        data = {"scope": scope, "keys": items(parameters, "keys", default="")}
        self.hub.publish("cache_invalidated", data, user_id=user_id)

    def revoke_token(self, parameters: Parameters) -> None:
        """Revoke one token, or all of a user; its connections close."""
        for token in self.chosen_tokens(parameters):
            token.revoked = True
        self.close_unauthenticated("The token was revoked.")

    def expire_token(self, parameters: Parameters) -> None:
        """Let one token, or all of a user, expire now; its connections close."""
        for token in self.chosen_tokens(parameters):
            token.not_after = min(token.not_after, time.time())
        self.close_unauthenticated("The token expired.")

    def deactivate_user(self, parameters: Parameters) -> None:
        """Deactivate a user; the user's connections close."""
        self.user(parameters).active = False
        self.close_unauthenticated("The user was deactivated.")

    def close_unauthenticated(self, reason: str) -> None:
        """Close every connection whose token is no longer good."""
        self.hub.close_where(lambda who: who.token is not None and not who.token.good, 4401, reason)

    def reset(self, _: Parameters) -> None:
        """Bring everything back to the start; what changes for a user is announced like any change."""
        start = initial_users()
        for user in self.state.users.values():
            first = start[user.user_id]
            user.active = first.active
            for permission in sorted(user.permissions ^ first.permissions):
                self.change_permission(user, permission, granted=permission in first.permissions)
            self.set_roles(user, first.roles)
            self.set_menus(user, first.menus)
        self.state.restore_tokens()

    def user(self, parameters: Parameters) -> User:
        """Return the user that the parameters name."""
        user_id = parse_user_id(required(parameters, "user_id"))
        if user_id is None:
            raise BadParameterError("user_id is not a user id")
        if user_id not in self.state.users:
            raise NotFoundError("no such user")
        return self.state.users[user_id]

    def chosen_tokens(self, parameters: Parameters) -> list[Token]:
        """Return the one token that the parameters name, or all tokens of the user."""
        if "token" in parameters:
            token = self.state.find_token(parameters["token"])
            if token is None:
                raise NotFoundError("no such token")
            return [token]
        user = self.user(parameters)
        return [token for token in self.state.tokens.values() if token.user is user]


def required(parameters: Parameters, name: str) -> str:
    """Return a parameter that must be there."""
    if name not in parameters:
        raise BadParameterError(f"{name} is missing")
    return parameters[name]


def items(parameters: Parameters, name: str, *, default: str | None = None) -> list[str]:
    """Return the items of a comma-separated parameter; the empty text is the empty list."""
    text = required(parameters, name) if default is None else parameters.get(name, default)
    return [item for item in text.split(",") if item]
