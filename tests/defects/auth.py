"""Who is asking: tokens, their carriers, and other people's channels."""

from __future__ import annotations

import time

from reference_server import identity as identities
from reference_server import server
from reference_server.handshake import Refusal
from reference_server.identity import Identity
from reference_server.routes import AnonymousChannel, UserChannel
from reference_server.state import State, Token
from tests.defects.registry import around, chapter
from tests.defects.session import confirming

CARRIERS = "auth/test_carriers.py"
defect = chapter(
    CARRIERS,
    "auth/test_matrix.py",
    "auth/test_bad_tokens.py",
    "auth/test_no_token.py",
    "auth/test_foreign_channel.py",
)
OVERLOOKED = {"auth.bad-token-refused": "the anonymous channel lets such a token in as anonymous"}
TOKENS = (CARRIERS, "auth/test_two_tokens.py", "auth/test_no_token.py")


def carried(name, change):
    around(identities, name)(change)


@defect("auth.query-token")
def reads_the_token_at_the_begin_of_the_query_only() -> None:
    carried("query_tokens", lambda original, query: original(query) if query.startswith("token") else [])


@defect(
    "auth.header-token",
    files=(
        f"{CARRIERS}::test_token_in_the_header",
        "auth/test_no_token.py::test_without_a_token_a_client_is_anonymous",
    ),
)
def does_not_read_authorization() -> None:
    carried("header_tokens", lambda *_: [])


@defect("auth.header-scheme-case")
def wants_bearer_with_a_capital() -> None:
    def change(original, headers):
        wrong = any(
            value[:6].lower() == "bearer" != value[:6] != "Bearer"
            for value in headers.get_all("Authorization")
        )
        return (
            []
            if wrong or any(v.startswith("bearer") for v in headers.get_all("Authorization"))
            else original(headers)
        )

    carried("header_tokens", change)


@defect("auth.subprotocol-token", files=(f"{CARRIERS}::test_token_as_a_subprotocol",))
def does_not_read_subprotocols() -> None:
    carried("subprotocol_tokens", lambda *_: [])


@defect("auth.subprotocol-answer")
def selects_no_subprotocol() -> None:
    around(server, "select_subprotocol")(lambda *_: None)


@defect("auth.cookie-token")
def finds_its_cookie_by_the_end_of_the_name() -> None:
    def change(_, headers):
        pairs = [pair for value in headers.get_all("Cookie") for pair in value.split(";")]
        return [pair.partition("=")[2] for pair in pairs if pair.partition("=")[0].endswith("session")]

    carried("cookie_tokens", change)


@defect("auth.user-id-exact", files=(CARRIERS, "auth/test_no_token.py"))
def keeps_user_ids_as_doubles() -> None:
    def change(message, _):
        if message["user_id"] is not None:
            message["user_id"] = int(float(message["user_id"]))

    confirming(change)


@defect("auth.groups")
def tells_the_first_group_only() -> None:
    confirming(lambda message, _: message.update(groups=message["groups"][:1]))


def identifying(change):
    """Change who a client is found to be."""

    @around(server, "identify")
    def identify(original, state, channel, **how):
        return change(lambda: original(state, channel, **how), state, channel, how)


OPEN = "the same connection, judged as a session and as a route"


@defect("auth.anonymous", companions={"session.anonymous-user-id": OPEN, "routing.endpoints": OPEN})
def wants_a_token_behind_the_slash_of_anonymous() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if request.path == "/ws/permissions/anonymous/" and "Upgrade" in request.headers:
            raise identities.unauthorized()
        return original(self, connection, request)


@defect("auth.anonymous-channel-token")
def calls_users_on_the_anonymous_channel_guest_3() -> None:
    def change(found, _state, channel, _how):
        one = found()
        if isinstance(channel, AnonymousChannel) and one.token is not None:
            return Identity(3, (), one.token, one.subprotocol)
        return one

    identifying(change)


