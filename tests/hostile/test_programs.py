"""Hostile servers against the programs themselves: an exit code that is documented, and never a traceback."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hostile.serving import Manner, serving

BOUND = 90.0  # seconds of a process on a machine with other work; both end within a few
UPGRADE = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
PONGS = b"".join(b"\x8a\x09probe %03d" % number for number in range(1, 200))
SERVERS = {
    "reset": Manner(b"", end="reset", early=True),
    "digits": Manner(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", end="fin"),
    "blanks": Manner(UPGRADE + b"X:" + b" " * 60_000 + b"\x0b\n\r\n\r\n"),
    "deep": Manner(UPGRADE + b"\r\n\x81\x7e\x9c\x40" + b"[" * 40_000, [3, 200], pause=True),
    "pongs-then-flood": Manner(UPGRADE + b"\r\n" + PONGS, [40], end="flood"),
    "steering": Manner(
        UPGRADE
        + b"Sec-WebSocket-Protocol: '; touch owned; '\x1b[2J\r\nServer: $(id)\r\n\r\n\x88\x7d"
        + b"\xff" * 125,
        end="fin",
    ),
}


async def ran(manner: Manner, *words: str) -> tuple[int, str]:
    """Run a program while a hostile server listens; return its exit code and all that it printed."""
    async with serving([manner]) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *(word.replace("PORT", str(port)) for word in words), cwd=ROOT,
            env=os.environ | {"COLUMNS": "200", "TERM": "dumb"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(BOUND):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="backslashreplace")


@pytest.mark.parametrize("name", SERVERS)
def test_doctor_says_what_it_sees(name: str) -> None:
    code, printed = asyncio.run(
        ran(SERVERS[name], "conformance", "doctor", "ws://127.0.0.1:PORT/", "--timeout", "0.3")
    )
    assert code in {0, 1, 10}, printed[-2000:]
    assert "Traceback" not in printed
    assert "Exception" not in printed
    assert len(printed) < 60_000
    assert "--subprotocol '" not in printed


@pytest.mark.parametrize("name", ["digits", "pongs-then-flood"])
def test_suite_gives_a_verdict(name: str, tmp_path: Path) -> None:
    words = [
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--server-url=ws://127.0.0.1:PORT/",
        "--time-scale=0.05",
    ]
    code, printed = asyncio.run(
        ran(SERVERS[name], *words, f"--report-dir={tmp_path}", "conformance/suite/protocol/test_binary.py")
    )
    assert code in {0, 1, 10}, printed[-3000:]
    assert "Traceback" not in printed
    assert "raised by the suite" not in printed
