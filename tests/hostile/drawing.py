"""What hostile servers say: heads, frames, compressed streams, JSON and HTTP/2, each nearly right."""

from __future__ import annotations

import itertools
import json
import os
import struct
import zlib
from typing import Any

import hpack
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from conformance.wire.frames import Frame, close_payload

TIMES = int(os.environ.get("HOSTILE", "0"))
ACCEPT = b"{accept}"  # what a server puts in its place is drawn for nobody


def examples(number: int) -> settings:
    """Return the settings of a search: the same servers in each run, or others where more are asked for."""
    return settings(
        max_examples=number * max(TIMES, 1),
        derandomize=not TIMES,
        database=None,
        print_blob=True,
        phases=[phase for phase in Phase if TIMES or phase is not Phase.shrink],
        deadline=None,  # the processor time of each example is judged instead: other work is not its fault
        suppress_health_check=list(HealthCheck),
    )


def joined(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(b"".join)


def many(one: st.SearchStrategy[bytes], most: int) -> st.SearchStrategy[bytes]:
    return st.lists(one, max_size=most).map(b"".join)


junk = st.binary(max_size=60)
huge = st.sampled_from(
    [b"9" * 5000, b"\x00" * 70_000, b" " * 30_000 + b"\x0b\n", b"x " * 20_000, b"\xff" * 3000, b"," * 9000]
)

# The head of a response.

STATUS_LINES = [
    b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 101", b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 426 Upgrade Required", b"HTTP/1.0 101 x", b"HTTP/2 101 x", b"HTTP/1.1 1O1 x", b"HTTP/1.1  101",
    b"HTTP/1.1 000", b"HTTP/1.1 999 \xff\x00", b"HTTP/1.1 503", b"HTTP/1.1 302 Found", b"ICY 200 OK", b"",
]  # fmt: skip
NAMES = [
    b"Upgrade", b"Connection", b"Sec-WebSocket-Accept", b"Sec-WebSocket-Protocol",
    b"Sec-WebSocket-Extensions",
    b"Content-Length", b"Transfer-Encoding", b"Server", b"Location", b"Content-Type", b"Set-Cookie", b"Via",
    b" Upgrade", b"Upgrade ", b"", b"\xc3\xa9", b"WWW-Authenticate",
]  # fmt: skip
VALUES = [
    b"websocket", b"Upgrade", ACCEPT, b"bearer", b"chunked", b"-1", b"18446744073709551616", b"0", b"12",
    b"permessage-deflate", b"permessage-deflate; server_max_window_bits=9; client_no_context_takeover",
    b"permessage-deflate; server_max_window_bits=" + b"1" * 4400, b'a; b="\\"', b'permessage-deflate; x="',
    b"/ws/permissions/", b"//[", b"http://[::1", b"ws://h:99999999/", b"https://h/'; echo x; '", b"$(id)",
]  # fmt: skip
names = st.sampled_from(NAMES) | junk
values = st.sampled_from(VALUES) | junk | huge
line_ends = st.sampled_from([b"\r\n"] * 9 + [b"\n", b"\r\n ", b"\r", b"\r\n\r\n"])
fields = joined(names, st.sampled_from([b": ", b":", b" : ", b""]), values, line_ends)
upgrade = st.just(
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"
)
interim = st.sampled_from([b"HTTP/1.1 100\r\n\r\n", b"HTTP/1.1 103 Early\r\nLink: <a>\r\n\r\n"])
begun = upgrade | joined(st.sampled_from(STATUS_LINES), line_ends)
heads = joined(many(interim, 3), begun, many(fields, 6), st.sampled_from([b"\r\n"] * 5 + [b"", b"\n"]))
deflating = joined(
    upgrade,
    st.sampled_from([b"", b"; server_max_window_bits=9", b"; server_no_context_takeover"]).map(
        lambda more: b"Sec-WebSocket-Extensions: permessage-deflate" + more + b"\r\n\r\n"
    ),
)

# JSON.

CONFIRMED = {"type": "connection_confirmed", "user_id": None, "groups": [], "features": {}}
TEXTS = [
    "[" * 500_000, "[" * 600 + "]" * 600, '{"a":' * 900 + "1" + "}" * 900, "9" * 5000, "1e999999", "NaN", '"',
    '{"type":"\\ud800"}', '{"\\ud800":1,"type":"connection_confirmed"}', '{"type":"heartbeat_ack","type":1}',
    '{"type":[' + "[" * 300 + "]" * 300 + "]}", '{"type":"error","id":{},"data":[]}', "\ufeff{}", "null",
    '{"type":"connection_confirmed","user_id":' + "9" * 5000 + "}", '{"features":{"\\udcff":1}}',
    '{"type":"connection_confirmed","features":' + '{"a":' * 300 + "1" + "}" * 300 + "}",
    '{"type":"role_updated","timestamp":1e400,"data":{"role":"' + "x" * 100_000 + '"}}',
]  # fmt: skip
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
trees: st.SearchStrategy[Any] = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
KINDS = ["connection_confirmed", "heartbeat_ack", "permission_result", "error", "role_updated", "heartbeat"]
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | trees},
    optional=dict.fromkeys(
        ("id", "user_id", "groups", "features", "server_time", "data", "timestamp"), trees
    ),
).map(json.dumps)
texts = st.sampled_from(TEXTS) | messages | trees.map(json.dumps) | st.just(json.dumps(CONFIRMED))
contents = (
    texts.map(str.encode) | junk | st.sampled_from([b"\xed\xa0\x80", b"\xff" * 200, b"\xf4\x90\x80\x80"])
)


