"""The two models: what they say of stories and paths that a person can judge."""

from __future__ import annotations

import pytest

from conformance.suite.events.model import Cast, Idea, World, tell, told, without
from conformance.suite.routing.model import NONE, Route, route

CAST = Cast(("alice", "bob", "mallory"), burnable="mallory")


def after(*ideas):
    world = World(CAST)
    for step in tell(ideas, CAST):
        world.take(step)
    return world


# Stories.


def test_story_reads_as_what_happens():
    ideas = [
        Idea("open"),
        Idea("begin", 1),
        Idea("grant", swift=True),
        Idea("roles", 1),
        Idea("finish"),
        Idea("break"),
        Idea("revoke-token"),
        Idea("cache-all"),
    ]
    assert told(tell(ideas, CAST)) == [
        "1. alice opens A",
        "2. bob begins to open B: the handshake is sent, its answer not yet read",
        "3. alice is granted reports.view, and at once:",
        "4. bob gets the roles 2",
        "5. B is opened to its end",
        "6. alice's A breaks (RST)",
        "7. mallory's token is revoked",
        "8. everybody's cache 3 is invalidated",
    ]


@pytest.mark.parametrize(
    "idea",
    [
        pytest.param(Idea("nothing"), id="nothing"),
        pytest.param(Idea("close"), id="close-without-connection"),
        pytest.param(Idea("finish"), id="finish-without-begin"),
        pytest.param(Idea("revoke"), id="revoke-what-nobody-has"),
    ],
)
def test_what_cannot_happen_is_left_out(idea):
    assert tell([idea], CAST) == ()


def test_nothing_is_granted_twice():
    story = tell([Idea("grant")] * 20, CAST)
    assert len({(step.user, step.subject) for step in story}) == len(story) == 9


def test_event_is_due_on_each_open_connection_of_its_user_alone():
    world = after(Idea("open"), Idea("open"), Idea("open", 1), Idea("open", 3), Idea("grant"))
    assert {name: len(one.due) for name, one in world.channels.items()} == {"A": 1, "B": 1, "C": 0, "D": 0}
    assert world.allowed("alice", "reports.view")
    assert not world.allowed("bob", "reports.view")


def test_event_for_all_is_due_everywhere():
    world = after(Idea("open"), Idea("open", 1), Idea("open", 3), Idea("cache-all"))
    assert [len(one.due) for one in world.channels.values()] == [1, 1, 1]


def test_connection_on_its_way_in_may_hear_of_a_change():
    world = after(Idea("dawdle"), Idea("grant"), Idea("finish"), Idea("menus"))
    (channel,) = world.channels.values()
    assert ([one.event for one in channel.maybe], [one.event for one in channel.due]) == (
        ["permission_changed"],
        ["menu_access_updated"],
    )


def test_burned_token_opens_nothing():
    world = after(Idea("open", 2), Idea("deactivate-user"), Idea("open", 2))
    assert world.channels == {}


def test_leaving_a_step_out_leaves_out_what_needs_it():
    story = tell([Idea("open"), Idea("grant"), Idea("check"), Idea("revoke"), Idea("close")], CAST)
    assert told(without(story, 0, 1, CAST)) == [
        "1. alice is granted reports.view",
        "2. alice loses reports.view",
    ]
    assert [step.verb for step in without(story, 1, 2, CAST)] == ["open", "check", "close"]


# Paths.


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/ws/permissions/", Route("own")),
        ("/ws/permissions/?x=/ws/permissions/2/", Route("own")),
        ("/ws/permissions/anonymous", Route("anonymous")),
        ("/ws/permissions/anonymous/", Route("anonymous")),
        ("/ws/permissions/12/", Route("user", 12)),
        (f"/ws/permissions/{2**63 - 1}/", Route("user", 2**63 - 1)),
        (f"/ws/permissions/{2**63}/", Route("spelling", 2**63)),
        ("/ws/permissions/0/", Route("spelling", 0)),
        ("/ws/permissions/012/", Route("spelling", 12)),
        ("/ws/permissions/%D9%A1%D9%A2/", Route("spelling", 12)),
        ("/ws/permissions/1%E0%A5%A8/", Route("spelling", 12)),
        ("//ws/permissions/12/", Route("spelling", 12)),
        ("/ws%2Fpermissions%2f12/", Route("spelling", 12)),
        ("/ws/permissions/12;x=1/", Route("spelling", 12)),
        ("/ws/permissions/12/%0A", Route("spelling", 12)),
        ("/ws/permissions/12/%3Fx", Route("spelling", 12)),
        ("/ws/permissions/%61nonymous", Route("equivalent")),
        ("/ws/permissions/%31%32/", Route("equivalent", 12)),
    ],
)
def test_path_names_this_channel(path, wanted):
    assert route(path) == wanted


@pytest.mark.parametrize(
    "path",
    [
        "/", "/ws/permissions", "/ws/permissions//", "/ws/permissions/12", "/ws/permissions/12//",
        "/ws/permissions/-1/", "/ws/permissions/12a/", "/ws/permissions/Anonymous", "/WS/permissions/",
        "/ws//permissions/", "/ws/x/../permissions/", "/ws/x/%2e%2e/permissions/", "/ws/permissions/12%00/",
        "/ws/permissions/%20%31/", "/ws/permissions/%252F12/", "/ws/permissions/%FF/", "/ws/permissions/%/",
        "/ws/permissions/%C2%B2/", "/no-such-path?/ws/permissions/",
    ],
)  # fmt: skip
def test_path_names_none(path):
    assert route(path) == NONE
