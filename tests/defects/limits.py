"""The size limit that a server declares: RFC 6455 §10.4."""

from __future__ import annotations

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame

from reference_server import server
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_limits.py")
TWIN = "its control is a message of exactly the declared size"


@defect(
    "limits.message-accepted",
    companions={"limits.message-refused": TWIN, "limits.inflated-message": TWIN},
)
def takes_a_byte_less_than_it_declares() -> None:
    @around(server.PermissionsServer, "__init__")
    def init(original, self, *args, max_message_bytes, **how):
        original(self, *args, max_message_bytes=max_message_bytes - 1, **how)


@defect("limits.message-refused")
def counts_each_fragment_alone() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, *, max_size=None, extensions=None, **how):
        if max_size is not None and not extensions:
            max_size = 1048576
        return original(read_exact, max_size=max_size, extensions=extensions, **how)


@defect("limits.inflated-message", time_scale=1.0)  # it is long at inflating a bomb, but not dead
def counts_what_is_on_the_wire() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, *, max_size=None):
        del max_size
        return original(self, frame)


@defect("limits.inflated-message")
def counts_what_each_compressed_fragment_inflates_to() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, *, max_size=None):
        return original(self, frame, max_size=max_size and 1048576)
