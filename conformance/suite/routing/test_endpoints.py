"""Endpoints: what is accepted, with and without a query."""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.auth.refusal import knock
from conformance.suite.routing.paths import asking, legal, refused
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

ENDPOINTS = [
    pytest.param(OWN, id="own"),
    pytest.param(ANONYMOUS, id="anonymous"),
    pytest.param(ANONYMOUS + "/", id="anonymous-slash"),
]
QUERIES = [
    pytest.param("", id="no-query"),
    pytest.param("?", id="empty-query"),
    pytest.param("?v=1&lang=en%20us&flag", id="query"),
]
MISLEADING = [
    pytest.param("?user_id=2", id="user-id"),
    pytest.param("?path=/ws/permissions/2/", id="path"),
    pytest.param("?/../2/", id="dot-segments"),
    pytest.param("?x=/ws/permissions/anonymous", id="anonymous"),
]
QUERIED = [
    pytest.param("/no-such-path?/ws/permissions/", id="endpoint-as-query"),
    pytest.param("/no-such-path?path=/ws/permissions/anonymous", id="endpoint-in-query"),
]


@pytest.mark.smoke
@pytest.mark.requirement("routing.endpoints")
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_endpoint_is_open(target: Target, path: str, query: str) -> None:
    async with target.upgraded(legal(target, path + query)) as client:
        await client.confirmed()


@pytest.mark.requirement("routing.user-endpoint")
@pytest.mark.parametrize("query", QUERIES)
async def test_endpoint_of_a_user_is_open(target: Target, query: str) -> None:
    for user in target.users:
        path = target.at(f"{OWN}{user.user_id}/{query}")
        request = target.opening(path.removesuffix("?"), token=user.token)
        async with target.upgraded(request) as client:
            await client.confirmed()


@pytest.mark.requirement("routing.query")
@pytest.mark.parametrize("query", MISLEADING)
async def test_query_changes_no_identity(target: Target, query: str) -> None:
    plain, queried = [await knock(target, asking(target, path)) for path in (OWN, OWN + query)]
    if not plain.confirmations:
        raise Inconclusive(f"the control failed: the own channel without the query got {plain}")
    if queried.user_ids != plain.user_ids or bool(queried.confirmations) != bool(plain.confirmations):
        raise Nonconformance("a query changed the route", expected=[str(plain)], actual=queried)


@pytest.mark.requirement("routing.query")
@pytest.mark.parametrize("path", QUERIED)
async def test_query_opens_no_unknown_path(target: Target, path: str) -> None:
    await refused(target, asking(target, path))
