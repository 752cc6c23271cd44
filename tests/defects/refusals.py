"""Opening handshakes that a server refuses: what real servers let pass, and how they said no."""

from __future__ import annotations

import types

from websockets import server as library
from websockets.protocol import Protocol

from reference_server import handshake, server
from reference_server.events import Hub
from reference_server.handshake import Refusal
from tests.defects.handshake import mended
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_handshake_refused.py")


def lenient(name, mend):
    """Change the values of one header before they are checked."""

    def change(request):
        values = request.headers.get_all(name)
        changed = mend(values)
        if changed != values:
            if values:
                del request.headers[name]
            for value in changed:
                request.headers[name] = value

    mended(change)


@defect("handshake.method", companions={"routing.method": "the same rule, judged on an endpoint's own route"})
def upgrades_options_as_if_it_were_get() -> None:
    def mend(request):
        request.method = "GET" if request.method == "OPTIONS" else request.method

    mended(mend)


@defect("handshake.method", companions={"routing.method": "the same rule, judged on an endpoint's own route"})
def upgrades_get_in_lower_case() -> None:
    def mend(request):
        request.method = request.method.upper()

    mended(mend)


@defect("handshake.http-version")
def upgrades_http_1_0() -> None:
    def mend(request):
        request.protocol = "HTTP/1.1"

    mended(mend)


@defect("handshake.host")
def takes_the_host_of_a_target_in_absolute_form() -> None:
    def mend(request):
        if "Host" not in request.headers and request.path.startswith("http://"):
            request.headers["Host"] = request.path.split("/")[2]

    mended(mend)


@defect("handshake.host")
def overlooks_a_host_that_only_says_it_again() -> None:
    lenient("Host", lambda values: list(dict.fromkeys(values)))


@defect("handshake.host-malformed")
def takes_what_stands_behind_the_at_for_the_host() -> None:
    lenient("Host", lambda values: [one.rpartition("@")[2] for one in values])


@defect("handshake.host-malformed")
def takes_the_first_of_two_hosts_in_one_line() -> None:
    lenient("Host", lambda values: [one.partition(", ")[0] for one in values])


@defect("handshake.host")
def decides_by_the_first_of_two_hosts() -> None:
    lenient("Host", lambda values: values[:1])


@defect("handshake.host")
def makes_up_a_missing_host() -> None:
    lenient("Host", lambda values: values or ["localhost"])


@defect("handshake.upgrade-required")
def looks_at_the_first_nine_letters_of_upgrade() -> None:
    lenient("Upgrade", lambda values: [one if "," in one else one[:9] for one in values])


@defect("handshake.upgrade-required")
def finds_websocket_inside_another_name_of_a_list() -> None:
    lenient("Upgrade", lambda values: ["websocket" if "h2c, websocket" in one else one for one in values])


@defect("handshake.connection-required")
def finds_upgrade_inside_upgraded() -> None:
    lenient("Connection", lambda values: ["Upgrade" if "upgrade" in one.lower() else one for one in values])


@defect("handshake.connection-required")
def splits_connection_at_blanks_too() -> None:
    lenient("Connection", lambda values: [one.replace("alive Up", "alive, Up") for one in values])


@defect("handshake.key-required")
def accepts_a_handshake_without_key() -> None:
    lenient("Sec-WebSocket-Key", lambda values: values or ["A" * 22 + "=="])


def accept_keys(text):
    strictly = handshake._SIXTEEN_BYTES_IN_BASE64
    handshake._SIXTEEN_BYTES_IN_BASE64 = types.SimpleNamespace(
        fullmatch=lambda key: key == text or strictly.fullmatch(key)
    )
    library.base64 = types.SimpleNamespace(b64decode=lambda *_, **__: bytes(16))


@defect("handshake.key-malformed")
def accepts_a_key_of_fifteen_bytes() -> None:
    accept_keys("A" * 20)


@defect("handshake.key-malformed")
def decodes_keys_in_the_alphabet_for_urls_too() -> None:
    accept_keys("-_" * 10 + "-w==")


@defect("handshake.key-malformed")
def counts_the_letters_of_a_key_only() -> None:
    accept_keys("=" * 24)


@defect("handshake.key-malformed")
def joins_a_key_at_its_blanks() -> None:
    accept_keys("A" * 11 + " " + "A" * 11 + "==")


