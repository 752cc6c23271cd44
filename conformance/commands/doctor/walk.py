"""The walk: layer after layer, until one is broken or the first message has come."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from conformance.commands.doctor.answering import http
from conformance.commands.doctor.browsing import browser
from conformance.commands.doctor.case import Case
from conformance.commands.doctor.encryption import tls
from conformance.commands.doctor.findings import Diagnosis, Finding
from conformance.commands.doctor.later import later
from conformance.commands.doctor.page import page
from conformance.commands.doctor.port_sharing import owners
from conformance.commands.doctor.reaching import addresses, name, tcp
from conformance.commands.doctor.routing import Row, routes, walk_paths
from conformance.commands.doctor.speaking import message, origin, subprotocol, token
from conformance.commands.doctor.streams import http2
from conformance.commands.doctor.upgrading import upgrade

Layer = Callable[[Case], Awaitable[Finding | None]]
TO_HTTP: tuple[Layer, ...] = (page, name, addresses, tcp, owners, tls, browser, http)
TO_MESSAGE: tuple[Layer, ...] = (upgrade, routes, origin, subprotocol, token, message, http2, later)
LAYERS = (
    "page",
    "name",
    "addresses",
    "tcp",
    "owners",
    "tls",
    "browser",
    "http",
    "upgrade",
    "routes",
    "origin",
    "subprotocol",
    "token",
    "message",
    "http2",
    "later",
)


async def diagnose(case: Case) -> Diagnosis:
    """Walk all layers; stop at the first that is to blame.

    Returns:
        What was found.

    """
    return await _walk(case, (*TO_HTTP, *TO_MESSAGE))


async def paths(case: Case) -> tuple[Diagnosis, list[Row]]:
    """Walk as far as HTTP, then ask every path.

    Returns:
        The diagnosis of the layers on the way, and what each path answered.

    """
    made = await _walk(case, TO_HTTP)
    if made.last is not None:
        return made, []
    began = time.monotonic()
    try:
        rows = await walk_paths(case)
        if not (rows[0].attempt and rows[0].attempt.upgraded):
            made.findings += [found for found in [await upgrade(case)] if found is not None]
    finally:
        case.close()
    made.seconds += time.monotonic() - began
    return made, rows


async def _walk(case: Case, layers: tuple[Layer, ...]) -> Diagnosis:
    made = Diagnosis(case.shown)
    began = time.monotonic()
    try:
        for layer in layers:
            found = await layer(case)
            if found is None:
                continue
            # A later layer may know better: the first message tells whether a token was taken.
            made.findings = [one for one in made.findings if one.layer != found.layer]
            made.findings.append(found)
            if found.ends:
                break
    finally:
        case.close()
        made.seconds = time.monotonic() - began
    return made
