"""Real browsers: servers that are wrong to them alone, so that every raw client is well served."""

from __future__ import annotations

import dataclasses

from websockets.frames import Opcode
from websockets.server import ServerProtocol

from reference_server import server
from tests.defects.registry import around, chapter

defect = chapter("browser/test_opening.py", time_scale=1.0)


def from_browser(headers):
    """Whether a request says that a browser sends it."""
    return headers.get("User-Agent", "").startswith("Mozilla/")


@defect("browser.foreign-origin", sample=False)
def believes_every_page_of_a_browser() -> None:
    @around(server, "check_origin")
    def check_origin(original, headers, authority, allowed):
        return from_browser(headers) or original(headers, authority, allowed)


@defect("browser.refused-handshake", sample=False)
def leads_lost_browsers_to_the_anonymous_channel() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if from_browser(request.headers) and request.path.endswith("no-such-path"):
            request = dataclasses.replace(request, path="/ws/permissions/anonymous")
        return original(self, connection, request)


@defect("browser.close-clean", files=("browser/test_closing.py",), sample=False)
def closes_browsers_with_1000_whatever_they_said() -> None:
    @around(ServerProtocol, "accept")
    def accept(original, self, request):
        self.of_browser = from_browser(request.headers)
        return original(self, request)

    @around(ServerProtocol, "recv_frame")
    def recv_frame(original, self, frame):
        if frame.opcode is Opcode.CLOSE and getattr(self, "of_browser", False):
            frame = dataclasses.replace(frame, data=b"\x03\xe8")
        original(self, frame)
