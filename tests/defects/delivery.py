"""When and where events come: to every connection, once, in order, behind the state that they announce."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

from reference_server import actions, control, session
from reference_server.events import Hub, Peer
from tests.defects.registry import around, chapter

MOMENTS = "events/test_moments.py"
defect = chapter("events/test_delivery.py", MOMENTS, "events/test_isolation.py", time_scale=0.5)
SLOW = ("events/test_slow_reader.py", "events/test_isolation.py")


def is_event(text):
    return '"event_id":' in text


@defect("events.every-connection")
def registers_no_connection_that_came_with_a_cookie() -> None:
    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        original(self, peer, confirmation)
        if "Cookie" in peer.websocket.request.headers:
            self.leave(peer)


@defect("events.exactly-once")
def tells_the_third_connection_twice() -> None:
    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        concerned = [peer for peer in self._peers if peer.identity.user_id == user_id]
        twice = max(concerned, key=id) if user_id is not None and len(concerned) == 3 else None
        if twice is not None:
            around_push(twice)
        original(self, event, data, user_id=user_id)

    def around_push(peer):
        once = peer.push

        def push(text):
            del peer.push
            return once(text) and once(text)

        peer.push = push


@defect("events.order")
def lets_roles_wait_for_a_cache() -> None:
    waiting = []

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        def now():
            original(self, event, data, user_id=user_id)

        if event == "role_updated":
            waiting.append(asyncio.get_running_loop().call_later(0.3, now))
        else:
            now()


@defect(
    "events.not-before-confirmation",
    files=(f"{MOMENTS}::test_no_event_comes_before_the_confirmation", "events/test_isolation.py"),
)
def joins_before_it_confirms() -> None:
    later = []

    @around(Hub, "join")
    def join(_, self, peer, confirmation):
        self._peers.add(peer)
        later.append(asyncio.get_running_loop().call_later(0.03, peer.push, confirmation))


@defect(
    "events.from-confirmation-on",
    files=(f"{MOMENTS}::test_change_right_after_the_confirmation_is_announced",),
    sample=False,
)
def joins_a_moment_behind_the_confirmation() -> None:
    later = []

    @around(Hub, "join")
    def join(_, self, peer, confirmation):
        peer.push(confirmation)
        later.append(asyncio.get_running_loop().call_later(0.4, self._peers.add, peer))


@defect(
    "events.state-before-event",
    files=(
        f"{MOMENTS}::test_check_permission_agrees_as_soon_as_the_event_came",
        f"{MOMENTS}::test_connection_opened_after_the_change_sees_it",
    ),
)
def announces_before_it_writes() -> None:
    @around(actions.Actions, "change_permission")
    def change_permission(_, self, user, permission, *, granted):
        if (permission in user.permissions) == granted:
            return
        data = {"user_id": user.user_id, "permission": permission, "granted": granted}
        self.hub.publish("permission_changed", data, user_id=user.user_id)
        unwritten.append((user.permissions.add if granted else user.permissions.discard, permission))
        asked.clear()

    unwritten = []
    asked = threading.Event()

    @around(session, "check_permission")
    def check_permission(original, *how):
        asked.set()
        return original(*how)

    session.HANDLERS["check_permission"] = session.check_permission

    @around(control.ControlServer, "perform")
    def perform(original, self, name, parameters):
        """The write is visible when the control interface answers: a moment behind the first question."""
        original(self, name, parameters)
        if unwritten:
            asked.wait(0.3)
            time.sleep(0.02)
            write, permission = unwritten.pop()
            write(permission)


@defect("events.new-connection-sees-state")
def refreshes_its_replica_when_somebody_listens() -> None:
    replica = {}

    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        if event == "permission_changed":
            held = replica.setdefault(user_id, set())
            here = [one for one in self._peers if one.websocket.protocol.state.name == "OPEN"]
            if any(peer.identity.user_id == user_id for peer in here):
                (held.add if data["granted"] else held.discard)(data["permission"])
        original(self, event, data, user_id=user_id)

    def check_permission(_state, identity, message):
        permission = message["data"]["permission"]
        allowed = permission in replica.get(identity.user_id, ())
        return {"type": "permission_result", "data": {"permission": permission, "allowed": allowed}}

    session.HANDLERS["check_permission"] = check_permission


@defect("events.nothing-after-leaving")
def keeps_the_subscriptions_of_broken_connections() -> None:
    broken = {}

    @around(Hub, "leave")
    def leave(original, self, peer):
        protocol = peer.websocket.protocol
        if peer in self._peers and protocol.state.name == "CLOSED" and protocol.close_rcvd is None:
            broken[peer.identity.user_id] = 1
        original(self, peer)

    @around(Peer, "push")
    def push(original, self, text):
        kept = original(self, text)
        if is_event(text) and '"permission_changed"' in text and broken.get(self.identity.user_id):
            original(self, text)
        return kept


def one_at_a_time(but):
    """Write to one connection at a time, and to no other until it has read; ``but`` goes its own way."""
    locks = []

    @around(Peer, "write")
    async def write(_, self):
        locks.extend([] if locks else [asyncio.Lock()])
        while True:
            text, written = await self._queue.get()
            async with contextlib.nullcontext() if but(text) else locks[0]:
                await self.websocket.send(text)
            self._queued_characters -= len(text)
            if written is not None:
                written.set()


@defect("events.slow-reader", files=SLOW)
def writes_to_one_connection_at_a_time() -> None:
    one_at_a_time(lambda text: '"connection_confirmed"' in text)


@defect("events.slow-reader", files=SLOW)
def waits_with_everything_for_the_slowest_reader() -> None:
    one_at_a_time(lambda _: False)


@defect("events.no-gaps", files=SLOW)
def skips_events_while_the_reader_is_slow() -> None:
    @around(Peer, "push")
    def push(original, self, text):
        if is_event(text) and self.websocket.transport.get_write_buffer_size():
            return True
        return original(self, text)


@defect("events.burst", files=("events/test_burst.py", "events/test_delivery.py"))
def keeps_only_one_of_many_events_that_wait() -> None:
    """The 97th of those that follow each other within a second, as a queue that drops what is old."""
    times = [0.0]

    @around(Hub, "publish")
    def publish(original, self, *args, **how):
        now = time.monotonic()
        times[:] = [*times, now] if now - times[-1] < 1 else [now]
        if len(times) != 97:
            return original(self, *args, **how)
        return None
