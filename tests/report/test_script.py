"""The repro script: it says the same bytes again, with Python alone, and holds no secret."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from conformance.client.recorder import Recorder
from conformance.core.masking import Secret
from conformance.report.repro.files import MARK, repro_path, write_scripts
from conformance.report.repro.script import CAPPED, HIDDEN, MAX_CHARACTERS, ScriptFacts, script
from conformance.verdict.result_data import TestResult
from conformance.wire.frames import CLOSE, PING, TEXT, Frame, close_payload
from conformance.wire.handshake import opening
from conformance.wire.transcript import MAX_ENTRIES, Transcript

SECRET = "t0ken+with/signs"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
STORY = ScriptFacts(
    test="conformance/suite/protocol/test_x.py::test_y[case]",
    url="ws://localhost:1/",
    requirement="requirement framing.x (MUST), RFC 6455 §5.5",
    rule="A Ping is answered.",
    message="nothing came",
    expected=["a Pong", "the end of TCP"],
    actual="nothing",
    authority="localhost:1",
    secrets={SECRET: Secret(SECRET, variable="ALICE_TOKEN")},
)


def told(*said, request=None):
    """Return a transcript of a handshake and what we say behind it; ``(bytes,)`` came back."""
    transcript = Transcript("one")
    transcript.add("sent", (request or opening("/ws/", "localhost:1", key="a2V5")).encode())
    transcript.add("received", RESPONSE)
    for one in said:
        if isinstance(one, tuple):
            transcript.add("received", *one)
        elif isinstance(one, str):
            transcript.add("event", note=one)
        else:
            transcript.add("sent", one)
    return transcript


async def answered(text, folder, *arguments, certificate=None, environment=None):
    """Run a script against a server that keeps what it hears; return both."""
    heard, printed = bytearray(), ""

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            heard.extend(await reader.readuntil(b"\r\n\r\n"))
            writer.write(RESPONSE + b"\x81\x05Hello")
            while data := await reader.read(65536):
                heard.extend(data)
                if data.startswith(b"\x89"):
                    writer.write(b"\x8a\x04pong" + b"\x83\x00\x88\x02\x03\xea")
                    writer.write_eof() if certificate is None else writer.close()
        writer.close()

    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(tls)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    path = folder / "script.py"
    path.write_text(text, "utf-8")
    url = f"{'ws' if tls is None else 'wss'}://localhost:{port}/"
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(path), url, *arguments,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment or {},
        )  # fmt: skip
        printed = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    finally:
        server.close()
        await server.wait_closed()
    return bytes(heard).replace(f"localhost:{port}".encode(), b"localhost:1"), printed


def run(text, folder, *arguments, **how):
    return asyncio.run(answered(text, folder, *arguments, **how))


PING_FRAME = Frame(PING, b'\x00#"""\\ \xe2\x80\xae', mask=b"\x01\x02\x03\x04").encode()
LONG = Frame(TEXT, b"x" * 60_000, mask=b"abcd").encode()
CLOSING = Frame(CLOSE, close_payload(1000, "bye"), mask=b"abcd").encode()


def test_script_says_the_same_bytes_and_shows_what_comes_back(tmp_path):
    said = [
        (b"\x81\x05Hello",),
        LONG[:9],
        LONG[9:],
        b"\xff\xff broken",
        PING_FRAME[:3],
        PING_FRAME[3:],
        CLOSING,
    ]
    heard, printed = run(script(told(*said), STORY, str), tmp_path)
    sent = opening("/ws/", "localhost:1", key="a2V5").encode() + b"".join(said[1:])
    assert heard == sent
    assert "<- HTTP/1.1 101 Switching Protocols" in printed
    assert "<- Text fin=1 rsv=000 mask=0 len=5 'Hello'" in printed
    assert printed.rstrip().endswith("requirement framing.x (MUST), RFC 6455 §5.5\nA Ping is answered.")
    assert "expected: a Pong, or the end of TCP\nthe run saw: nothing" in printed
    assert "Traceback" not in printed


def test_frames_are_annotated_and_answers_too(tmp_path):
    text = script(told(PING_FRAME), STORY, str)
    assert "89 8a 01 02 03 04  # Ping fin=1 mask=1 len=10" in text.replace("8b", "8a")
    heard, printed = run(text, tmp_path)
    assert heard.endswith(PING_FRAME)
    assert "<- Pong fin=1 rsv=000 mask=0 len=4 'pong'\n   8a 04 70 6f 6e 67" in printed
    assert "<- Reserved 0x3 fin=1" in printed
    assert "<- Close fin=1 rsv=000 mask=0 len=2 code=1002 reason=''" in printed
    assert "<- TCP ended (FIN)" in printed


def test_segments_stay_apart():
    text = script(told(PING_FRAME[:1], PING_FRAME[1:]), STORY, str)
    assert text.count("talk.send(r") == 2


