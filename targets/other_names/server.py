"""A small notification backend with names of its own: `python server.py PORT [CONTROL_PORT]`.

It stands for the backend that a team has already: flat camelCase messages, paths of its own, times in
milliseconds. It knows nothing of the suite. `--vice NAME` breaks one rule, to show that a dialect hides none.
"""

import argparse
import asyncio
import contextlib
import http
import itertools
import json
import os
import time
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

USERS = {1: ["editors"], 2: []}
SUPPORTS = {"permissionNews": True, "roleNews": True, "menuNews": True, "cacheNews": True, "ping": True}
VICES = ("forgets-data", "tells-everyone", "calls-it-bad-json", "opens-any-path", "believes-hello")
SIZE = 1_000_000


def now():
    return int(time.time() * 1000)


class BadMessage(Exception):
    def __init__(self, reason, text):
        super().__init__(text)
        self.reason = reason


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def parsed(text):
    """The object in a text, or the reason why there is none."""
    try:
        message = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise BadMessage("BAD_JSON", "That is no JSON.") from None
    if not isinstance(message, dict):
        raise BadMessage("BAD_MESSAGE", "A message is an object.")
    return message


def checked(message):
    """Refuse an object that is no message."""
    ref = message.get("ref", "-")
    if not isinstance(ref, str) or not 1 <= len(ref) <= 64:
        del message["ref"]
        raise BadMessage("BAD_MESSAGE", "ref is a string of 1 to 64 characters.")
    if not isinstance(message.get("event"), str):
        raise BadMessage("BAD_MESSAGE", "event is a string.")


class Backend:
    def __init__(self, vice):
        self.vice = vice
        self.tokens = {
            os.environ.get(f"{name}_TOKEN") or name.lower(): n for name, n in (("ALICE", 1), ("BOB", 2))
        }
        self.granted = set()
        self.clients = {}
        self.numbers = itertools.count(1)

    # Coming in.

    def route(self, connection, request):
        path, _, query = request.path.partition("?")
        given = parse_qs(query, keep_blank_values=True).get("token", [])
        if len(given) > 1 or (given and given[0] not in self.tokens):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no such token\n")
        user = self.tokens[given[0]] if given else None
        if path == "/socket/guest":
            user = None
        elif path.startswith("/socket/of/") and path.removeprefix("/socket/of/") != str(user):
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such channel\n")
        elif path != "/socket" and not path.startswith("/socket/of/") and self.vice != "opens-any-path":
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no such path\n")
        connection.user = user
        connection.tasks = []
        return None

    async def session(self, connection):
        user = connection.user
        uid = "guest" if user is None else user
        welcome = {
            "event": "welcome",
            "uid": uid,
            "teams": USERS.get(user, []),
            "at": now(),
            "supports": SUPPORTS,
        }
        await connection.send(json.dumps(welcome))
        self.clients[connection] = user
        try:
            async for text in connection:
                reply = self.answer(connection, text)
                if reply is not None:
                    await connection.send(json.dumps(reply))
        except ConnectionClosed:
            pass
        finally:
            self.clients.pop(connection, None)

    # Answering.

    def answer(self, connection, text):
        message = {}
        try:
            message = parsed(text if isinstance(text, str) else "[]")
            checked(message)
            return self.reply(connection, message)
        except BadMessage as error:
            reason = "BAD_JSON" if self.vice == "calls-it-bad-json" else error.reason
            ref = {"ref": message["ref"]} if isinstance(message.get("ref"), str) else {}
            return {"event": "fail", **ref, "reason": reason, "text": str(error)}

    def reply(self, connection, message):
        event = message["event"]
        ref = {"ref": message["ref"]} if "ref" in message else {}
        if event == "ping":
            if not isinstance(message.get("ts", 0), (int, float)) or not isinstance(
                message.get("body", {}), dict
            ):
                raise BadMessage("BAD_MESSAGE", "ts is a number, body an object.")
            kept = {name: message[name] for name in ("ts", "body") if name in message}
            if self.vice == "forgets-data" and len(json.dumps(kept.get("body"))) > 300:
                kept["body"] = {}
            return {"event": "pong", **ref, **kept, "at": now()}
        if event == "can":
            permission = message.get("perm")
            if not isinstance(permission, str):
                raise BadMessage("BAD_MESSAGE", "perm is a string.")
            user = connection.user
            allowed = user is not None and (user, permission) in self.granted
            return {"event": "canResult", **ref, "perm": permission, "yes": allowed}
        if event == "hello":
            if self.vice == "believes-hello" and isinstance(message.get("name"), int):
                return {
                    "event": "welcome",
                    "uid": message["name"],
                    "teams": [],
                    "at": now(),
                    "supports": SUPPORTS,
                }
            return None
        raise BadMessage("WHAT", "There is no such event.")

    # Changes.

    def change(self, action, given):
        user = int(given["user_id"]) if given.get("user_id") else None
        if user is not None and user not in USERS:
            raise LookupError(user)
        if action in {"grant", "revoke"}:
            pair = (user, given["permission"])
            if (pair in self.granted) is (action == "grant"):
                return
            (self.granted.add if action == "grant" else self.granted.remove)(pair)
            body = {"userId": user, "perm": given["permission"], "granted": action == "grant"}
            self.tell(user, "permissionChanged", body)
        elif action == "set-roles":
            self.tell(user, "roleChanged", {"userId": user, "roles": listed(given["roles"])})
        elif action == "set-menus":
            self.tell(user, "menuChanged", {"userId": user, "menus": listed(given["menus"])})
        elif action == "invalidate-cache":
            self.tell(user, "cacheDropped", {"scope": given["scope"], "keys": listed(given.get("keys", ""))})
        else:
            raise LookupError(action)

    def tell(self, user, event, body):
        text = json.dumps({"event": event, "eventId": str(next(self.numbers)), "at": now(), **body})
        for connection, whose in list(self.clients.items()):
            if user is None or whose == user or self.vice == "tells-everyone":
                connection.tasks.append(asyncio.ensure_future(send(connection, text)))

    async def control(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = urlsplit(head.split()[1])
            given = {name: one[0] for name, one in parse_qs(target.query, keep_blank_values=True).items()}
            try:
                self.change(target.path.rpartition("/")[2], given)
                status = "204 No Content"
            except LookupError:
                status = "404 Not Found"
            writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        finally:
            writer.close()


def listed(text):
    return [one for one in text.split(",") if one]


async def send(connection, text):
    with contextlib.suppress(ConnectionClosed):
        await connection.send(text)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("control_port", type=int, nargs="?")
    parser.add_argument("--vice", choices=VICES)
    options = parser.parse_args()
    backend = Backend(options.vice)
    if options.control_port:
        await asyncio.start_server(backend.control, "127.0.0.1", options.control_port)
    async with serve(
        backend.session,
        "127.0.0.1",
        options.port,
        process_request=backend.route,
        max_size=SIZE,
        reuse_port=False,
    ) as server:
        await server.serve_forever()


asyncio.run(main())
