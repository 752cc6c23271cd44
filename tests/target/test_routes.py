"""Endpoints of an existing backend at paths of its own."""

from __future__ import annotations

import pytest

from conformance.core.errors import NotApplicable
from conformance.target.routes import SPECIFIED, Routes

ROUTES = Routes(own="/socket", user="/socket/of/{user_id}", anonymous=("/socket/guest",))
SLASHED = Routes(own="/live/", user="/live/{user_id}/", anonymous=())
QUERIED = Routes(own="/socket", user="/socket?user={user_id}", anonymous=())


@pytest.mark.parametrize(
    ("routes", "path", "placed"),
    [
        (SPECIFIED, "/ws/permissions/%2e", "/ws/permissions/%2e"),
        (ROUTES, "/ws/permissions/", "/socket"),
        (ROUTES, "/ws/permissions/?a=/ws/permissions/2/", "/socket?a=/ws/permissions/2/"),
        (ROUTES, "/ws/permissions/12/", "/socket/of/12"),
        (ROUTES, "/ws/permissions/anonymous", "/socket/guest"),
        (ROUTES, "/ws/permissions/12a/", "/socket/12a/"),
        (ROUTES, "/no-such-path", "/no-such-path"),
        (SLASHED, "/ws/permissions", "/live"),
        (SLASHED, "//ws/permissions/1/", "//live/1/"),
        (SLASHED, "/ws/permissions%2F1/", "/live%2F1/"),
        (SLASHED, "/ws/permissions/\u0661/", "/live/\u0661/"),
        (QUERIED, "/ws/permissions/7/?v=1", "/socket?user=7&v=1"),
    ],
)
def test_path_is_placed(routes, path, placed):
    assert routes.at(path) == placed


@pytest.mark.parametrize(
    ("routes", "path", "why"),
    [
        (ROUTES, "/ws/permissions", "/socket is one of the backend's own paths"),
        (ROUTES, "/ws/permissions/anonymous/", "one spelling"),
        (SLASHED, "/ws/permissions/anonymous", "no anonymous channel"),
        (Routes(user=None), "/ws/permissions/1/", "users have no channel"),
        (Routes(own="/s", user="/s/{user_id}"), "/ws/permissions/1", "one of the backend's own paths"),
    ],
)
def test_path_without_counterpart_is_not_applicable(routes, path, why):
    with pytest.raises(NotApplicable, match=why):
        routes.at(path)


@pytest.mark.parametrize(
    ("given", "prefix"),
    [("/socket", ""), ("/socket/", ""), ("/app/socket", "/app"), ("/app", "/app"), ("/", "")],
)
def test_url_may_name_the_own_endpoint_or_what_stands_before_it(given, prefix):
    assert ROUTES.prefix(given.rstrip("/"), given) == prefix


def test_specified_routes_leave_the_prefix_alone():
    assert SPECIFIED.prefix("/app", "/app/ws/permissions/") == "/app"


def test_key_of_a_request_target():
    keys = [ROUTES.key_of(path) for path in ("/socket?x", "/socket/guest", "/socket/of/3", "/socket/of/x")]
    assert keys == ["routes.own", "routes.anonymous", "routes.user", ""]
