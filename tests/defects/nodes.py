"""Several nodes of one server on a real Redis: what one of them does with the changes of another."""

from __future__ import annotations

import asyncio
import contextlib
import json

from reference_server import events
from reference_server.cluster import Cluster
from reference_server.events import Hub
from tests.defects.registry import around, chapter
from tests.redis_server import TWO_NODES

NODES = "events/test_nodes.py"
ANNOUNCED = f"{NODES}::test_change_through_one_node_is_announced_on_every_other"
ONCE = f"{NODES}::test_event_comes_once_on_each_node"
ORDER = f"{NODES}::test_events_cross_nodes_in_the_order_of_the_changes"
STATE = f"{NODES}::test_node_answers_by_what_it_announced"
_chapter = chapter(NODES, time_scale=0.2)


def defect(requirement, **how):
    return _chapter(requirement, profile=TWO_NODES, **how)


def making(change):
    """Change how a node makes a change of the log: ``change(make, cluster, name, parameters, mine)``."""

    @around(Cluster, "_make")
    def make(original, self, entry, fields):
        name, parameters = json.loads(fields["change"])
        self._last = entry
        change(lambda: original(self, entry, fields), self, name, parameters, fields["by"] in self._waiting)


@contextlib.contextmanager
def publishing(hub, publish):
    """Let a hub publish in another way for a while."""
    hub.publish = publish
    try:
        yield
    finally:
        del hub.publish


@defect("events.across-nodes", files=(ANNOUNCED, ONCE, STATE))
def forgets_what_is_for_all_when_another_node_says_it() -> None:
    making(
        lambda make, _cluster, _name, parameters, mine: (
            None if parameters.get("scope") == "all" and not mine else make()
        )
    )


@defect("events.across-nodes", files=(ANNOUNCED, ONCE, STATE))
def forgets_its_anonymous_when_another_node_tells_all() -> None:
    def change(make, cluster, _name, parameters, mine):
        anonymous = {one for one in cluster.actions.hub._peers if one.identity.user_id is None}
        if parameters.get("scope") != "all" or mine:
            make()
        else:
            cluster.actions.hub._peers -= anonymous
            make()
            cluster.actions.hub._peers |= anonymous

    making(change)


@defect("events.across-nodes-once")
def hears_its_own_events_from_the_log() -> None:
    """It tells its own connections at once, everybody by the log, and itself once more by that."""

    def change(make, cluster, name, _parameters, mine):
        hub = cluster.actions.hub
        original = hub.publish

        def publish(event, data, *, user_id=None):
            stamp = hub.stamp()

            def tell():
                hub.stamp = lambda: stamp
                original(event, data, user_id=user_id)

            tell()
            asyncio.get_running_loop().call_later(0.002, tell)

        if not mine or name not in {"grant", "revoke"}:
            make()
            return
        with publishing(hub, publish):
            make()

    making(change)


@defect("events.across-nodes-order", files=(ORDER,), time_scale=1.0)
def looks_up_the_roles_that_another_node_set() -> None:
    """Which takes a moment, and the change that comes next overtakes it."""
    looking = []

    def found(make):
        if make in looking:
            looking.remove(make)
            make()

    def change(make, _cluster, name, _parameters, mine):
        if name == "set-roles" and not mine:
            looking.append(make)
            asyncio.get_running_loop().call_later(0.6, found, make)
        else:
            make()
            for one in looking[:]:
                found(one)

    making(change)


@defect("events.across-nodes-event-id")
def makes_the_ids_of_menus_on_each_node() -> None:
    @around(Hub, "publish")
    def publish(original, self, event, data, *, user_id=None):
        if event == "menu_access_updated":
            self.stamp = events.fresh_stamp
        original(self, event, data, user_id=user_id)


@defect("events.across-nodes-state", files=(ANNOUNCED, STATE))
def announces_at_once_and_reads_its_replica_later() -> None:
    def change(make, cluster, name, parameters, mine):
        if mine or name not in {"grant", "revoke"}:
            make()
            return
        hub = cluster.actions.hub
        told = []
        with publishing(hub, lambda event, data, *, user_id=None: told.append((event, data, user_id))):
            make()
        user = cluster.actions.state.users[int(parameters["user_id"])]
        turn, back = user.permissions.add, user.permissions.discard
        if name == "revoke":
            turn, back = back, turn
        back(parameters["permission"])
        asyncio.get_running_loop().call_later(0.25, turn, parameters["permission"])
        for event, data, user_id in told:
            hub.publish(event, data, user_id=user_id)

    making(change)


@defect("events.across-nodes-isolation")
def tells_every_user_of_menus_that_another_node_set() -> None:
    def change(make, cluster, name, _parameters, mine):
        hub = cluster.actions.hub
        original = hub.publish

        def publish(event, data, *, user_id=None):
            for one in {peer.identity.user_id for peer in hub._peers} - {None} | {user_id}:
                original(event, data, user_id=one)

        if mine or name != "set-menus":
            make()
            return
        with publishing(hub, publish):
            make()

    making(change)


@defect("events.across-nodes-burned")
def closes_but_lets_in_whose_token_another_node_revoked() -> None:
    def change(make, cluster, name, parameters, mine):
        make()
        if name == "revoke-token" and not mine:
            cluster.actions.state.find_token(parameters["token"]).revoked = False

    making(change)
