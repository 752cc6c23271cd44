"""How a server speaks WebSocket over HTTP/2: RFC 8441 and RFC 9113."""

from __future__ import annotations

import functools
import re

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from websockets.frames import Frame

from reference_server import session
from tests.defects.registry import around, chapter
from tests.servers.http2 import Gateway, install

# What is wrong here is wrong over HTTP/2 alone: HTTP/1.1 passes through untouched.
defect = functools.partial(
    chapter(
        "protocol/test_http2_opening.py", "protocol/test_http2_streams.py", "protocol/test_http2_session.py"
    ),
    sample=False,
)
CHANNEL = re.compile(r"/ws/permissions/(\d+/|anonymous/?)?(\?.*)?")


def without(headers, *names):
    return [(name, value) for name, value in headers if name not in names]


@defect("http2.settings")
def takes_the_announcement_back() -> None:
    """Once the first stream is open, as if one were all that was offered."""

    class Wrong(Gateway):
        async def tunnel(self, stream_id, *how):
            if stream_id == 1:
                self.h2.update_settings({SettingCodes.ENABLE_CONNECT_PROTOCOL: 0})
            await super().tunnel(stream_id, *how)

    install(Wrong)


@defect("http2.frames")
def ends_a_tunnel_with_trailers() -> None:
    class Wrong(Gateway):
        def end(self, stream_id):
            self.h2.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)

    install(Wrong)


@defect("http2.extended-connect")
def names_itself_to_the_server_behind() -> None:
    """As a gateway does that makes up Host: the server's own pages become foreign."""

    class Wrong(Gateway):
        def request(self, fields, headers):
            return super().request(fields | {":authority": f"127.0.0.1:{self.behind[1]}"}, headers)

    install(Wrong)


@defect("http2.response-headers")
def leaves_upgrade_in_the_response() -> None:
    class Wrong(Gateway):
        def response(self, head):
            status, headers = super().response(head)
            return status, [*headers, ("upgrade", "websocket")] if status == 200 else headers

    install(Wrong)


@defect("http2.no-accept")
def leaves_sec_websocket_accept_in_the_response() -> None:
    class Wrong(Gateway):
        def response(self, head):
            status, headers = super().response(head)
            return status, [*headers, ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]

    install(Wrong)


@defect("http2.routes")
def sends_every_path_to_the_one_endpoint() -> None:
    class Wrong(Gateway):
        def request(self, fields, headers):
            path = fields[":path"]
            known = CHANNEL.fullmatch(path)
            query = "?" + path.partition("?")[2]
            path = path if known else "/ws/permissions/" + query.rstrip("?")
            return super().request(fields | {":path": path}, headers)

    install(Wrong)


@defect("http2.unknown-protocol")
def takes_every_protocol_for_websocket() -> None:
    """As Hypercorn does."""

    class Wrong(Gateway):
        def refusal(self, fields):
            return None if ":protocol" in fields else super().refusal(fields)

    install(Wrong)


@defect("http2.unknown-protocol")
def takes_every_connect_for_websocket() -> None:
    class Wrong(Gateway):
        def check(self, headers):
            return super().check([*without(headers, ":protocol"), (":protocol", "websocket")])

        def refusal(self, fields):
            return super().refusal({":protocol": "websocket"} | fields)

    install(Wrong)


@defect("http2.malformed")
def does_not_miss_the_scheme() -> None:
    class Wrong(Gateway):
        def check(self, headers):
            return super().check([*without(headers, ":scheme"), (":scheme", "http")])

    install(Wrong)


@defect("http2.malformed")
def overlooks_fields_of_http1() -> None:
    class Wrong(Gateway):
        def check(self, headers):
            return super().check(without(headers, "connection", "upgrade"))

        def request(self, fields, headers):
            return super().request(fields, without(headers, "connection", "upgrade"))

    install(Wrong)


@defect("http2.version")
def writes_its_own_version_behind() -> None:
    """As a gateway does that makes the handshake anew."""

    class Wrong(Gateway):
        def request(self, fields, headers):
            kept = without(headers, "sec-websocket-version")
            return super().request(fields, [*kept, ("sec-websocket-version", "13")])

    install(Wrong)


