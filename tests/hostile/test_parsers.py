"""Whatever a server sends, the parts without I/O take it: no error but theirs, in bounded time."""

from __future__ import annotations

import contextlib
import json
import time
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.client.dialect import Dialect
from conformance.client.peer import Limits, describe
from conformance.client.recorder import Recorder
from conformance.client.session import Client
from conformance.core.printable import printable
from conformance.net.connection import Connection
from conformance.net.http2 import Http2Connection
from conformance.net.stream import extended_connect
from conformance.report.annotate import evidence
from conformance.report.excerpts import Budget
from conformance.report.html import render
from conformance.report.repro.script import ScriptFacts, script
from conformance.target import profile as profiles
from conformance.wire.deflate import Agreement, Inflater, Unread, agreement
from conformance.wire.ending import came
from conformance.wire.events import Event, Message
from conformance.wire.fault_marking import mark
from conformance.wire.handshake import accept_for, opening, parse_extensions
from conformance.wire.invariants import Breach
from conformance.wire.transcript import Transcript
from tests.conftest import ROOT
from tests.hostile.drawing import (
    ACCEPT,
    anything,
    contents,
    conversations,
    cut,
    cuts,
    deflated,
    examples,
    h2_conversations,
    h2_frame,
    h2_headers,
    junk,
    texts,
    values,
)
from tests.report.documents import case, report, requirement

