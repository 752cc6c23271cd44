"""permessage-deflate: RFC 7692."""

from __future__ import annotations

import zlib

from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode

from reference_server import server
from reference_server.handshake import Refusal
from tests.defects.echo import ECHO, echo_path
from tests.defects.registry import around, chapter

defect = chapter(
    "protocol/test_deflate.py",
    "protocol/test_deflate_messages.py",
    "protocol/test_deflate_faults.py",
)
NO_REPLY = {"deflate.compressed-message": "a reply that does not inflate is a reply that never came"}
STREAMS = ("protocol/test_deflate_streams.py",)


def offers(before=lambda asked: asked, after=lambda answered, _: answered):
    """Change the parameters that a client asks for, or those that it is answered."""

    @around(ServerPerMessageDeflateFactory, "process_request_params")
    def process_request_params(original, self, params, accepted):
        answered, extension = original(self, before(params), accepted)
        return after(answered, params), extension


def without(name):
    return lambda parameters, *_: [one for one in parameters if one[0] != name]


@defect("deflate.response-parameters")
def does_not_confirm_the_window_that_it_was_asked_for() -> None:
    def after(answered, params):
        return without("server_max_window_bits")(answered) if len(params) == 1 else answered

    offers(after=after)


@defect("deflate.response-parameters")
def limits_a_clients_window_that_offered_no_limit() -> None:
    offers(
        after=lambda answered, params: [*answered, *([] if params else [("client_max_window_bits", "12")])]
    )


@defect("deflate.declines-bad-offer")
def reads_a_window_with_a_leading_zero() -> None:
    offers(before=lambda params: [(name, value.lstrip("0") if value else value) for name, value in params])


@defect("deflate.declines-bad-offer")
def overlooks_a_parameter_given_twice() -> None:
    offers(before=lambda params: list(dict.fromkeys(params)))


@defect("deflate.fallback-offer")
def refuses_the_handshake_over_an_unknown_parameter() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if any("foo=1" in value for value in headers.get_all("Sec-WebSocket-Extensions")):
            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.")
        return original(headers)


@defect("deflate.compressed-message")
def forgets_the_clients_window_after_each_message() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.rsv1 and not self.remote_no_context_takeover:
            self.decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits)
        return original(self, frame, **how)


@defect("deflate.compressed-message")
def looks_for_compression_in_one_frame_only() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.rsv1 and not frame.fin:
            raise ProtocolError("fragments of compressed messages are not supported")
        return original(self, frame, **how)


@defect("deflate.reserved-bit-control")
def overlooks_rsv1_of_a_ping() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.opcode in CTRL_OPCODES:
            frame.rsv1 = False
        return original(self, frame, **how)


@defect("deflate.corrupt-stream")
def takes_what_does_not_inflate_for_an_empty_message() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        try:
            return original(self, frame, **how)
        except ProtocolError as error:
            if "decompression failed" not in str(error):
                raise
            return Frame(frame.opcode, b"", frame.fin)


@defect("deflate.corrupt-stream")
def does_not_check_the_text_that_it_inflated() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        compressed = frame.rsv1
        frame = original(self, frame, **how)
        if compressed and frame.fin:
            frame.data = bytes(frame.data).replace(b"\xed\xa0\x80", b"?")
        return frame


@defect("deflate.server-stream", companions=NO_REPLY)
def compresses_in_a_larger_window_than_agreed() -> None:
    @around(PerMessageDeflate, "__init__")
    def init(original, self, *args, **kwargs):
        original(self, *args, **kwargs)
        if self.local_max_window_bits == 10 and not self.local_no_context_takeover:
            self.encoder = zlib.compressobj(wbits=-15)


@defect(
    "deflate.server-stream",
    companions=NO_REPLY,
)
def confirms_no_context_takeover_and_keeps_its_context() -> None:
    @around(PerMessageDeflate, "encode")
    def encode(original, self, frame):
        if frame.opcode in CTRL_OPCODES or not self.local_no_context_takeover:
            return original(self, frame)
        self.local_no_context_takeover = False
        if not hasattr(self, "encoder"):
            self.encoder = zlib.compressobj(wbits=-self.local_max_window_bits)
        try:
            return original(self, frame)
        finally:
            self.local_no_context_takeover = True


@defect("deflate.context-kept", files=STREAMS)
def forgets_the_clients_window_behind_an_uncompressed_message() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY} and not frame.rsv1:
            self.decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits)
        return original(self, frame, **how)


@defect("deflate.full-window", files=STREAMS)
def keeps_half_of_the_window() -> None:
    @around(PerMessageDeflate, "__init__")
    def init(original, self, *args, **kwargs):
        original(self, *args, **kwargs)
        if self.remote_max_window_bits == 15 and not self.remote_no_context_takeover:
            self.decoder = zlib.decompressobj(wbits=-14)


@defect("deflate.block-types", files=STREAMS)
def does_not_know_stored_blocks() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.rsv1 and len(frame.data) > 5 and not frame.data[0] & 0x06:
            raise ProtocolError("decompression failed")
        return original(self, frame, **how)


@defect("deflate.empty-message", files=STREAMS)
def refuses_a_message_that_inflates_to_nothing() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        compressed = frame.rsv1 and frame.fin
        frame = original(self, frame, **how)
        if compressed and not frame.data:
            raise ProtocolError("decompression failed")
        return frame


@defect("deflate.opcode-kept", files=STREAMS)
def takes_whatever_it_inflated_for_text() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        compressed = frame.rsv1 and frame.opcode is Opcode.BINARY
        frame = original(self, frame, **how)
        if compressed:
            frame.opcode = Opcode.TEXT
        return frame


@defect(
    "deflate.binary-message",
    files=("protocol/test_binary.py",),
    profile=ECHO,
)
def does_not_inflate_what_did_not_become_shorter() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        given, compressed = bytes(frame.data), frame.rsv1
        frame = original(self, frame, **how)
        if compressed and frame.opcode is Opcode.BINARY and len(given) > len(frame.data) > 256:
            frame.data = given
        return frame

    echo_path()
