"""What goes wrong only in a certain order of things: found by the model of the protocol."""

from __future__ import annotations

from reference_server import session
from reference_server.events import Hub
from reference_server.handshake import StrictConnection
from tests.defects.registry import around, chapter

defect = chapter("events/test_model.py", time_scale=0.1)


def written(event, data):
    """Return the text of an event that is sent past the hub."""
    message = {"type": event, "event_id": "past-the-hub", "server_time": session.server_time(), "data": data}
    return session.encode(message)


@defect("events.model", sample=False)  # whoever connects beside a change of the sample would miss it too
def loses_the_second_change_while_somebody_connects() -> None:
    """While a handshake is under way, one change of each user is kept for later delivery, and no second."""
    connecting = set()
    waiting = set()

    @around(StrictConnection, "connection_made")
    def connection_made(original, self, transport):
        connecting.add(self)
        original(self, transport)

    @around(StrictConnection, "connection_lost")
    def connection_lost(original, self, error):
        connecting.discard(self)
        original(self, error)

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        connecting.discard(peer.websocket)
        if not connecting:
            waiting.clear()
        original(self, peer, confirmation)

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        if connecting and user_id is not None:
            if user_id in waiting:
                return
            waiting.add(user_id)
        original(self, event, data, user_id=user_id)


@defect("events.model")
def tells_whoever_comes_back_twice() -> None:
    """The subscription of a connection that was closed is found again by the next one of its user."""
    left = set()

    @around(Hub, "leave")
    def leave(original, self, peer):
        original(self, peer)
        who = peer.identity.user_id
        if who is not None and any(one.identity.user_id == who for one in self._peers):
            left.add(who)

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        original(self, peer, confirmation)
        if peer.identity.user_id in left:
            left.discard(peer.identity.user_id)
            once = peer.push
            peer.push = lambda text: once(text) and ('"permission_changed"' not in text or once(text))


@defect("events.model")
def remembers_what_it_announced_by_permission_alone() -> None:
    """A cache against needless events whose key lacks the user."""
    announced = {}

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        if event == "permission_changed":
            if announced.get(data["permission"], False) is data["granted"]:
                return
            announced[data["permission"]] = data["granted"]
        original(self, event, data, user_id=user_id)


@defect("events.model")
def gives_the_place_of_who_left_to_anonymous() -> None:
    """Places in a table are used again, and one thing in them is not cleared."""
    free = []

    @around(Hub, "leave")
    def leave(original, self, peer):
        if peer in self._peers and peer.identity.user_id is not None:
            free.append(peer.identity.user_id)
        original(self, peer)

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        original(self, peer, confirmation)
        if peer.identity.user_id is None and free:
            peer.before = free.pop()

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        original(self, event, data, user_id=user_id)
        for peer in self._peers:
            if event == "cache_invalidated" and user_id == getattr(peer, "before", 0):
                peer.push(written(event, data))


@defect("events.model")
def unsubscribes_the_user_with_one_of_several_connections() -> None:
    @around(Hub, "leave")
    def leave(original, self, peer):
        known = peer in self._peers
        original(self, peer)
        if known and peer.identity.user_id is not None:
            others = [one for one in self._peers if one.identity.user_id == peer.identity.user_id]
            if len(others) == 1:  # it takes the last but one for the last
                self._peers.difference_update(others)


@defect("events.model")
def subscribes_whom_the_client_says_it_is() -> None:
    """`connect` joins the group of its `userId`, though the confirmation went by the token."""
    also = {}
    kept = []  # so that no later identity is found at the address of one that is gone

    def connect(_state, identity, message):
        kept.append(identity)
        also.setdefault(id(identity), set()).add(str(message.get("data", {}).get("userId")))

    session.HANDLERS["connect"] = connect

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        original(self, event, data, user_id=user_id)
        for peer in self._peers:
            if user_id not in {None, peer.identity.user_id} and str(user_id) in also.get(
                id(peer.identity), ()
            ):
                peer.push(written(event, data))


@defect("events.model")
def forgets_anonymous_when_a_token_is_burned() -> None:
    """It sweeps out every connection without a good token, and anonymous ones have none."""

    @around(Hub, "close_where")
    def close_where(original, self, condition, code, reason):
        original(self, condition, code, reason)
        for peer in [one for one in self._peers if one.identity.token is None]:
            self.leave(peer)


@defect("events.model")
def answers_from_a_copy_of_the_permissions_of_who_stays() -> None:
    """Permissions are read anew when the user's first connection opens, and kept up by grants alone."""
    copies = {}

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        if not any(one.identity.user_id == peer.identity.user_id for one in self._peers):
            copies.pop(peer.identity.user_id, None)
        original(self, peer, confirmation)

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        if event == "permission_changed":
            copy = copies.get(user_id)
            if copy is not None and (data["granted"] or len(copy) < 2):
                (copy.add if data["granted"] else copy.discard)(data["permission"])
        original(self, event, data, user_id=user_id)

    def check_permission(state, identity, message):
        permission = message["data"]["permission"]
        held = () if identity.user_id is None else state.users[identity.user_id].permissions
        copy = copies.setdefault(identity.user_id, set(held))
        return {
            "type": "permission_result",
            "data": {"permission": permission, "allowed": permission in copy},
        }

    session.HANDLERS["check_permission"] = check_permission
