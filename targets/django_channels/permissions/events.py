"""The events that the service pushes, and the groups that they are sent to."""

import uuid
from dataclasses import dataclass

from channels.layers import get_channel_layer

from permissions.messages import encode, server_time

EVERYONE = "permissions.everyone"


def user_group(user_id):
    return f"permissions.user.{user_id}"


@dataclass(frozen=True)
class Publication:
    """A channel-layer message and the group of connections that it is for."""

    group: str
    message: dict

    async def send(self):
        await get_channel_layer().group_send(self.group, self.message)


def _event(group, event_type, data):
    # Encoded once: every connection on every node gets the same text, hence the same event_id.
    event = {"type": event_type, "event_id": str(uuid.uuid4()), "server_time": server_time(), "data": data}
    return Publication(group, {"type": "permissions.event", "text": encode(event)})


def permission_changed(user_id, permission, *, granted):
    data = {"user_id": user_id, "permission": permission, "granted": granted}
    return _event(user_group(user_id), "permission_changed", data)


def role_updated(user_id, roles):
    return _event(user_group(user_id), "role_updated", {"user_id": user_id, "roles": roles})


def menu_access_updated(user_id, menus):
    return _event(user_group(user_id), "menu_access_updated", {"user_id": user_id, "menus": menus})


def cache_invalidated(keys, user_id=None):
    """For one user, or with no `user_id` for everyone, anonymous connections included."""
    if user_id is None:
        return _event(EVERYONE, "cache_invalidated", {"scope": "all", "keys": keys})
    data = {"scope": "user", "user_id": user_id, "keys": keys}
    return _event(user_group(user_id), "cache_invalidated", data)


def session_ended(user_id, token_digest=None):
    """Ends a user's connections: those opened with one token, or all of them."""
    message = {"type": "permissions.session_ended", "token_digest": token_digest}
    return Publication(user_group(user_id), message)
