"""Which channel a request names, where tables of paths do not look: found by the model of the routes."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from reference_server import server
from reference_server.identity import Identity
from reference_server.routes import UserChannel
from tests.defects.auth import identifying
from tests.defects.registry import around, chapter
from tests.defects.routing import Dodged, paths, refusing

OWN = "/ws/permissions/"
defect = chapter("routing/test_model.py")


FORGIVING = {"routing.spelling-refused": "what it takes for an endpoint is such a spelling, too"}


@defect("routing.model", companions=FORGIVING)
def routes_ids_of_ten_digits_by_their_prefix() -> None:
    paths(lambda path: OWN if re.match(r"/ws/permissions/[0-9]{10}", path) else path)


@defect("routing.model")
def resolves_dot_segments_where_a_dot_is_encoded() -> None:
    paths(lambda path: re.sub(r"(?i)x/(?:%2e%2e|%2e\.)/", "", path))


@defect("routing.model", companions=FORGIVING)
def reads_the_digits_of_every_script_behind_its_identity_check() -> None:
    """The check compares texts; what finds the channel reads numbers, as `\\d` and `int` do in Python."""

    @around(server, "match_channel")
    def match_channel(original, path):
        text = unquote(path, errors="replace").removeprefix(OWN).removesuffix("/")
        digits = [unicodedata.decimal(one, None) for one in text]
        if text and not text.isascii() and None not in digits:
            return Dodged(int("".join(map(str, digits))))
        return original(path)

    identifying(
        lambda found, _state, channel, _how: (
            Identity(channel.number, (), None, None) if isinstance(channel, Dodged) else found()
        )
    )


@defect("routing.model")
def takes_any_method_where_a_query_follows() -> None:
    @around(server, "check_http")
    def check_http(original, request):
        if "?" in request.path:
            request.method = "GET"
        original(request)


@defect("routing.model")
def reads_ids_as_32_bits_behind_its_identity_check() -> None:
    identifying(
        lambda found, _state, channel, how: (
            Identity(channel.user_id % 2**32, (), None, None)
            if isinstance(channel, UserChannel) and channel.user_id > 2**32 and "=" in how["query"]
            else found()
        )
    )


@defect("routing.model")
def drops_what_is_no_digit_from_an_id() -> None:
    def change(path):
        found = re.fullmatch(r"/ws/permissions/([^/%;]*[0-9][^/%;]*)/", path)
        return f"{OWN}{re.sub('[^0-9]', '', found[1])}/" if found else path

    paths(change)


@defect("routing.refusals-steady")
def answers_from_a_cache_with_another_status() -> None:
    seen = set()

    def status(path):
        known = path.partition("?")[0] in seen
        seen.add(path.partition("?")[0])
        return 403 if known else 404

    refusing(status)
