"""A server that compares Origin with Host, behind a proxy that does not pass the client's Host on."""

from __future__ import annotations

import asyncio
import contextlib

import psutil

from conformance.commands.doctor.answers import said
from conformance.commands.doctor.case import Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, undecided
from conformance.commands.doctor.ownership import caught_by
from conformance.commands.doctor.programs import program_of
from conformance.target.attempt import Attempt

STRANGER = "http://conformance-doctor.example"


async def host_lost(case: Case, own: Attempt | None, foreign: Attempt | None) -> Finding | None:
    """Return the finding of a page's own origin that is refused as strangers are, behind a proxy.

    The proof, where the proxy runs on this machine: an origin that names the server behind it gets in.

    Args:
        case: what was asked.
        own: the answer to the page's own origin.
        foreign: the answer to a stranger's.

    """
    if own is None or foreign is None or own.upgraded or foreign.upgraded:
        return None
    if own.response is None or foreign.response is None:
        return None
    program = program_of(case, own)
    if not program.is_proxy:
        return None
    evidence = [
        f"Origin: {case.url.origin}, the page's own: {case.clean(line_of(own))}{said(case, own)}",
        f"a stranger's: {case.clean(line_of(foreign))}",
        "without Origin: 101",
        *program.evidence,
    ]
    inner = await _taken_by_name(case)
    if inner is not None:
        return broken(
            "origin",
            Cause.ORIGIN_HOST_LOST,
            f"Browsers are refused: {program.name} does not pass the client's Host on, and the server "
            "behind it "
            "compares Origin with the Host that it gets.",
            evidence=(*evidence, f"Origin: {inner}, the server behind {program.name}: 101"),
            steps=(program.pass_host,),
        )
    return undecided(
        "origin",
        Cause.ORIGIN_HOST_LOST,
        f"Browsers are refused, the page's own origin as well. Either {program.name} does not pass the "
        "client's "
        "Host on and the server behind it compares Origin with it, or the server has a list of origins and "
        f"{case.url.origin} is not on it.",
        evidence=tuple(evidence),
        steps=(
            Step(
                "To decide, ask the server behind the proxy: if its own origin gets in there, Host is lost",
                "conformance doctor ws://ADDRESS-BEHIND-THE-PROXY --origin http://ADDRESS-BEHIND-THE-PROXY",
            ),
            program.pass_host,
            Step(f"Or add {case.url.origin} to the origins that the server allows."),
        ),
    )


async def _taken_by_name(case: Case) -> str | None:
    """Return the origin of a server behind the proxy that gets in, where one is found."""
    if not case.local:
        return None
    for address in await asyncio.to_thread(_behind, case):
        for scheme in ("http", "https"):
            inner = f"{scheme}://{address}"
            attempt = await case.ask(case.request(origin=inner))
            if attempt is not None and attempt.upgraded:
                return inner
    return None


def _behind(case: Case) -> list[str]:
    """Return the addresses that the proxy's processes are connected to at this moment."""
    pids = {pid for one in caught_by(case.listeners, case.address) for pid in one.pids}
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error, OSError):
            found += [
                f"[{one.raddr.ip}]:{one.raddr.port}"
                if ":" in one.raddr.ip
                else f"{one.raddr.ip}:{one.raddr.port}"
                for one in psutil.Process(pid).net_connections("tcp")
                if one.status == psutil.CONN_ESTABLISHED and one.raddr and one.laddr.port != case.url.port
            ]
    return list(dict.fromkeys(found))[:4]
