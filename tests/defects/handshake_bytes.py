"""Requests whose bytes a server reads in its own way: lines, names, targets, and what was done to them."""

from __future__ import annotations

import re
from collections.abc import Callable

from reference_server.handshake import StrictConnection
from tests.defects.handshake import mended
from tests.defects.registry import around, chapter

END = b"\r\n\r\n"
FILES = ("protocol/test_handshake_bytes.py", "protocol/test_handshake_accepted.py")
defect = chapter(*FILES)


def heads(mend: Callable[[bytes, StrictConnection], bytes]) -> None:
    """Let the server see a request's head only after it was mended, behind everything that came with it."""

    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        held = getattr(self, "held", b"")
        if held is None:
            original(self, data)
            return
        held += data
        end = held.find(END)
        if end < 0 and len(held) < 8192:
            self.held = held
            return
        self.held = None
        behind = end + len(END)
        original(self, mend(held[:behind], self) + held[behind:] if end >= 0 else held)


def replaced(pattern: bytes, new: bytes) -> None:
    """Replace what matches in a request's head."""
    heads(lambda head, _: re.sub(pattern, new, head))


@defect("handshake.fragment-in-target")
def cuts_the_fragment_off_the_target() -> None:
    def mend(request):
        request.path = request.path.partition("#")[0]

    mended(mend)


@defect("handshake.target-bytes")
def escapes_the_bytes_of_a_target_that_nobody_escaped() -> None:
    def mend(head, _):
        line, separator, rest = head.partition(b"\r\n")
        return re.sub(rb"[\x80-\xff]", lambda one: b"%%%02X" % one[0][0], line) + separator + rest

    heads(mend)


@defect("handshake.header-control-bytes")
def leaves_out_the_nul_of_a_header_value() -> None:
    replaced(rb"\x00", b"")


@defect("handshake.header-control-bytes")
def leaves_out_a_bare_cr() -> None:
    replaced(rb"\r(?!\n)", b"")


@defect("handshake.line-ends")
def splits_the_head_into_lines_as_text() -> None:
    heads(lambda head, _: "\r\n".join([*head.decode("latin-1").splitlines(), ""]).encode("latin-1"))


@defect("handshake.line-ends")
def ends_a_line_at_the_byte_nel_alone() -> None:
    replaced(rb"\x85", b"\r\n")


@defect("handshake.folded-line")
def strips_every_header_line() -> None:
    heads(lambda head, _: b"\r\n".join(line.strip() for line in head.split(b"\r\n")))


@defect("handshake.folded-line")
def skips_a_tab_behind_the_request_line() -> None:
    replaced(rb"(?<= HTTP/1\.1\r\n)\t", b"")


@defect("handshake.blank-before-colon")
def strips_the_names_of_header_fields() -> None:
    replaced(rb"(?m)^([A-Za-z-]+) +:", rb"\1:")


@defect("handshake.blank-before-colon")
def strips_the_tab_behind_a_name_that_it_knows() -> None:
    replaced(rb"(Sec-WebSocket-Version)\t:", rb"\1:")


@defect("handshake.underscore-names")
def names_header_fields_as_a_cgi_gateway_does() -> None:
    heads(
        lambda head, _: re.sub(rb"(?m)^[\w-]+:", lambda one: one[0].replace(b"_", b"-"), head)  # HTTP_SEC_…
    )


@defect("handshake.underscore-names")
def knows_one_field_by_the_name_of_its_variable() -> None:
    replaced(rb"Sec_WebSocket_Version(?=:)", b"Sec-WebSocket-Version")


@defect("handshake.h2c")
def switches_to_http_2_where_it_is_asked_to() -> None:
    def mend(head, connection):
        if b"\r\nHTTP2-Settings:" in head:
            answer = [b"HTTP/1.1 101 Switching Protocols", b"Connection: Upgrade", b"Upgrade: h2c"]
            connection.transport.write(b"\r\n".join([*answer, b"", b""]) + b"\0\0\0\4\0\0\0\0\0")
            connection.transport.close()
        return head

    heads(mend)


@defect("handshake.http-version-malformed", files=("protocol/test_handshake_refused.py",))
def reads_the_name_of_http_in_any_case() -> None:
    replaced(rb"(?<= )http/1\.1(?=\r\n)", b"HTTP/1.1")


@defect("handshake.http-version-malformed", files=("protocol/test_handshake_refused.py",))
def reads_the_request_line_up_to_the_third_word() -> None:
    replaced(rb"(?<= HTTP/1\.1) [^\r]*(?=\r\n)", b"")


@defect("handshake.http-version", files=("protocol/test_handshake_refused.py",))
def reads_the_minor_number_of_http_alone() -> None:
    replaced(rb" HTTP/0\.9\r\n", b" HTTP/1.1\r\n")


@defect("handshake.accepted", files=("protocol/test_handshake_early.py",))
def misses_the_blank_line_when_its_last_byte_comes_alone() -> None:
    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        if data == b"\n" and not self._handshake_done:
            self.transport.abort()
        else:
            original(self, data)
