"""Real browsers: servers that are wrong to them alone, so that every raw client is well served."""

from __future__ import annotations

import asyncio
import dataclasses
from asyncio.sslproto import SSLProtocol
from urllib.parse import urlsplit

from websockets.frames import Opcode
from websockets.server import ServerProtocol

from reference_server import identity as identities
from reference_server import server
from reference_server.events import Hub, Peer
from reference_server.handshake import Refusal
from tests.defects.echo import ECHO, echo_path
from tests.defects.registry import around, chapter
from tests.defects.secure import SECURE, speaks_tls

OPENING = "browser/test_opening.py"
MESSAGES = "browser/test_messages.py"
CLOSING = "browser/test_closing.py"
CARRIERS = "browser/test_carriers.py"
COOKIES = "browser/test_cookies.py"
LIFETIME = "browser/test_lifetime.py"
CERTIFICATES = "browser/test_certificates.py"
defect = chapter(OPENING, time_scale=1.0)


def from_browser(headers):
    """Whether a request says that a browser sends it."""
    return headers.get("User-Agent", "").startswith("Mozilla/")


def of_browser(peer):
    """Whether a connection is a browser's."""
    return from_browser(peer.websocket.request.headers)


@defect(
    "browser.allowed-origin",
    files=(f"{OPENING}::test_page_of_an_allowed_origin_gets_a_confirmed_connection",),
    sample=False,
)
def greets_browsers_before_it_confirms() -> None:
    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        if of_browser(peer):
            peer.push('{"type":"hello","data":{}}')
        original(self, peer, confirmation)


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


@defect("browser.close-clean", files=(f"{CLOSING}::test_close_of_a_script_is_clean",), sample=False)
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


@defect(
    "browser.revoked-token",
    files=(f"{CLOSING}::test_script_sees_the_end_of_its_token_as_4401",),
    sample=False,
)
def tells_browsers_that_all_is_well_when_it_sends_them_away() -> None:
    @around(Peer, "close")
    async def close(original, self, code, reason):
        await original(self, 1000 if of_browser(self) else code, reason)


@defect("browser.heartbeat", files=(f"{MESSAGES}::test_heartbeats_of_a_script_are_given_back",), sample=False)
def keeps_what_browsers_say_in_three_bytes_a_character() -> None:
    @around(Peer, "reply")
    async def reply(original, self, text):
        if of_browser(self):
            text = "".join(one if ord(one) < 0x10000 else "?" for one in text)
        await original(self, text)


@defect(
    "browser.order",
    files=(f"{MESSAGES}::test_200_heartbeats_are_answered_in_their_order",),
    sample=False,
)
def lets_one_answer_of_a_hundred_overtake() -> None:
    @around(Peer, "reply")
    async def reply(original, self, text):
        self.replies = getattr(self, "replies", 0) + of_browser(self)
        if self.replies % 100 == 99:
            self.late = text
            return
        await original(self, text)
        if late := self.__dict__.pop("late", None):
            await original(self, late)


@defect(
    "browser.binary-refused",
    files=(f"{MESSAGES}::test_binary_message_of_a_script_is_refused",),
    sample=False,
)
def takes_whatever_a_browser_sends_for_a_heartbeat() -> None:
    @around(server.PermissionsServer, "listen")
    async def listen(original, self, peer):
        if of_browser(peer):
            received = peer.websocket.recv

            async def recv():
                message = await received()
                return message if isinstance(message, str) else '{"type":"heartbeat"}'

            peer.websocket.recv = recv
        await original(self, peer)


@defect(
    "browser.subprotocol-token",
    files=(f"{CARRIERS}::test_token_as_subprotocol_opens_with_bearer",),
    sample=False,
)
def selects_no_subprotocol_for_browsers() -> None:
    @around(server, "select_subprotocol")
    def select_subprotocol(original, connection):
        return None if from_browser(connection.request.headers) else original(connection)


@defect(
    "browser.query-token",
    files=(f"{CARRIERS}::test_token_in_the_query_is_confirmed_as_its_user",),
    sample=False,
)
def reads_no_query_of_browsers() -> None:
    @around(server, "identify")
    def identify(original, state, channel, **how):
        if from_browser(how["headers"]):
            how["query"] = ""
        return original(state, channel, **how)


@defect(
    "browser.cookie-token",
    files=(f"{CARRIERS}::test_cookie_of_the_server_is_confirmed_as_its_user",),
    sample=False,
)
def reads_no_cookies_of_browsers() -> None:
    @around(identities, "cookie_tokens")
    def cookie_tokens(original, headers):
        return [] if from_browser(headers) else original(headers)


@defect(
    "browser.event",
    files=("browser/test_events.py::test_script_receives_each_event_once_and_in_order",),
    sample=False,
)
def tells_browsers_again_to_be_sure() -> None:
    @around(Peer, "push")
    def push(original, self, text):
        kept = original(self, text)
        if of_browser(self) and '"event_id":' in text:
            original(self, text)
        return kept


@defect(
    "browser.foreign-origin",
    files=(f"{OPENING}::test_frame_of_an_opaque_origin_is_refused",),
    sample=False,
)
def takes_the_origin_null_of_a_browser_for_none() -> None:
    @around(server, "check_origin")
    def check_origin(original, headers, authority, allowed):
        opaque = from_browser(headers) and headers["Origin"] == "null"
        return not opaque and original(headers, authority, allowed)


@defect(
    "browser.workers",
    files=(f"{OPENING}::test_worker_and_service_worker_are_confirmed_beside_their_page",),
    sample=False,
)
def lets_each_browser_have_two_connections() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        others = [one for one in self._open if one.request is not None and from_browser(one.request.headers)]
        if from_browser(request.headers) and len(others) > 2:
            raise Refusal(429, "Too many connections.")
        return original(self, connection, request)