# Frames.


def deflated(content: bytes, broken: bytes, *, final: bool, again: int) -> bytes:
    """Return a compressed payload, whole or damaged; ``again`` says how often it stands there."""
    made = zlib.compressobj(wbits=-15)
    stream = made.compress(content) + made.flush(zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH)
    return stream * again + broken


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Draw the bytes of one frame of a server; anything in it may be wrong, but each as the other."""
    payload = draw(
        contents
        | st.builds(deflated, contents, junk, final=st.booleans(), again=st.sampled_from([1, 1, 1, 2, 4000]))
        | st.builds(close_payload, st.integers(0, 65535), st.binary(max_size=130))
        | st.sampled_from([b"", b"x", b"\x03\x00" * 2000, b"\x00" * 126, b"probe 1"])
    )
    wild = draw(st.booleans())
    bits = [draw(st.booleans()) if wild else False for _ in range(4)]
    opcode = draw(st.integers(0, 15) if wild else st.sampled_from([0, 1, 1, 2, 8, 9, 10]))
    mask = draw(st.binary(min_size=4, max_size=4)) if bits[3] else None
    compressed = draw(st.booleans()) or bits[0]
    form = draw(st.sampled_from([None, None, 16, 64]))
    declared = draw(st.sampled_from([None] * 6 + [0, 125, 65535, 2**27, 2**31, 2**63 - 1, 2**63, 2**64 - 1]))
    if form == 16 and max(declared or 0, len(payload)) > 65535:
        form = 64
    return Frame(
        opcode, payload, fin=not wild or draw(st.booleans()), rsv1=compressed, rsv2=bits[1], rsv3=bits[2],
        mask=mask, length_form=form, declared_length=declared,
    ).encode()  # fmt: skip


pongs = st.sampled_from([b"\x8a\x00" * 3000, b"\x89\x7d" + b"p" * 125, b"\x01\x00" + b"\x00\x00" * 3000])
streams = many(frames() | frames() | pongs | junk, 6)
conversations = joined(heads | deflating | upgrade.map(lambda head: head + b"\r\n"), streams)
anything = conversations | conversations | conversations | st.binary(max_size=300) | heads


# HTTP/2.

HEADERS = [
    [(":status", "200")], [(":status", "9" * 5000)], [(":status", "\u00b2")], [], [(":status", "101")],
    [(":status", "200"), ("Sec-WebSocket-Accept", "x"), ("connection", "upgrade")], [("a", "b" * 9000)] * 9,
    [(":status", "200"), ("sec-websocket-extensions", "permessage-deflate")], [(":status", "-1")],
    [(":status", "200"), ("content-length", "9" * 5000)], [("x", "\xff")], [(":status", "404")] * 2,
]  # fmt: skip


def h2_frame(kind: int, flags: int, stream: int, payload: bytes, declared: int | None = None) -> bytes:
    length = len(payload) if declared is None else declared
    return struct.pack("!I", length)[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def h2_headers(fields: list[tuple[str, str]]) -> bytes:
    return hpack.Encoder().encode(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    )


h2_settings = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4, 5, 6, 8, 99]), st.sampled_from([0, 1, 2, 65535, 2**31, 2**32 - 1])
    ),
    max_size=4,
).map(lambda pairs: h2_frame(4, 0, 0, b"".join(struct.pack("!HI", *pair) for pair in pairs)))
SETTLED = h2_frame(4, 0, 0, struct.pack("!HI", 8, 1)) + h2_frame(4, 1, 0, b"")
ids = st.sampled_from([0, 1, 1, 1, 1, 3, 2, 5, 2**31 - 1, 2**32 - 1])
flags = st.sampled_from([0, 1, 4, 4, 5, 8, 0x20, 0x2D, 255])
h2_frames = (
    st.builds(h2_frame, st.just(1), flags, ids, st.sampled_from(HEADERS).map(h2_headers))
    | st.builds(h2_frame, st.just(0), flags, ids, streams)
    | st.builds(h2_frame, st.integers(0, 12), flags, ids, junk)
    | st.builds(
        h2_frame, st.integers(0, 9), flags, ids, junk, st.sampled_from([0, 4, 8, 2**14 + 1, 2**24 - 1])
    )
    | st.builds(h2_frame, st.just(9), st.just(0), st.just(1), st.binary(max_size=4)).map(
        lambda one: one * 200
    )
    | st.just(h2_frame(6, 0, 0, b"12345678") * 500)
    | h2_settings
)
h2_conversations = joined(st.just(SETTLED) | h2_settings | st.just(b""), many(h2_frames | junk, 8))


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """Return a stream in segments that end at these places, counted from the end too."""
    places = sorted({place % (len(data) + 1) for place in at} | {0, len(data)})
    return [data[one:other] for one, other in itertools.pairwise(places)]


cuts = st.lists(st.integers(-200, 400), max_size=12)
