"""Servers that one client spoils for the others, or that keep what clients leave behind."""

from __future__ import annotations

import asyncio
import os
import time

from websockets.asyncio.server import ServerConnection
from websockets.protocol import Protocol

from reference_server import server
from reference_server.events import Peer
from tests.defects.registry import around, chapter


def hangs(seconds: float = 1.5) -> None:
    time.sleep(seconds)


defect = chapter("robustness/test_flood.py", "robustness/test_crowd.py", time_scale=0.8)
CHURN = ("robustness/test_churn.py",)
VANISHED = ("robustness/test_vanished.py",)


@defect(
    "robustness.survives",
    files=("protocol/test_control_frames.py",),
    companions={
        "framing.control-length": "it died of each of them: whether it would have failed is not known"
    },
)
def exits_at_a_ping_of_126_bytes() -> None:
    @around(Protocol, "fail")
    def fail(original, self, code, reason=""):
        if "control frame too long" in reason:
            os._exit(3)
        original(self, code, reason)


@defect("robustness.flood", files=("robustness/test_flood.py",))
def stops_for_everybody_behind_hundreds_of_wrong_messages() -> None:
    seen = []

    @around(server, "answer")
    def answer(original, state, identity, received):
        seen.append(received)
        if len(received) < 20 and len(seen) >= 300:
            seen.clear()
            time.sleep(6)
        return original(state, identity, received)


@defect("robustness.slow-handshakes")
def shakes_hands_with_sixty_clients_at_a_time() -> None:
    gate = asyncio.Semaphore(60)

    @around(ServerConnection, "handshake")
    async def handshake(original, self, *args, **how):
        async with gate:
            return await original(self, *args, **how)


@defect("robustness.idle-connections")
def drops_the_oldest_connection_beyond_ninety() -> None:
    crowd = []

    @around(server.PermissionsServer, "converse")
    async def converse(original, self, websocket):
        crowd.append(websocket)
        if len(crowd) > 90:
            crowd.pop(1).transport.abort()  # never the very first, which may be a monitor's
        try:
            return await original(self, websocket)
        finally:
            if websocket in crowd:
                crowd.remove(websocket)


@defect("robustness.prompt", files=("robustness/test_crowd.py",))
def looks_through_all_connections_whenever_one_more_comes() -> None:
    crowd = set()

    @around(server.PermissionsServer, "converse")
    async def converse(original, self, websocket):
        crowd.add(websocket)
        if len(crowd) == 80:
            hangs()
        try:
            return await original(self, websocket)
        finally:
            crowd.discard(websocket)


@defect("robustness.churn", files=CHURN, sample=False)
def opens_a_log_for_each_connection_that_is_broken() -> None:
    @around(server.PermissionsServer, "converse")
    async def converse(original, self, websocket):
        try:
            return await original(self, websocket)
        finally:
            if websocket.protocol.close_rcvd is None:
                os.open(os.devnull, os.O_WRONLY)


@defect("robustness.churn-memory", files=CHURN, sample=False)
def remembers_the_history_of_every_connection() -> None:
    histories = []

    @around(Peer, "__init__")
    def made(original, self, *args, **how):
        histories.append(os.urandom(32 * 1024))
        return original(self, *args, **how)


@defect("robustness.half-open", files=VANISHED)
def never_waits_for_a_pong() -> None:
    @around(server.PermissionsServer, "keep_alive")
    async def keep_alive(original, *args, **how):
        await asyncio.Event().wait()


@defect("robustness.half-handshake-dropped", files=VANISHED)
def waits_for_a_handshake_for_ever() -> None:
    @around(server, "serve")
    def serve(original, *args, **how):
        return original(*args, **{**how, "open_timeout": None})
