"""Requests, replies and errors of a session."""

from __future__ import annotations

import asyncio
import json

from websockets.exceptions import ConnectionClosed

from reference_server import server, session
from tests.defects.registry import around, chapter

defect = chapter(
    "session/test_check_permission.py",
    "session/test_errors.py",
    "session/test_correlation.py",
    "session/test_binary.py",
)
HOSTILE = ("session/test_hostile_input.py", "session/test_binary.py")


def permissions(change):
    """Change the answer to check_permission."""

    @around(session, "check_permission")
    def check_permission(original, state, identity, message):
        return change(original(state, identity, message), identity, message)

    session.HANDLERS["check_permission"] = session.check_permission


def decoding(change):
    """Change how a text becomes an object."""

    @around(session, "decode")
    def decode(original, received):
        return change(original, received) if isinstance(received, str) else original(received)


@defect("session.message-schema")
def sends_errors_without_a_text() -> None:
    @around(session, "encode")
    def encode(original, message):
        if message["type"] == "error" and message["data"]["code"] == "unknown_type":
            message = {**message, "data": {"code": "unknown_type"}}
        return original(message)


@defect("session.permission-unknown")
def takes_an_asterisk_for_any_permission() -> None:
    def change(result, _, message):
        if message["data"]["permission"] == "*":
            result["data"]["allowed"] = True
        return result

    permissions(change)


@defect("session.permission-unknown")
def calls_an_unknown_permission_an_error() -> None:
    def change(result, _, message):
        if not message["data"]["permission"].isascii():
            raise session.MessageError("invalid_message", "There is no such permission.")
        return result

    permissions(change)


@defect("session.permission-anonymous")
def lets_anonymous_view_articles() -> None:
    def change(result, identity, message):
        if identity.user_id is None and message["data"]["permission"] == "articles.view":
            result["data"]["allowed"] = True
        return result

    permissions(change)


@defect("session.permission-held")
def knows_no_permission_from_before_its_start() -> None:
    def change(result, identity, message):
        if message["data"]["permission"] == "articles.view":
            result["data"]["allowed"] = False
        return result

    permissions(change)


@defect("session.permission-of-another")
def answers_from_the_permissions_of_everybody() -> None:
    original = session.check_permission

    def check_permission(state, identity, message):
        answer = original(state, identity, message)
        held = {one for user in state.users.values() for one in user.permissions}
        answer["data"]["allowed"] = identity.user_id is not None and answer["data"]["permission"] in held
        return answer

    session.HANDLERS["check_permission"] = check_permission


@defect("session.invalid-json")
def reads_nan() -> None:
    @around(session, "_not_a_number")
    def not_a_number(_original, _text):
        return None


@defect("session.invalid-json")
def reads_the_first_of_two_values() -> None:
    decoding(lambda original, text: original(text.split("}{")[0] + "}" if text.count("}{") == 1 else text))


@defect("session.invalid-message")
def does_not_answer_null() -> None:
    @around(server, "answer")
    def answer(original, state, identity, received):
        return None if received == "null" else original(state, identity, received)


@defect("session.invalid-message")
def takes_a_timestamp_that_is_none_for_absent() -> None:
    def decode(original, text):
        message = original(text)
        if message.get("timestamp") == "now":
            del message["timestamp"]
        return message

    decoding(decode)


@defect("session.unknown-type")
def trims_the_type() -> None:
    def decode(original, text):
        message = original(text)
        if message.get("type") == "heartbeat ":
            message["type"] = "heartbeat"
        return message

    decoding(decode)


@defect("session.unknown-type")
def hangs_up_on_an_unknown_type() -> None:
    @around(server, "answer")
    def answer(original, state, identity, received):
        if isinstance(received, str) and '"type": "__proto__"' in received:
            raise KeyError(received)
        return original(state, identity, received)


@defect("session.error-id")
def forgets_the_id_when_the_type_is_wrong() -> None:
    @around(session, "given_id")
    def given_id(original, message):
        found = original(message)
        return found if isinstance(message.get("type", ""), str) else {}


@defect("session.error-invalid-id")
def makes_a_text_of_an_id_that_is_a_number() -> None:
    @around(session, "given_id")
    def given_id(original, message):
        return original({"id": str(message["id"])} if type(message.get("id")) is int else message)


@defect("session.hostile-input", files=HOSTILE)
def dies_of_deep_nesting() -> None:
    @around(server, "answer")
    def answer(original, state, identity, received):
        if isinstance(received, str) and received.count("[") > 10_000:
            raise RecursionError
        return original(state, identity, received)


@defect("session.hostile-input", files=HOSTILE)
def dies_of_a_lone_surrogate() -> None:
    @around(server, "answer")
    def answer(original, state, identity, received):
        text = original(state, identity, received)
        if text is not None and "\\ud800" in text:
            text.encode("ascii").decode("unicode_escape").encode()
        return text


@defect("session.data-exact", files=HOSTILE)
def keeps_numbers_as_doubles() -> None:
    decoding(lambda original, text: original(text.replace("9007199254740993", "9007199254740992")))


@defect("session.binary", files=HOSTILE)
def reads_binary_messages_as_text() -> None:
    @around(session, "decode")
    def decode(original, received):
        if isinstance(received, bytes) and received.startswith(b"{"):
            received = received.decode()
        return original(received)


@defect("session.unknown-members")
def refuses_members_that_it_does_not_know() -> None:
    def change(result, _, message):
        if set(message["data"]) - {"permission"}:
            raise session.MessageError("invalid_message", "data has an unknown member.")
        return result

    permissions(change)


def listening(conversation):
    """Listen in another way."""

    @around(server.PermissionsServer, "listen")
    async def listen(_, self, peer):
        try:
            while True:
                await conversation(self, peer, await peer.websocket.recv())
        except ConnectionClosed:
            pass


@defect("session.reply-correlation")
def answers_from_a_cache_of_four_permissions() -> None:
    caches = {}  # an identity is kept with its cache, so that no later one is found at its address

    def change(result, identity, _):
        _kept, cache = caches.setdefault(id(identity), (identity, []))
        if len(cache) == 4:
            return {**result, "data": cache[0]}
        cache.append(result["data"])
        return result

    permissions(change)


@defect("session.reply-order")
def answers_permissions_when_the_database_did() -> None:
    later = set()

    async def answered(peer, text):
        await asyncio.sleep(0.1)
        await peer.reply(text)

    async def conversation(self, peer, received):
        text = server.answer(self.state, peer.identity, received)
        if text is None:
            return
        if '"permission_result"' in text:
            task = asyncio.create_task(answered(peer, text))
            later.add(task)
            task.add_done_callback(later.discard)
        else:
            await peer.reply(text)

    listening(conversation)


@defect("session.isolation")
def keeps_one_table_of_request_ids_for_all() -> None:
    asked_by = {}

    async def conversation(self, peer, received):
        text = server.answer(self.state, peer.identity, received)
        if text is None:
            return
        identity = json.loads(text).get("id", "")
        asked_by[identity] = peer
        await asyncio.sleep(0.01)
        await (asked_by[identity] if identity[:1] == "s" else peer).reply(text)

    listening(conversation)
