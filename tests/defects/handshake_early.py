"""What comes behind a request's head: bodies, frames, a second request; and heads that are too large."""

from __future__ import annotations

import re

from websockets import http11
from websockets.asyncio.server import ServerConnection

from reference_server.handshake import StrictConnection
from tests.defects.handshake_bytes import END, heads
from tests.defects.registry import around, chapter

defect = chapter(
    "protocol/test_handshake_early.py", "protocol/test_handshake_bodies.py", "protocol/test_handshake_size.py"
)


@defect("handshake.many-headers")
def refuses_more_than_64_header_fields() -> None:
    http11.MAX_NUM_HEADERS = 64


def held_back(condition) -> None:
    """Never read on where the bytes that came so far fulfil a condition, as a full buffer does."""

    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        if self._handshake_done:
            original(self, data)
            return
        self.heard = getattr(self, "heard", b"") + data
        if not condition(self.heard):
            original(self, data)


@defect("handshake.large-header")
def says_nothing_to_a_line_of_more_than_8_kb() -> None:
    held_back(lambda heard: max(map(len, heard.split(b"\r\n"))) > 8192)


@defect("handshake.large-header")
def says_nothing_to_more_than_128_fields() -> None:
    # The other lines are no longer than they may be: those are still refused at once.
    held_back(lambda heard: heard.count(b"\r\n") > 128)


@defect("handshake.body-announced")
def waits_for_the_body_that_was_announced() -> None:
    def unfinished(heard):
        head, _, body = heard.partition(END)
        length = re.search(rb"\r\nContent-Length: (\d+)(?:\r|$)", head)
        return length is not None and len(body) < int(length[1])

    held_back(unfinished)


@defect("handshake.body-announced")
def waits_for_the_first_chunk() -> None:
    held_back(lambda heard: heard.endswith(b"\r\nTransfer-Encoding: chunked" + END))


@defect("handshake.body-not-frames")
def reads_the_body_as_the_first_frames() -> None:
    def mend(head, _):
        only = head.count(b"\r\nContent-Length:") == 1 and b"Transfer-Encoding" not in head
        return re.sub(rb"\r\nContent-Length: [1-9]\d*(?=\r)", b"", head) if only else head

    heads(mend)


@defect("handshake.body-not-frames")
def believes_the_length_and_not_the_chunks() -> None:
    def mend(head, _):
        both = b"\r\nTransfer-Encoding: chunked\r\n" in head and b"\r\nContent-Length: 0\r\n" in head
        return head.replace(b"\r\nTransfer-Encoding: chunked", b"") if both else head

    heads(mend)


def without(pattern: bytes) -> None:
    """Read a request as if header lines of a pattern were not there."""
    heads(lambda head, _: re.sub(rb"\r\n" + pattern + rb"(?=\r\n)", b"", head))


@defect("handshake.body-length-malformed")
def takes_a_negative_length_for_none() -> None:
    without(rb"Content-Length: -\d+")


@defect("handshake.body-length-malformed")
def believes_the_first_of_two_lengths() -> None:
    heads(lambda head, _: re.sub(rb"(\r\nContent-Length: 0)\r\nContent-Length: 1(?=\r)", rb"\1", head))


@defect("handshake.body-length-malformed")
def overlooks_a_transfer_coding_that_it_does_not_know() -> None:
    without(rb"Transfer-Encoding: x-conformance")


@defect("handshake.early-data-once")
def answers_a_ping_in_front_of_the_101() -> None:
    """As its library does where nothing holds the frames back."""

    @around(StrictConnection, "data_received")
    def data_received(_original, self, data):
        ServerConnection.data_received(self, data)


@defect("handshake.early-data-once")
def reads_twice_what_came_with_the_request() -> None:
    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        held = len(self._early)
        original(self, data)
        if len(self._early) > held:
            self._early += self._early[held:]


@defect("handshake.pipelined-request")
def answers_the_request_behind_the_handshake() -> None:
    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        original(self, data)
        if self._early.startswith(b"GET "):
            self._early, self.pipelined = b"", True

    @around(StrictConnection, "handshake")
    async def handshake(original, self, *args, **kwargs):
        await original(self, *args, **kwargs)
        if getattr(self, "pipelined", False):
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            self.transport.close()
