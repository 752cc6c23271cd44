"""The four events: what they say, and whom they reach."""

from __future__ import annotations

import asyncio
import uuid

from reference_server import actions, events, identity, session
from reference_server.events import Hub
from reference_server.handshake import Refusal
from reference_server.state import Token
from tests.defects.registry import around, chapter

TYPES = "events/test_types.py"
defect = chapter(TYPES, "events/test_isolation.py", "events/test_delivery.py", time_scale=0.5)
ONLY = (TYPES,)
FLAG = {"events.feature-flags": "the flag promises an event that does not come"}


def published(change):
    """Change an event's type and data before it is published; ``None`` publishes nothing."""

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        data = change(event, dict(data))
        if data is not None:
            original(self, event, data, user_id=user_id)


ANNOUNCED = f"{TYPES}::test_change_is_announced_to_its_user"


@defect(
    "events.permission-changed",
    files=(ANNOUNCED, f"{TYPES}::test_revoked_permission_is_announced_as_not_granted"),
)
def announces_a_revoked_permission_as_granted() -> None:
    published(lambda _, data: data | {"granted": True} if "granted" in data else data)


@defect("events.role-updated", files=ONLY, companions=FLAG)
def does_not_announce_roles() -> None:
    published(lambda event, data: None if event == "role_updated" else data)


@defect("events.menu-access-updated", files=ONLY, companions=FLAG)
def announces_the_menus_that_were_before() -> None:
    before = {}

    def change(event, data):
        if event == "menu_access_updated":
            data["menus"], before[data["user_id"]] = before.get(data["user_id"], []), data["menus"]
        return data

    published(change)


@defect("events.cache-invalidated", files=ONLY, companions=FLAG)
def announces_the_first_key_only() -> None:
    def change(event, data):
        return data | {"keys": data["keys"][:1]} if data.get("scope") == "user" else data

    published(change)


@defect("events.cache-invalidated-for-all", files=ONLY)
def forgets_anonymous_when_it_tells_all() -> None:
    @around(events.Peer, "push")
    def push(original, self, text):
        return True if '"scope":"all"' in text and self.identity.user_id is None else original(self, text)


@defect("events.exact-data", files=ONLY)
def writes_names_in_ascii() -> None:
    def change(_, data):
        if "permission" in data:
            data["permission"] = data["permission"].encode("ascii", "replace").decode()
        return data

    published(change)


@defect("events.exact-data", files=ONLY)
def announces_user_ids_as_doubles() -> None:
    published(lambda _, data: data | {"user_id": int(float(data["user_id"]))} if "user_id" in data else data)


@defect("events.event-id")
def makes_the_event_id_from_the_data() -> None:
    last = []

    @around(Hub, "publish")
    def publish(original, self, event, data, **how):
        last[:] = [str(sorted(data.items()))]
        original(self, event, data, **how)

    class Uuid:
        @staticmethod
        def uuid4():
            return uuid.uuid5(uuid.NAMESPACE_OID, last[0])

    events.uuid = Uuid


@defect("events.same-event-id")
def gives_each_connection_an_event_id_of_its_own() -> None:
    @around(events.Peer, "push")
    def push(original, self, text):
        message = session.json.loads(text)
        if "event_id" in message:
            text = session.encode({**message, "event_id": str(uuid.uuid4())})
        return original(self, text)


@defect("events.server-time", files=ONLY)
def says_the_sixtieth_second_in_events() -> None:
    around(events, "server_time")(lambda _: "2026-06-30T23:59:60+00:00")


FALSE = "its flag says that it is not delivered, so it is not judged"


@defect(
    "events.feature-flags",
    files=ONLY,
    companions={"events.menu-access-updated": FALSE},
)
def delivers_what_its_flag_denies() -> None:
    session.FEATURES["menu_access_updates"] = False


@defect("events.prompt", files=ONLY, time_scale=0.2)
def announces_caches_with_the_next_tick() -> None:
    later = []

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        def now():
            original(self, event, data, user_id=user_id)

        if event == "cache_invalidated":
            later.append(asyncio.get_running_loop().call_later(1.0, now))
        else:
            now()


def reaching(others):
    """Let an event reach further connections, too."""

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        original(self, event, data, user_id=user_id)
        if user_id is None:
            return
        text = session.encode(
            {"type": event, "event_id": str(uuid.uuid4()), "server_time": session.server_time(), "data": data}
        )
        for peer in list(self._peers):
            if peer.identity.user_id != user_id and others(event, peer.identity.user_id):
                peer.push(text)


@defect("events.not-to-other-users")
def tells_all_users_about_menus() -> None:
    reaching(lambda event, user_id: event == "menu_access_updated" and user_id is not None)


@defect("events.not-to-anonymous")
def tells_anonymous_about_roles() -> None:
    reaching(lambda event, user_id: event == "role_updated" and user_id is None)


BURNED = ("events/test_burned_tokens.py",)


@defect("events.burned-token-refused", files=BURNED)
def keeps_good_tokens_in_a_cache() -> None:
    known = {}

    @around(identity, "the_one_token")
    def the_one_token(original, state, carriers):
        secrets = tuple(secret for values in carriers for secret in values)
        try:
            token = original(state, carriers)
        except Refusal:
            if secrets in known:
                return Token(known[secrets])
            raise
        if token is not None:
            known[secrets] = token.user
        return token


@defect("events.closed-when-burned", files=BURNED)
def keeps_connections_of_expired_tokens() -> None:
    @around(actions.Actions, "close_unauthenticated")
    def close_unauthenticated(original, self, reason):
        if "expired" not in reason:
            original(self, reason)


@defect("events.burning-harms-nobody", files=BURNED)
def closes_everybody_when_one_token_is_revoked() -> None:
    @around(Hub, "close_where")
    def close_where(original, self, condition, code, reason):
        original(self, condition if "revoked" not in reason else lambda _: True, code, reason)