def lookups(change):
    """Change which token a secret is."""
    around(State, "find_token")(change)


@defect("auth.bad-token")
def takes_a_user_id_for_a_token() -> None:
    def find_token(original, self, secret):
        return Token(self.users[int(secret)]) if secret == "1" else original(self, secret)

    lookups(find_token)


@defect("auth.bad-token")
def believes_tokens_that_nobody_signed() -> None:
    def find_token(original, self, secret):
        return (
            Token(self.users[1])
            if secret.startswith("eyJ") and secret.endswith(".")
            else original(self, secret)
        )

    lookups(find_token)


def good_if(condition):
    Token.good = property(condition)


@defect("auth.bad-token-declared", companions=OVERLOOKED)
def does_not_look_at_the_end_of_a_token() -> None:
    good_if(lambda token: token.user.active and not token.revoked and token.not_before < 4e9 / 2)


@defect("auth.bad-token-declared", companions=OVERLOOKED)
def does_not_look_whether_the_user_is_active() -> None:
    original = Token.good
    good_if(lambda token: original.fget(token) or (not token.user.active and token.user.name == "inactive"))


@defect("auth.bad-token-refused")
def lets_an_unknown_token_in_as_anonymous() -> None:
    @around(identities, "the_one_token")
    def the_one_token(original, state, carriers):
        secrets = {secret for values in carriers for secret in values}
        if len(secrets) == 1 and state.find_token(next(iter(secrets))) is None:
            return None
        return original(state, carriers)


@defect("auth.conflicting-tokens", files=TOKENS)
def overlooks_an_unknown_cookie_beside_a_header() -> None:
    @around(identities, "the_one_token")
    def the_one_token(original, state, carriers):
        query, header, subprotocol, cookie = carriers
        if header and cookie and state.find_token(cookie[0]) is None:
            cookie = []
        return original(state, [query, header, subprotocol, cookie])


@defect("auth.conflicting-users", files=TOKENS)
def prefers_the_query_among_good_tokens() -> None:
    @around(identities, "the_one_token")
    def the_one_token(original, state, carriers):
        found = [state.find_token(value) for values in carriers for value in values]
        both = len(found) == 2 and None not in found and carriers[0]
        return found[0] if both and found[0] is not found[1] else original(state, carriers)


@defect("auth.bearer-without-token", files=TOKENS)
def keeps_the_last_token_for_who_brings_none() -> None:
    kept = []

    @around(identities, "header_tokens")
    def header_tokens(original, headers):
        if headers.get_all("Authorization") == ["Bearer"] and kept:
            return kept[-1:]
        kept.extend(original(headers))
        return original(headers)


@defect("auth.no-token-no-user")
def takes_an_empty_token_for_the_first_user() -> None:
    def change(found, state, _channel, how):
        if "token=&" in how["query"]:
            return Identity(1, (), Token(state.users[1]), None)
        return found()

    identifying(change)


@defect("auth.own-channel", companions={"routing.user-endpoint": "the same channel, judged as a route"})
def takes_no_user_ids_beyond_32_bits() -> None:
    def change(found, _state, channel, _how):
        one = found()
        if isinstance(channel, UserChannel) and channel.user_id >= 2**32:
            raise Refusal(403, "This channel is not yours.")
        return one

    identifying(change)


@defect("auth.foreign-channel")
def compares_user_ids_as_doubles() -> None:
    def change(found, state, channel, how):
        if isinstance(channel, UserChannel) and channel.user_id == 2**53:
            return Identity(channel.user_id, (), None, None)
        return found()

    identifying(change)


@defect("auth.foreign-channel-refused")
def confirms_a_foreign_channel_as_oneself() -> None:
    def change(_, state, channel, how):
        own = server.match_channel("/ws/permissions/") if isinstance(channel, UserChannel) else channel
        one = identities.identify(state, own, **how)
        if own is not channel and one.token is None:
            raise identities.unauthorized()
        return one

    identifying(change)


