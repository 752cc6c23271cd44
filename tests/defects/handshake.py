"""Opening handshakes that a server accepts: how real servers got the 101 wrong, or did not send it."""

from __future__ import annotations

import base64

from websockets import http11
from websockets import server as library
from websockets.server import ServerProtocol

from reference_server import handshake, server
from reference_server.handshake import Refusal, StrictConnection
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_handshake_accepted.py", "protocol/test_handshake_offers.py")


@defect("handshake.accepted", files=("protocol/test_handshake_early.py",))
def wants_the_request_in_one_segment() -> None:
    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        if not self._handshake_done and b"\r\n\r\n" not in data and self.protocol.state.name == "CONNECTING":
            self.transport.abort()
        else:
            original(self, data)


@defect("handshake.accept-value")
def writes_the_accept_value_in_the_alphabet_for_urls() -> None:
    @around(library, "accept_key")
    def accept_key(original, key):
        return original(key).replace("+", "-").replace("/", "_")


@defect("handshake.accept-value")
def makes_the_accept_value_from_the_decoded_key() -> None:
    @around(library, "accept_key")
    def accept_key(original, key):
        return original(base64.b64encode(base64.b64decode(key)).decode())


@defect("handshake.accept-value")
def reads_a_plus_in_the_key_as_a_blank() -> None:
    @around(library, "accept_key")
    def accept_key(original, key):
        return original(key.replace("+", " "))


def changed_response(change):
    @around(ServerProtocol, "accept")
    def accept(original, self, request):
        response = original(self, request)
        if response.status_code == 101:
            change(request.headers, response.headers)
        return response


@defect("handshake.response-headers")
def keeps_alive_what_it_upgrades() -> None:
    def change(_, headers):
        del headers["Connection"]
        headers["Connection"] = "keep-alive"

    changed_response(change)


@defect("handshake.response-headers")
def announces_a_body_behind_the_101() -> None:
    changed_response(lambda _, headers: headers.__setitem__("Content-Length", "2"))


@defect("handshake.response-headers")
def announces_that_no_body_follows_the_101() -> None:
    changed_response(lambda _, headers: headers.__setitem__("Content-Length", "0"))


@defect("handshake.case")
def knows_websocket_in_lower_case_only() -> None:
    @around(server, "asks_for_upgrade")
    def asks_for_upgrade(original, headers):
        return headers.get_all("Upgrade")[:1] != ["WEBSOCKET"] and original(headers)


@defect("handshake.case")
def knows_the_option_upgrade_as_browsers_spell_it() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if any("UPGRADE" in value for value in headers.get_all("Connection")):
            raise handshake.upgrade_required('The Connection header must contain "Upgrade".')
        return original(headers)


@defect("handshake.connection-list")
def takes_the_header_connection_for_one_word() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if [value.lower() for value in headers.get_all("Connection")] != ["upgrade"]:
            raise handshake.upgrade_required("Connection must be Upgrade.")
        return original(headers)


@defect("handshake.connection-list")
def chokes_on_an_empty_connection_option() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if "" in [one.strip() for value in headers.get_all("Connection") for one in value.split(",")]:
            raise Refusal(400, "The Connection header is malformed.")
        return original(headers)


@defect("handshake.upgrade-list")
def takes_the_header_upgrade_for_one_word() -> None:
    @around(server, "asks_for_upgrade")
    def asks_for_upgrade(original, headers):
        return not any("," in value for value in headers.get_all("Upgrade")) and original(headers)


@defect("handshake.header-order")
def refuses_header_fields_of_the_future() -> None:
    known = {"key", "version", "protocol", "extensions"}

    @around(server, "check_handshake")
    def check_handshake(original, headers):
        for name, _ in headers.raw_items():
            if name.lower().startswith("sec-websocket-") and name.lower()[14:] not in known:
                raise Refusal(400, "Unknown header field.")
        return original(headers)


@defect("handshake.tabs")
def takes_a_tab_for_part_of_the_value() -> None:
    @around(http11, "parse_line")
    def parse_line(original, *args):
        line = yield from original(*args)
        if b"\t" in line:
            raise ValueError("a tab in a header line")
        return line


@defect("handshake.subprotocol-from-offer")
def answers_with_its_only_subprotocol_whatever_was_offered() -> None:
    def change(asked, headers):
        if "Sec-WebSocket-Protocol" in asked and "Sec-WebSocket-Protocol" not in headers:
            headers["Sec-WebSocket-Protocol"] = "permissions.v1"

    changed_response(change)


@defect("handshake.subprotocol-from-offer")
def answers_in_its_own_spelling() -> None:
    def change(asked, headers):
        if any(one.startswith("BEARER") for one in asked.get_all("Sec-WebSocket-Protocol")):
            headers["Sec-WebSocket-Protocol"] = "bearer"

    changed_response(change)


@defect("handshake.subprotocol-from-offer")
def chooses_the_empty_member_of_the_list() -> None:
    def change(asked, headers):
        if any(one.startswith(",") for one in asked.get_all("Sec-WebSocket-Protocol")):
            headers["Sec-WebSocket-Protocol"] = ""

    changed_response(change)


@defect("handshake.extension-from-offer")
def confirms_compression_that_nobody_offered() -> None:
    def change(asked, headers):
        if "Sec-WebSocket-Extensions" not in asked:
            headers["Sec-WebSocket-Extensions"] = "permessage-deflate"

    changed_response(change)


@defect("handshake.extension-unknown")
def refuses_extension_parameters_in_quotes() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if any('="' in value for value in headers.get_all("Sec-WebSocket-Extensions")):
            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.")
        return original(headers)


@defect("handshake.extension-lines")
def refuses_extensions_in_two_lines() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if len(headers.get_all("Sec-WebSocket-Extensions")) > 1:
            raise Refusal(400, "Exactly one Sec-WebSocket-Extensions header is expected.")
        return original(headers)


@defect("handshake.extension-lines")
def refuses_subprotocols_in_two_lines() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if len(headers.get_all("Sec-WebSocket-Protocol")) > 1:
            raise Refusal(400, "Exactly one Sec-WebSocket-Protocol header is expected.")
        return original(headers)


@defect("handshake.extension-unknown")
def refuses_a_parameter_given_twice_whatever_the_extension() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        if any("a=1; a=2" in value for value in headers.get_all("Sec-WebSocket-Extensions")):
            raise Refusal(400, "A parameter is given twice.")
        return original(headers)


def mended(mend):
    """Let the server see a request's headers only after they were mended."""

    @around(server, "check_http")
    def check_http(original, request):
        mend(request)
        return original(request)