def test_script_listens_where_the_run_did():
    text = script(told(PING_FRAME, (b"\x8a\x00",), CLOSING), STORY, str)
    body = text[text.index("def conversation(") :]
    assert (
        body.index("hear(frames=0)") < body.index("89 8") < body.index("hear(frames=1)") < body.index("88 85")
    )


@pytest.mark.parametrize(
    ("note", "statement"),
    [("we half-closed TCP (FIN)", "talk.half_close()"), ("we reset TCP (RST)", "talk.reset()")],
)
def test_our_end_of_tcp_is_repeated(tmp_path, note, statement):
    text = script(told(PING_FRAME, note), STORY, str)
    assert statement in text
    assert "Traceback" not in run(text, tmp_path)[1]


def test_wss_is_verified_unless_told_not_to(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    how = {"certificate": authority.issue_cert("localhost")}
    text = script(told(PING_FRAME), STORY, str)
    heard, printed = run(text, tmp_path, "--ca-file", str(tmp_path / "ca.pem"), **how)
    assert heard.endswith(PING_FRAME), printed
    assert run(text, tmp_path, "--insecure", **how)[0].endswith(PING_FRAME)
    heard, printed = run(text, tmp_path, **how)
    assert heard == b""
    assert printed.startswith("No connection to wss://localhost:")
    assert "Traceback" not in printed


# Caps.


def test_long_conversation_is_capped_and_says_so(tmp_path):
    text = script(told(*(Frame(PING, os.urandom(90)).encode() for _ in range(150))), STORY, str)
    assert len(text) < MAX_CHARACTERS + 12_000
    assert CAPPED in text
    assert CAPPED in run(text, tmp_path)[1]


def test_entries_that_were_not_kept_are_told():
    assert CAPPED in script(told(*["x"] * MAX_ENTRIES), STORY, str)
    assert CAPPED in script(told(Frame(TEXT, bytes(100_000)).encode()), STORY, str)


# Secrets.


@pytest.mark.parametrize(
    "request_",
    [
        opening("/ws/?token=t0ken%2Bwith%2Fsigns", "localhost:1", key="a2V5"),
        opening("/ws/", "localhost:1", key="a2V5", extra=[("Authorization", f"Bearer {SECRET}")]),
    ],
    ids=["query", "header"],
)
def test_secret_comes_from_the_environment_and_is_not_printed(tmp_path, request_):
    recorder = Recorder([SECRET])
    text = script(told(PING_FRAME, request=request_), STORY, recorder.clean)
    assert 'talk.secret("ALICE_TOKEN"' in text
    assert recorder.clean(text) == text
    heard, printed = run(text, tmp_path, environment={"ALICE_TOKEN": SECRET})
    assert heard.startswith(request_.encode())
    assert recorder.clean(printed) == printed
    assert "[ALICE_TOKEN]" in printed
    printed = run(text, tmp_path)[1]
    assert printed.endswith(
        "Set the environment variable ALICE_TOKEN to the secret that this conversation needs.\n"
    )


def test_secret_in_a_frame_ends_the_script():
    clean = Recorder([SECRET]).clean
    frame = Frame(TEXT, f'{{"token": "{SECRET}"}}'.encode()).encode()
    for said in ([frame], [frame[:20], frame[20:]], [bytes([one]) for one in frame]):
        text = script(told(PING_FRAME, *said), STORY, clean)
        assert HIDDEN in text
        assert "talk.send" not in text[text.index("def conversation(") :]


def test_secret_that_no_variable_stands_for_makes_no_script():
    hidden = Recorder(["another-secret"]).clean
    request_ = opening("/ws/", "localhost:1", extra=[("Cookie", "session=another-secret")])
    assert script(told(request=request_), STORY, hidden) == ""


# The folder.


def test_scripts_of_a_run_replace_those_of_the_run_before(tmp_path):
    def result(name, text):
        return TestResult(id=f"a/test_x.py::{name}", requirement="a.b", outcome="failed", script=text)

    write_scripts(tmp_path, [result("one[b/c d]", f"{MARK}\n1"), result("two", "")])
    foreign = tmp_path / "repro" / "mine.py"
    foreign.write_text("print(1)\n")
    assert repro_path(tmp_path, "a/test_x.py::one[b/c d]").read_text() == f"{MARK}\n1"
    write_scripts(tmp_path, [result("three", f"{MARK}\n3")])
    assert sorted(one.name for one in (tmp_path / "repro").iterdir()) == ["mine.py", "test_x-three.py"]


def test_run_without_failures_makes_no_folder(tmp_path):
    write_scripts(tmp_path, [TestResult(id="a.py::t", requirement="a.b", outcome="passed")])
    assert list(tmp_path.iterdir()) == []


def test_marker_is_the_first_line():
    assert script(told(), STORY, str).startswith(MARK + "\n")
    assert Path(sys.executable).exists()