# What is drawn may be too long to be shown: the blob repeats it.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
REQUEST = opening("/", "h", extra=[("Sec-WebSocket-Extensions", "permessage-deflate")])
UPGRADE = (
    b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + ACCEPT
    + b"\r\n"
)
DEFLATE = UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
SECOND = 2.0  # of processor time: what is drawn is some 100 KB, which takes some ten milliseconds


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Judge the processor time of an example."""
    began = time.process_time()
    yield
    took = time.process_time() - began
    assert took < SECOND, f"{took:.1f} s of processor time"


def heard(pieces: list[bytes], *, ends: bool = True) -> tuple[Connection, list[Breach]]:
    """Return a connection that was sent this, without a network, and the breaches that were seen."""
    breaches: list[Breach] = []
    connection = Connection("hostile", breaches.append)
    connection.expect_response_to(REQUEST)
    accept = accept_for(REQUEST.get("Sec-WebSocket-Key") or "").encode()
    for piece in pieces:
        connection.data_received(piece.replace(ACCEPT, accept))
    if ends:
        connection.eof_received()
        connection.connection_lost(None)
    return connection, breaches


def rendered(transcript: Transcript, event: Event | None, breaches: list[Breach]) -> None:
    """Write everything that a report would say of a connection."""
    mark([transcript], came(event).at)
    actual = describe(event)
    recorder = Recorder(["s3cret-of-the-run"])
    data = transcript.as_data(recorder.clean)
    message = "; ".join(breach.message for breach in breaches[:3])
    story = ScriptFacts("t::x", "ws://h/", "r", "rule", message, ["a"], actual, insecure=False, authority="h")
    told = case(
        outcome="failed", message=message, actual=actual, transcripts=[data],
        script=script(transcript, story, recorder.clean),
    )  # fmt: skip
    json.dumps(told)
    evidence(told, None, Budget(60_000))
    printable(message).encode()
    size = len(json.dumps(data))
    assert size < 4_000_000, f"{size} bytes of one transcript"


@examples(250)
@given(anything, cuts)
@example(DEFLATE.replace(b"-deflate\r\n", b"-deflate; server_max_window_bits=" + b"1" * 5000 + b"\r\n"), [])
@example(UPGRADE + b"X:" + b" " * 60_000 + b"\x0b\n\r\n\r\n", [])
@example(UPGRADE + b":\r\n" * 20_000 + b"\r\n", [])
@example(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nbody", [])
@example(DEFLATE + b"\xc2\x7e\xff\xfe" + b"\x03\x00" * 32767, [])
@example(UPGRADE + b"\r\n" + b"\xf3\x80\x00\x00\x00\x00" * 20_000, [400])
def test_server_without_a_network(sent: bytes, at: list[int]) -> None:
    with quick():
        connection, breaches = heard(cut(sent, at))
        assert connection.end is not None
        response = connection.response
        if response is not None:
            assert response.content_length is None or response.content_length >= 0
            agreement(response.get("Sec-WebSocket-Extensions"))
        rendered(connection.transcript, [*connection._events, connection.end][0], breaches)


@examples(60)
@given(conversations, cuts)
def test_report_of_a_hostile_server_is_a_page(sent: bytes, at: list[int]) -> None:
    connection, breaches = heard(cut(sent, at))
    data = connection.transcript.as_data(Recorder().clean)
    seen = [{"requirement": one.requirement, "message": one.message, "count": 1} for one in breaches[:5]]
    told = case(outcome="failed", message=str(data)[:5000], transcripts=[data], breaches=seen)
    render(report("non-conformant", [requirement(outcome="failed")], [told])).encode()


@examples(150)
@given(values)
@example(b"permessage-deflate; server_max_window_bits=" + b"1" * 5000)
def test_extensions(value: bytes) -> None:
    with quick():
        parse_extensions(value.decode("latin-1"))
        agreement(value.decode("latin-1"))


@examples(150)
@given(
    st.builds(deflated, contents, junk, final=st.booleans(), again=st.sampled_from([1, 2, 2000])) | junk,
    st.sampled_from([Agreement(), Agreement(9), Agreement(12, server_no_context_takeover=True)]),
)
@example(b"\x03\x00" * 500_000, Agreement())
@example(b"\x03\x00" * 500_000, Agreement(server_max_window_bits=9))
def test_compressed_message(payload: bytes, agreed: Agreement) -> None:
    inflater = Inflater(agreed)
    with quick(), contextlib.suppress(zlib.error, Unread):
        for _ in range(2):
            inflater.inflate(payload)


DIALECTS = [
    Dialect(),
    profiles.load(ROOT / "targets" / "other_names" / "conformance.toml").dialect,
]


@examples(250)
@given(texts.map(str.encode) | contents, st.sampled_from(DIALECTS))
@example(b'{"\\ud800":1,"type":"connection_confirmed"}', DIALECTS[1])
@example(b'{"\\udc80":1,"kind":"hello"}', DIALECTS[1])
@example(b'{"type":"error","id":' + b"[" * 600 + b"]" * 600 + b"}", DIALECTS[0])
def test_message(content: bytes, dialect: Dialect) -> None:
    connection, _ = heard([UPGRADE + b"\r\n"], ends=False)
    recorder = Recorder()
    client = Client(connection, Limits(), recorder, dialect)
    with quick():
        for opcode in (1, 2):
            message = Message(opcode, content, 0.0)
            decoded = client.decode(message)
            json.dumps(decoded)
            printable(str(decoded)).encode()
            client.heard(message)
            client.unasked(message)
        dialect.misfit(content)
        printable("".join(one.message for one in recorder.record.charges.values())).encode()


def test_dialect_gives_what_json_reads_alike() -> None:
    content = b'{"\\udc80\\ud800":1,"\xc3\xa9":"\\ud800"}'
    assert json.loads(DIALECTS[1].heard(content)) == json.loads(content)


@examples(200)
@given(h2_conversations, cuts)
@example(h2_frame(4, 0, 0, b"") + h2_frame(1, 4, 1, h2_headers([(":status", "9" * 5000)])), [])
def test_http2_server_without_a_network(sent: bytes, at: list[int]) -> None:
    breaches: list[Breach] = []
    with quick():
        link = Http2Connection("hostile", breaches.append)
        link.h2.initiate_connection()
        stream = link.request(extended_connect(REQUEST), REQUEST, "opening")
        for piece in cut(sent, at):
            link.data_received(piece)
        link.eof_received()
        link.connection_lost(None)
        link.close()
        stream.shut()
        assert link.end is not None
        assert stream.end is not None
        rendered(stream.transcript, stream.end, breaches)
