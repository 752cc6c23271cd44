"""Which channel a request target names."""

from __future__ import annotations

from websockets import http11

from reference_server import server
from reference_server.handshake import Refusal
from reference_server.identity import Identity
from reference_server.routes import OwnChannel, UserChannel
from tests.defects.auth import identifying
from tests.defects.registry import around, chapter

PATHS = "routing/test_unknown_paths.py"
ENDPOINTS = "routing/test_endpoints.py"
defect = chapter(PATHS, ENDPOINTS, "routing/test_methods.py", "routing/test_absolute_form.py")
SPELLINGS = ("routing/test_spellings.py", ENDPOINTS)


def paths(change):
    """Change the path before it is matched."""

    @around(server, "match_channel")
    def match_channel(original, path):
        return original(change(path))


def targets(change):
    """Change how a request target is split into authority, path and query."""

    @around(server, "split_target")
    def split_target(original, target):
        return change(target, *original(target))


@defect("routing.endpoints")
def takes_a_bare_question_mark_for_a_part_of_the_path() -> None:
    targets(lambda target, host, path, query: (host, path + ("?" if target.endswith("?") else ""), query))


@defect(
    "routing.user-endpoint",
    companions={"auth.own-channel": "the same channel, judged as whose it is"},
)
def takes_user_ids_of_ten_digits_at_most() -> None:
    paths(lambda path: "/" if len(path) > 30 and path[16:-1].isdecimal() else path)


@defect("routing.unknown-path")
def knows_anonymous_in_capitals() -> None:
    paths(lambda path: path.replace("Anonymous", "anonymous"))


@defect("routing.unknown-path")
def adds_a_missing_slash() -> None:
    paths(lambda path: "/ws/permissions/" if path == "/ws/permissions" else path)


@defect("routing.unknown-path")
def resolves_dot_segments() -> None:
    paths(lambda path: path.replace("/x/..", ""))


@defect("routing.arbitrary-path")
def drops_what_stands_behind_a_dot_segment() -> None:
    own = "/ws/permissions/"
    paths(lambda path: own if path.startswith(f"{own}./") or path == f"{own}." else path)


def refusing(status):
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        try:
            return original(self, connection, request)
        except Refusal as refusal:
            if refusal.status == 404:
                refusal.status = status(request.path)
            raise


@defect("routing.refusal-status")
def says_that_unknown_paths_are_gone() -> None:
    refusing(lambda _: 410)


@defect("routing.refusals-alike")
def says_403_outside_its_own_folder() -> None:
    refusing(lambda path: 404 if "/ws/" in path else 403)


@defect("routing.long-path")
def cuts_a_path_of_8_kb() -> None:
    http11.MAX_LINE_LENGTH = 65536
    paths(lambda path: "/ws/permissions/" if len(path) > 8192 else path)


@defect("routing.spelling-identity", files=SPELLINGS)
def checks_no_identity_on_ids_with_leading_zeros() -> None:
    @around(server, "match_channel")
    def match_channel(original, path):
        stripped = path.replace("/00", "/")
        channel = original(stripped)
        if stripped != path and isinstance(channel, UserChannel):
            return Dodged(channel.user_id)
        return original(path)

    identifying(
        lambda found, _state, channel, _how: (
            Identity(channel.number, (), None, None) if isinstance(channel, Dodged) else found()
        )
    )


class Dodged:
    """A channel that the identity check does not know."""

    def __init__(self, number):
        self.number = number


@defect("routing.spelling-refused", files=SPELLINGS)
def merges_slashes_at_the_begin() -> None:
    paths(lambda path: "/" + path.lstrip("/"))


@defect("routing.spelling-refused", files=SPELLINGS)
def cuts_path_parameters() -> None:
    paths(lambda path: path.removesuffix(";x") if path.endswith("anonymous;x") else path)


@defect("routing.absolute-form")
def knows_no_absolute_form() -> None:
    targets(lambda _, host, path, query: (host, path if host is None else f"http://{host}{path}", query))


@defect("routing.absolute-form-channel")
def takes_any_absolute_form_for_the_own_channel() -> None:
    targets(
        lambda _, host, path, query: (
            host,
            path if host is None or "anon" in path else "/ws/permissions/",
            query,
        )
    )


@defect("routing.query")
def lets_the_query_name_the_user() -> None:
    def change(found, state, channel, how):
        if isinstance(channel, OwnChannel) and "user_id=2" in how["query"]:
            return Identity(2, (), None, None)
        return found()

    identifying(change)


@defect("routing.query")
def finds_the_endpoint_inside_the_query() -> None:
    targets(
        lambda target, host, path, query: (
            host,
            query.split("&")[0].split("=")[-1] if path == "/no-such-path" else path,
            query,
        )
    )


@defect("routing.plain-get")
def upgrades_a_plain_get() -> None:
    @around(server, "asks_for_upgrade")
    def asks_for_upgrade(original, headers):
        if "Upgrade" in headers or "Sec-WebSocket-Key" in headers:
            return original(headers)
        for name, value in {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
        }.items():
            headers.pop(name, None)
            headers[name] = value
        headers["Sec-WebSocket-Key"] = "A" * 22 + "=="
        return True


@defect("routing.plain-get-status")
def shows_its_page_on_endpoints_too() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        try:
            return original(self, connection, request)
        except Refusal as refusal:
            if refusal.text == "This is a WebSocket endpoint.":
                return server.page_response(connection)
            raise


@defect("routing.method")
def reads_the_method_in_any_case() -> None:
    @around(server, "check_http")
    def check_http(original, request):
        request.method = request.method.upper()
        return original(request)