@defect("http2.stream-errors")
def ends_the_connection_for_one_malformed_request() -> None:
    """As servers do whose HTTP/2 library knows no stream errors."""

    class Wrong(Gateway):
        def reset(self, stream_id, code):
            if code is ErrorCodes.PROTOCOL_ERROR:
                self.h2.close_connection(code)
            else:
                super().reset(stream_id, code)

    install(Wrong)


@defect("http2.subprotocol")
def drops_the_chosen_subprotocol() -> None:
    class Wrong(Gateway):
        def response(self, head):
            status, headers = super().response(head)
            return status, without(headers, "sec-websocket-protocol")

    install(Wrong)


@defect("http2.compression")
def drops_the_offer_of_compression() -> None:
    class Wrong(Gateway):
        def request(self, fields, headers):
            return super().request(fields, without(headers, "sec-websocket-extensions"))

    install(Wrong)


@defect("http2.data-frames")
def takes_an_empty_data_frame_for_the_end() -> None:
    class Wrong(Gateway):
        def pass_on(self, stream, data):
            if data:
                super().pass_on(stream, data)
            else:
                self.client_ended(stream)

    install(Wrong)


@defect("http2.masking")
def trusts_unmasked_frames() -> None:
    """HTTP/2 has no intermediary that masking would protect, it says."""
    install()

    @around(Frame, "parse")
    def parse(original, read_exact, *, mask, **how):
        head = yield from read_exact(2)
        first = [bytes(head)]

        def read(size):
            if first:
                return first.pop()
            return (yield from read_exact(size))

        return (yield from original(read, mask=bool(head[1] & 0x80), **how))


@defect("http2.flow-control")
def never_opens_its_window() -> None:
    class Wrong(Gateway):
        def acknowledge(self, length, stream_id):
            pass

    install(Wrong)


@defect("http2.flow-control")
def sends_beyond_the_clients_window() -> None:
    class Wrong(Gateway):
        async def send(self, stream_id, stream, data):
            if len(data) < 256:
                self.h2.streams[stream_id].outbound_flow_control_window = 65535
            await super().send(stream_id, stream, data)

    install(Wrong)


@defect(
    "http2.close",
    companions={"http2.half-close": "a server that ends no stream ends none that the client has left either"},
    files=("protocol/test_http2_streams.py",),
)
def never_ends_a_stream() -> None:
    """As Hypercorn does: the Close is answered, and the stream stays."""

    class Wrong(Gateway):
        def end(self, stream_id):
            pass

    install(Wrong)


@defect("http2.end-stream")
def resets_after_the_closing_handshake() -> None:
    class Wrong(Gateway):
        def end(self, stream_id):
            self.reset(stream_id, ErrorCodes.NO_ERROR)

    install(Wrong)


@defect("http2.half-close")
def overlooks_the_clients_end_of_stream() -> None:
    class Wrong(Gateway):
        def client_ended(self, stream):
            pass

    install(Wrong)


@defect("http2.isolation")
def ends_every_stream_with_one() -> None:
    class Wrong(Gateway):
        def client_ended(self, stream):
            for one in self.streams.values():
                super().client_ended(one)

    install(Wrong)


@defect(
    "http2.isolation",
    companions={"http2.events": "the event goes to the stream that was opened last, which is a stranger's"},
)
def answers_on_the_newest_stream() -> None:
    class Wrong(Gateway):
        async def send(self, _stream_id, stream, data):
            await super().send(max(self.streams), stream, data)

    install(Wrong)


@defect("http2.session")
def gives_back_ascii_alone() -> None:
    install()

    @around(session, "encode")
    def encode(original, message):
        return original(message).encode("ascii", "replace").decode()


@defect("http2.identity")
def drops_the_authorization() -> None:
    class Wrong(Gateway):
        def request(self, fields, headers):
            return super().request(fields, without(headers, "authorization"))

    install(Wrong)


@defect("http2.origin")
def asks_only_cookies_for_their_origin() -> None:
    class Wrong(Gateway):
        def request(self, fields, headers):
            kept = headers if "cookie" in fields else without(headers, "origin")
            return super().request(fields, kept)

    install(Wrong)


@defect("http2.events")
def keeps_events_behind() -> None:
    class Wrong(Gateway):
        async def send(self, stream_id, stream, data):
            if b'"permission_changed"' not in data:
                await super().send(stream_id, stream, data)

    install(Wrong)
