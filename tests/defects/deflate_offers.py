"""Offers of permessage-deflate: how real servers misread what a client wrote."""

from __future__ import annotations

from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from reference_server import server
from reference_server.handshake import Refusal
from tests.defects.refusals import lenient
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_deflate_offers.py", "protocol/test_handshake_offers.py")
EXTENSIONS = "Sec-WebSocket-Extensions"


def read(change) -> None:
    """Change each line of an offer before it is read; ``None`` leaves it out."""
    lenient(EXTENSIONS, lambda lines: [one for one in map(change, lines) if one is not None])


@defect("deflate.browser-offer")
def wants_a_parameter_behind_permessage_deflate() -> None:
    """Of which Chromium sends one, and Firefox none."""

    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if headers.get_all(EXTENSIONS) == ["permessage-deflate"]:
            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.")
        return original(headers)


@defect("deflate.browser-offer")
def refuses_an_extension_whose_name_begins_with_x() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if any(one.startswith("x-webkit") for one in headers.get_all(EXTENSIONS)):
            raise Refusal(400, "Unknown extension.")
        return original(headers)


def parameters(change) -> None:
    """Change the parameters of an offer, each a name and a value or ``None``, before they are read."""

    @around(ServerPerMessageDeflateFactory, "process_request_params")
    def process_request_params(original, self, params, accepted):
        return original(self, change(params), accepted)


@defect("deflate.declines-bad-offer")
def reads_a_window_as_python_reads_a_number() -> None:
    parameters(lambda given: [(name, value and value.replace("_", "")) for name, value in given])


@defect("deflate.declines-bad-offer")
def overlooks_a_client_window_that_comes_again() -> None:
    parameters(lambda given: list(dict(reversed(given)).items()))


@defect("deflate.fallback-offer")
def refuses_everything_over_a_bad_offer_behind_a_good_one() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if "permessage-deflate, permessage-deflate; foo=1" in headers.get_all(EXTENSIONS):
            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.")
        return original(headers)


@defect("deflate.response-parameters")
def answers_no_more_than_three_parameters() -> None:
    @around(ServerPerMessageDeflateFactory, "process_request_params")
    def process_request_params(original, self, params, accepted):
        answered, extension = original(self, params, accepted)
        return [one for one in answered if len(params) < 4 or one[0] != "server_max_window_bits"], extension


class OverlooksRsv1:
    """An extension that nobody agreed on."""

    name = "x-overlooks-rsv1"

    def decode(self, frame, **_):
        frame.rsv1 = False
        return frame

    def encode(self, frame):
        return frame


@defect("deflate.declined-reserved-bit")
def overlooks_rsv1_where_an_extension_was_offered() -> None:
    @around(ServerProtocol, "accept")
    def accept(original, self, request):
        response = original(self, request)
        if EXTENSIONS in request.headers and EXTENSIONS not in response.headers:
            self.extensions = [OverlooksRsv1()]
        return response


@defect("deflate.offer-lines")
def reads_the_first_line_of_an_offer() -> None:
    lenient(EXTENSIONS, lambda lines: lines[:1])


@defect("deflate.quoted-value")
def declines_a_window_in_quotes() -> None:
    read(lambda line: None if '_bits="' in line else line)


@defect("deflate.offer-order")
def accepts_the_last_offer_that_fits() -> None:
    read(lambda line: ", ".join(reversed(line.split(", "))))


@defect("deflate.second-offer")
def declines_everything_over_one_bad_offer() -> None:
    read(lambda line: None if "foo=1" in line else line)


@defect("deflate.server-no-context-takeover")
def declines_to_forget_its_window() -> None:
    @around(ServerPerMessageDeflateFactory, "process_request_params")
    def process_request_params(original, self, params, accepted):
        if ("server_no_context_takeover", None) in params:
            raise NegotiationError("server_no_context_takeover is not supported")
        return original(self, params, accepted)


@defect("handshake.extension-from-offer")
def accepts_one_extension_twice() -> None:
    @around(ServerProtocol, "accept")
    def accept(original, self, request):
        response = original(self, request)
        if request.headers.get_all(EXTENSIONS) == ["permessage-deflate, permessage-deflate"]:
            response.headers[EXTENSIONS] = response.headers[EXTENSIONS]  # a second line
        return response
