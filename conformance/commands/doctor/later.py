"""What shows only later: idle cut-offs, messages lost right after opening, clients that do not read.

``--watch SECONDS`` looks at them; without it they are listed as not looked at, with what was seen so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import psutil

from conformance.client.peer import describe
from conformance.commands.doctor.case import Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok, unseen
from conformance.commands.doctor.ownership import caught_by
from conformance.commands.doctor.programs import program_of
from conformance.target.attempt import Attempt
from conformance.wire.events import Close, End, Event, Message
from conformance.wire.frames import PING, TEXT, Frame

IDLE = {
    "nginx": "nginx's default is 60 s (proxy_read_timeout)",
    "Apache": "Apache's default is 60 s (ProxyTimeout)",
    "HAProxy": "HAProxy's is timeout tunnel, or timeout client and server where there is none",
    "the AWS load balancer": "its default is 60 s",
    "Envoy": "its default is 300 s (stream_idle_timeout)",
}
GROWTH = 16 * 1024 * 1024  # octets of a process's memory in one watch, beyond what runs by itself
LATE = 1.0  # seconds after opening when a message is not early any more


async def later(case: Case) -> Finding:
    """Watch a connection for as long as the user said, or say what was not looked at.

    Returns:
        The finding of this layer.

    """
    program = program_of(case, case.opened)
    if not case.watch:
        known = IDLE.get(program.name)
        return unseen(
            "later",
            "what shows only later: idle cut-off, messages sent right after opening, clients that do not "
            "read",
            f"idle time: no Ping of the server was seen in this short time{f'; {known}' if known else ''}",
            "early messages: a server that listens late loses what comes right after the handshake",
            "slow readers: memory that grows for clients that do not read",
            steps=(Step("Look at them for a while", f"conformance doctor {case.bare()} --watch 70"),),
        )
    case.leave_all()
    early, idle, slow = await asyncio.gather(_early(case), _idle(case), _slow(case))
    for one in (early, idle, slow):
        if isinstance(one, Finding):
            return one
    lines = [one for one in (early, idle, slow) if isinstance(one, str)]
    return ok("later", f"watched for {case.watch:g} s", *lines)


async def _opened(case: Case) -> Attempt | None:
    attempt = await case.ask(case.request())
    return attempt if attempt is not None and attempt.upgraded else None


async def _idle(case: Case) -> Finding | str:
    """Say nothing, and see whether anybody keeps the connection alive, or ends it.

    Returns:
        A finding, or what to say of a connection that is in order.

    """
    attempt = await _opened(case)
    if attempt is None:
        return "idle time: no second connection was opened"
    loop = asyncio.get_running_loop()
    began, spoke = loop.time(), False
    while (left := began + case.watch - loop.time()) > 0:
        event: Event | None = await attempt.connection.event(left)
        spoke = spoke or isinstance(event, Message)
        if isinstance(event, Close | End):
            return _cut(case, attempt, event, loop.time() - began)
    pinged = any(frame.opcode == PING for frame in attempt.connection.received_frames)
    kept = (
        "the server sends Pings"
        if pinged
        else "the server speaks by itself"
        if spoke
        else "nobody sent a Ping"
    )
    return f"idle time: the connection was open for {case.watch:g} s; {kept}"


def _cut(case: Case, attempt: Attempt, event: Event, seconds: float) -> Finding:
    program = program_of(case, attempt)
    directive = {
        "nginx": Step("Or nginx's directive", "proxy_read_timeout 3600s;"),
        "Apache": Step("Or Apache's directive", "ProxyTimeout 3600"),
        "HAProxy": Step("Or HAProxy's directive", "timeout tunnel 1h"),
    }.get(program.name)
    return broken(
        "later",
        Cause.IDLE_CUT,
        f"An idle connection is ended after {seconds:.0f} s, and nothing was sent on it before to keep it "
        "open.",
        evidence=(f"after {seconds:.1f} s of silence: {case.clean(describe(event))}", *program.evidence),
        steps=(
            Step("Let the server send Pings more often than that, every 20 to 30 s (RFC 6455 §5.5.2)."),
            *([directive] if directive else []),
        ),
    )


async def _early(case: Case) -> Finding | str:
    """Send a message at once, and another later: what comes back only for the later one was lost.

    Returns:
        A finding, or what to say of a connection that is in order.

    """
    attempt = await _opened(case)
    if attempt is None:
        return "early messages: no second connection was opened"
    first, second = (f"conformance-doctor-{word}" for word in ("early", "late"))
    attempt.connection.write(Frame(TEXT, first.encode()).encode())
    back = await _came_back(attempt, first, min(LATE, case.watch))
    attempt.connection.write(Frame(TEXT, second.encode()).encode())
    if back:
        return "early messages: a message sent right after the handshake came back"
    if await _came_back(attempt, first, 0.0) or not await _came_back(attempt, second, case.timeout):
        return "early messages: cannot be told, this server gives no message back"
    return broken(
        "later",
        Cause.MESSAGE_EARLY_LOST,
        "A message sent right after the handshake is lost; one sent a second later comes back.",
        evidence=(f"sent at once: nothing came back; sent {LATE:g} s later: it came back",),
        steps=(
            Step(
                "Let the server listen for messages before it awaits anything else in its connection handler "
                "(a database, a session): Node's ws drops what comes while nobody listens."
            ),
        ),
    )


async def _came_back(attempt: Attempt, text: str, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        event = await attempt.connection.event(max(0.0, deadline - loop.time()))
        if event is None or isinstance(event, Close | End):
            return False
        if isinstance(event, Message) and text.encode() in event.content:
            return True


async def _slow(case: Case) -> Finding | str:
    """Read nothing, and see whether the memory of the server's process grows.

    Returns:
        A finding, or what to say of a connection that is in order.

    """
    pids = [pid for one in caught_by(case.listeners, case.address) for pid in one.pids] if case.local else []
    if not pids:
        return "slow readers: the server's process cannot be seen from here"
    before = _memory(pids)
    attempt = await _opened(case)
    if attempt is None:
        return "slow readers: no second connection was opened"
    attempt.connection.pause_reading()
    began = time.monotonic()
    await asyncio.sleep(case.watch)  # time is what this looks at
    grown, took = _memory(pids) - before, time.monotonic() - began
    attempt.connection.shut()
    if grown < GROWTH:
        return f"slow readers: the server's memory changed by {grown / 2**20:.1f} MiB in {took:.0f} s"
    return broken(
        "later",
        Cause.MEMORY_SLOW_READER,
        f"The server's memory grows for a client that does not read: {grown / 2**20:.0f} MiB in {took:.0f} "
        "s.",
        evidence=((f"PID {', '.join(map(str, pids))}: {before / 2**20:.0f} MiB before, "
                  f"{(before + grown) / 2**20:.0f} MiB after"),),
        steps=(
            Step("Look at how much is unsent before sending more (ws: bufferedAmount; asyncio: drain())."),
            Step("Drop what is old, or close the connection with 1008 or 1013."),
        ),
    )  # fmt: skip


def _memory(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total