@defect(
    "browser.large-message",
    files=(f"{MESSAGES}::test_large_message_of_a_script_is_given_back",),
    sample=False,
)
def lets_browsers_send_256_kib() -> None:
    @around(ServerProtocol, "accept")
    def accept(original, self, request):
        if from_browser(request.headers):
            self.max_message_size = 262144
        return original(self, request)


@defect(
    "browser.binary-types",
    files=(f"{MESSAGES}::test_binary_messages_come_back_as_they_are",),
    profile=ECHO,
    sample=False,
)
def gives_binary_messages_back_as_text_where_they_are_compressed() -> None:
    echo_path()

    @around(server.Connection, "send")
    async def send(original, self, message, *how):
        if isinstance(message, bytes) and self.protocol.extensions:
            message = message.decode("latin-1")
        await original(self, message, *how)


@defect(
    "browser.cookie-foreign-page",
    files=(f"{COOKIES}::test_page_of_another_port_gets_nothing_by_the_cookie",),
    sample=False,
)
def trusts_every_port_of_its_host() -> None:
    """Of those that browsers name: the raw client is judged by the chapter auth."""

    @around(server, "check_origin")
    def check_origin(original, headers, authority, allowed):
        hosts = {urlsplit(one).hostname for one in (headers.get("Origin", ""), f"//{authority}")}
        return (from_browser(headers) and len(hosts) == 1) or original(headers, authority, allowed)


@defect(
    "browser.cookie-held-back",
    files=(f"{COOKIES}::test_page_of_another_site_is_not_taken_for_the_cookies_user",),
    sample=False,
)
def knows_a_browser_again_by_its_user_agent() -> None:
    known = {}

    @around(identities, "cookie_tokens")
    def cookie_tokens(original, headers):
        found = original(headers)
        if from_browser(headers):
            found = known[headers["User-Agent"]] = found or known.get(headers["User-Agent"], [])
        return found


@defect(
    "browser.tabs",
    files=(f"{LIFETIME}::test_each_tab_of_a_user_gets_each_event_once",),
    sample=False,
)
def tells_the_newest_tab_alone() -> None:
    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        for other in [one for one in self._peers if of_browser(one) and of_browser(peer)]:
            if other.identity.user_id == peer.identity.user_id:
                self.leave(other)
        original(self, peer, confirmation)


def replays(left) -> None:
    """Tell a browser's next connection the last events again, where ``left`` says so of the one before."""
    told, due = {}, set()

    @around(Peer, "push")
    def push(original, self, text):
        if of_browser(self) and '"event_id":' in text:
            told.setdefault(self.identity.user_id, []).append(text)
        return original(self, text)

    @around(Hub, "leave")
    def leave(original, self, peer):
        if of_browser(peer) and left(peer.websocket.protocol.close_rcvd):
            due.add(peer.identity.user_id)
        original(self, peer)

    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        original(self, peer, confirmation)
        if of_browser(peer) and peer.identity.user_id in due:
            for text in told.get(peer.identity.user_id, [])[-2:]:
                peer.push(text)


@defect(
    "browser.back-forward",
    files=(f"{LIFETIME}::test_page_that_the_user_comes_back_to_gets_each_event_once",),
    sample=False,
)
def resumes_the_session_of_a_page_that_was_left() -> None:
    replays(lambda close: close is not None and close.code == 1001)


@defect(
    "browser.reconnect",
    files=(f"{LIFETIME}::test_script_that_was_offline_gets_each_event_once",),
    sample=False,
)
def tells_the_last_events_again_to_be_sure() -> None:
    replays(lambda close: close is not None and close.code != 1001)


@defect(
    "browser.leaving",
    files=(f"{LIFETIME}::test_navigation_and_the_end_of_a_tab_free_the_servers_side",),
    time_scale=0.2,
    sample=False,
)
def waits_for_browsers_that_have_said_goodbye() -> None:
    @around(server.Connection, "eof_received")
    def eof_received(original, self):
        return (self.request is not None and from_browser(self.request.headers)) or original(self)

    @around(ServerProtocol, "recv_frame")
    def recv_frame(original, self, frame):
        if frame.opcode is not Opcode.CLOSE or frame.data[:2] != b"\x03\xe9":
            original(self, frame)

    @around(server.PermissionsServer, "keep_alive")
    async def keep_alive(original, self, peer):
        if of_browser(peer):
            await asyncio.Event().wait()  # a Ping would show that nobody is there
        await original(self, peer)


@defect(
    "browser.certificate",
    files=(f"{CERTIFICATES}::test_browser_that_knows_the_authority_opens_a_socket",),
    profile=SECURE,
    sample=False,
)
def names_its_host_as_the_common_name_alone() -> None:
    speaks_tls("common-name-alone")


@defect(
    "browser.untrusted-certificate",
    files=(f"{CERTIFICATES}::test_browser_that_does_not_know_the_authority_harms_nobody",),
    profile=SECURE,
    sample=False,
)
def loses_its_worker_to_a_broken_off_tls_handshake() -> None:
    """And with it all its connections; the next worker serves new ones as if nothing had been."""
    speaks_tls()
    served = set()

    @around(server.Connection, "connection_made")
    def connection_made(original, self, transport):
        served.add(transport)
        original(self, transport)

    @around(SSLProtocol, "_on_handshake_complete")
    def _on_handshake_complete(original, self, error):
        original(self, error)
        if error is not None:
            for transport in served:
                transport.abort()