@defect("handshake.key-once")
def takes_the_first_of_two_keys() -> None:
    lenient("Sec-WebSocket-Key", lambda values: values[:1])


@defect("handshake.key-once")
def overlooks_a_key_that_comes_again() -> None:
    lenient("Sec-WebSocket-Key", lambda values: list(dict.fromkeys(values)))


VERSION = "Sec-WebSocket-Version"


@defect("handshake.version-required")
def takes_a_missing_version_for_13() -> None:
    lenient(VERSION, lambda values: values or ["13"])


@defect("handshake.version-unsupported")
def accepts_any_version_of_three_digits() -> None:
    lenient(VERSION, lambda values: ["13" if one == "255" else one for one in values])


@defect("handshake.version-unsupported")
def accepts_a_version_that_was_reserved() -> None:
    lenient(VERSION, lambda values: ["13" if one == "12" else one for one in values])


@defect("handshake.version-malformed")
def finds_13_in_a_list_of_versions() -> None:
    lenient(VERSION, lambda values: ["13" if one == "13, 8" else one for one in values])


@defect("handshake.version-malformed")
def reads_the_version_up_to_what_is_no_digit() -> None:
    lenient(VERSION, lambda values: ["13" if one == "13a" else one for one in values])


@defect("handshake.version-once")
def takes_the_first_of_two_versions() -> None:
    lenient(VERSION, lambda values: values[:1])


@defect("handshake.version-offered")
def does_not_say_which_version_it_speaks() -> None:
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        try:
            return original(headers)
        except Refusal as refusal:
            refusal.headers.pop(VERSION, None)
            raise


@defect("handshake.extensions-malformed")
def overlooks_an_empty_extension_parameter() -> None:
    lenient("Sec-WebSocket-Extensions", lambda values: [one.replace(";;", ";") for one in values])


@defect("handshake.extensions-malformed")
def overlooks_extensions_that_it_cannot_read() -> None:
    lenient("Sec-WebSocket-Extensions", lambda values: [one for one in values if one != "x a"])


@defect("handshake.extensions-malformed")
def takes_an_empty_extension_list_for_none() -> None:
    lenient("Sec-WebSocket-Extensions", lambda values: [one for one in values if one])


@defect("handshake.subprotocol-malformed")
def takes_an_empty_subprotocol_list_for_none() -> None:
    lenient("Sec-WebSocket-Protocol", lambda values: [one for one in values if one.strip(" ,")])


@defect("handshake.subprotocol-malformed")
def takes_a_slash_for_part_of_a_token() -> None:
    lenient("Sec-WebSocket-Protocol", lambda values: [one.replace("/", ".") for one in values])


@defect("handshake.subprotocol-malformed")
def splits_subprotocols_at_blanks_too() -> None:
    lenient(
        "Sec-WebSocket-Protocol", lambda values: [one.replace("two words", "two, words") for one in values]
    )


def refuses(condition, status):
    @around(server, "check_handshake")
    def check_handshake(original, headers):
        try:
            return original(headers)
        except Refusal as refusal:
            if condition(headers):
                refusal.status = status
            raise


@defect("handshake.refusal-answered")
def hangs_up_on_a_handshake_without_key() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if "Upgrade" in request.headers and "Sec-WebSocket-Key" not in request.headers:
            connection.transport.abort()
        return original(self, connection, request)


@defect("handshake.refusal-client-error")
def blames_itself_for_a_malformed_key() -> None:
    refuses(lambda headers: len(headers.get("Sec-WebSocket-Key", "")) == 20, 500)


@defect("handshake.refusal-status")
def answers_403_to_an_unknown_version() -> None:
    refuses(lambda headers: headers.get_all(VERSION) == ["99"], 403)


@defect("robustness.others-unharmed", files=("protocol/test_framing.py", "protocol/test_control_frames.py"))
def closes_everyone_over_one_reserved_opcode() -> None:
    peers = []

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        peers.append(peer)
        original(self, peer, confirmation)

    @around(Protocol, "fail")
    def fail(original, self, code, reason=""):
        original(self, code, reason)
        if reason == "invalid opcode":
            for peer in peers:
                if peer.websocket.protocol is not self:
                    peer.websocket.transport.abort()
            peers.clear()