@defect("auth.no-enumeration")
def says_404_for_users_who_do_not_exist() -> None:
    def change(found, state, channel, _how):
        if isinstance(channel, UserChannel) and channel.user_id not in state.users:
            raise Refusal(404, "There is no such user.")
        return found()

    identifying(change)


@defect("auth.token-secrecy", files=("auth/test_token_secrecy.py",))
def quotes_the_request_in_its_404() -> None:
    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        try:
            return original(self, connection, request)
        except Refusal as refusal:
            if refusal.status == 404:
                refusal.text = f"There is no {request.path}."
            raise


@defect("auth.token-secrecy", files=("auth/test_token_secrecy.py",))
def quotes_the_bad_token_in_its_401() -> None:
    def change(found, _state, _channel, how):
        try:
            return found()
        except Refusal as refusal:
            if refusal.status == 401:
                refusal.headers["WWW-Authenticate"] = (
                    f'Bearer error="{how["headers"].get("Authorization", "")}"'
                )
            raise

    identifying(change)


@defect(
    "auth.query-only",
    files=(f"{CARRIERS}::test_query_is_not_the_only_carrier",),
    profile={'offered = ["query", "header", "subprotocol", "cookie"]': 'offered = ["query"]'},
)
def takes_tokens_in_the_query_only() -> None:
    for name in ("header_tokens", "subprotocol_tokens", "cookie_tokens"):
        carried(name, lambda *_: [])


@defect("auth.own-channel", files=("auth/test_foreign_channel.py", CARRIERS))
def reads_cookies_on_the_own_channel_only() -> None:
    @around(server, "identify")
    def identify(original, state, channel, *, headers, **how):
        if isinstance(channel, UserChannel) and "Cookie" in headers:
            headers = headers.copy()
            del headers["Cookie"]
        return original(state, channel, headers=headers, **how)


@defect("auth.bad-token", files=("auth/test_matrix.py", CARRIERS))
def does_not_compare_the_last_letter_of_a_token() -> None:
    seen = set()

    @around(server, "identify")
    def identify(original, state, channel, *, query, **how):
        tokens = identities.query_tokens(query)
        seen.update(one for one in tokens if state.find_token(one))
        whole = [f"token={one}" for one in seen if one[:-1] in tokens and isinstance(channel, UserChannel)]
        return original(state, channel, query=whole[0] if whole else query, **how)


@defect("auth.bad-token-declared", files=("auth/test_matrix.py", CARRIERS))
def forgets_expiry_where_the_token_is_a_subprotocol_on_the_anonymous_channel() -> None:
    @around(server, "identify")
    def identify(original, state, channel, *, subprotocols, **how):
        try:
            return original(state, channel, subprotocols=subprotocols, **how)
        except Refusal:
            if not isinstance(channel, AnonymousChannel) or len(subprotocols) != 2:
                raise
            token = state.find_token(subprotocols[1])
            if token is None or token.revoked or not token.user.active or token.not_before > 0:
                raise
            return Identity(token.user.user_id, tuple(token.user.groups), Token(token.user), "bearer")


@defect("auth.no-enumeration-timing", files=("auth/test_enumeration_timing.py", CARRIERS))
def looks_the_user_up_before_refusing() -> None:
    @around(server, "identify")
    def identify(original, state, channel, **how):
        if isinstance(channel, UserChannel) and channel.user_id in state.users:
            time.sleep(0.05)
        return original(state, channel, **how)


@defect("auth.challenge", files=("auth/test_matrix.py", CARRIERS))
def gives_no_challenge_to_a_client_with_a_cookie() -> None:
    @around(server, "identify")
    def identify(original, state, channel, *, headers, **how):
        try:
            return original(state, channel, headers=headers, **how)
        except Refusal as refusal:
            if "Cookie" in headers:
                raise Refusal(refusal.status, "A valid token is required.") from None
            raise
