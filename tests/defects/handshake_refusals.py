"""How servers word the refusal of an opening handshake: what they leave out, and what they give away."""

from __future__ import annotations

from reference_server import handshake, server
from reference_server.handshake import Refusal
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_handshake_refusals.py")
REFUSED = ("protocol/test_handshake_refused.py",)
KEY, VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version"


def worded(change) -> None:
    """Change a refusal before it is written, in knowledge of the request."""

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        try:
            return original(self, connection, request)
        except Refusal as refusal:
            change(refusal, request)
            raise


def answered(change) -> None:
    """Change the response that a refusal becomes."""

    @around(Refusal, "response")
    def response(original, self, connection):
        made = original(self, connection)
        change(self, made)
        return made


@defect("handshake.version-advertised", files=REFUSED)
def names_a_draft_among_its_versions() -> None:
    def change(refusal, _):
        if VERSION in refusal.headers:
            refusal.headers[VERSION] = "13, 8"

    worded(change)


@defect("handshake.version-offered", files=REFUSED)
def names_its_version_to_later_ones_only() -> None:
    def change(refusal, request):
        if request.headers.get_all(VERSION) in (["0"], ["8"], ["9"], ["12"]):
            refusal.headers.pop(VERSION, None)

    worded(change)


@defect("handshake.version-offered", files=REFUSED)
def names_its_version_in_the_body_alone() -> None:
    def change(refusal, _):
        if refusal.headers.pop(VERSION, None):
            refusal.text = "Sec-WebSocket-Version: 13"

    worded(change)


@defect("handshake.upgrade-in-426")
def asks_for_an_upgrade_and_does_not_say_to_what() -> None:
    def change(refusal, request):
        if request.headers.get_all(VERSION) == ["14"]:
            del refusal.headers["Upgrade"]

    worded(change)


@defect("handshake.allow-in-405")
def does_not_say_which_method_is_allowed() -> None:
    worded(lambda refusal, _: refusal.headers.pop("Allow", None))


@defect("handshake.refusal-legal")
def counts_the_letters_of_a_refusal_and_not_its_bytes() -> None:
    def change(refusal, made):
        if KEY in refusal.text:
            made.body = made.body.replace(b".", b"\xe2\x80\xa6")

    answered(change)


@defect("handshake.refusal-legal")
def says_the_length_of_a_refusal_twice() -> None:
    def change(refusal, made):
        if refusal.status == 405:
            made.headers["Content-Length"] = "0"

    answered(change)


@defect("handshake.refusal-discreet")
def quotes_the_key_that_it_refuses() -> None:
    def change(refusal, request):
        if KEY in refusal.text:
            refusal.text += f" Got {request.headers.get_all(KEY)}."

    worded(change)


@defect("handshake.refusal-discreet")
def quotes_the_version_in_a_header_field() -> None:
    def change(refusal, request):
        if VERSION in refusal.headers:
            refusal.headers["X-Error"] = " ".join(request.headers.get_all(VERSION)) or "none"

    worded(change)


@defect("handshake.refusal-discreet")
def shows_the_traceback_of_a_malformed_list() -> None:
    @around(handshake, "_parse")
    def parse(original, headers, name, how):
        try:
            return original(headers, name, how)
        except Refusal as refusal:
            if name == "Sec-WebSocket-Extensions":
                refusal.text = 'Traceback (most recent call last):\n  File "handshake.py", line 1'
            raise
