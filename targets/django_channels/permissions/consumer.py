"""One WebSocket connection of the permissions protocol."""

import asyncio
import logging

from channels.db import database_sync_to_async
from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from permissions.events import EVERYONE, user_group
from permissions.messages import FEATURES, MessageError, decode, encode, server_time
from permissions.models import Permission
from permissions.tokens import caller_of

logger = logging.getLogger(__name__)

UNAUTHENTICATED = 4401


@database_sync_to_async
def is_granted(user_id, codename):
    try:
        return Permission.objects.filter(user_id=user_id, codename=codename).exists()
    except UnicodeEncodeError:
        # SQLite stores UTF-8, so a name with a lone surrogate was never granted to anyone.
        return False


class PermissionConsumer(AsyncWebsocketConsumer):
    """Answers a client's messages and passes on the events of its user.

    Handlers of one consumer run one after the other, so replies keep the order of their requests and no
    event overtakes `connection_confirmed`: it waits in the channel until `connect` is done.
    """

    caller = None
    is_open = False
    expiry = None

    async def __call__(self, scope, receive, send):
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.expiry is not None:
                self.expiry.cancel()

    async def connect(self):
        route = self.scope["url_route"]["kwargs"]
        caller = None if route.get("anonymous") else self.scope["caller"]
        # Compared as text: Unicode digits, leading zeros and huge numbers are nobody's id. A channel that
        # is not the caller's own is refused without looking whether it exists.
        if "user_id" in route and (caller is None or route["user_id"] != str(caller.user_id)):
            raise DenyConnection
        await self.subscribe(EVERYONE)
        if caller is not None:
            await self.subscribe(user_group(caller.user_id))
            # Whoever revoked the token before this subscription could not reach this connection.
            caller = await caller_of(caller.token_digest)
            if caller is None:
                raise DenyConnection
        self.caller = caller
        await self.accept(self.scope["accept_subprotocol"])
        self.is_open = True
        await self.send_message(
            {
                "type": "connection_confirmed",
                "user_id": caller.user_id if caller else None,
                "groups": list(caller.groups) if caller else [],
                "server_time": server_time(),
                "features": FEATURES,
            }
        )
        if caller and caller.expires_at:
            self.expiry = asyncio.create_task(self.leave_at(caller.expires_at))
        logger.info("connected: %s", f"user {caller.user_id}" if caller else "anonymous")

    async def subscribe(self, group):
        await self.channel_layer.group_add(group, self.channel_name)
        # The base class leaves the groups in this list when the connection ends.
        self.groups.append(group)

    async def receive(self, text_data=None, bytes_data=None):
        if not self.is_open:
            return
        try:
            reply = await self.answer_to(text_data)
            text = encode(reply) if reply else None
        except MessageError as error:
            text = encode(error.answer)
        if text is not None and self.is_open:
            await self.send(text_data=text)

    async def answer_to(self, text):
        """The reply to a text message (None: binary was received), or None where none is due."""
        if text is None:
            raise MessageError("invalid_message", "Binary messages are not part of this protocol.")
        if len(text) > settings.MAX_MESSAGE_BYTES or len(text.encode()) > settings.MAX_MESSAGE_BYTES:
            raise MessageError("too_large", f"A message has at most {settings.MAX_MESSAGE_BYTES} bytes.")
        envelope = decode(text)
        reply_to = {name: envelope[name] for name in ("id",) if name in envelope}
        try:
            match envelope["type"]:
                case "connect":
                    # What the client says about itself changes nothing: the token has said it.
                    return None
                case "heartbeat":
                    return {**envelope, "type": "heartbeat_ack", "server_time": server_time()}
                case "check_permission":
                    return {"type": "permission_result", **reply_to, "data": await self.check(envelope)}
        except MessageError as error:
            error.answer.update(reply_to)
            raise
        except Exception as error:
            logger.exception("a message could not be handled")
            raise MessageError("internal", "The message could not be handled.", reply_to) from error
        raise MessageError("unknown_type", "This message type is unknown.", reply_to)

    async def check(self, envelope):
        permission = envelope.get("data", {}).get("permission")
        if not isinstance(permission, str):
            raise MessageError("invalid_message", "`data.permission` is not a string.")
        allowed = self.caller is not None and await is_granted(self.caller.user_id, permission)
        return {"permission": permission, "allowed": allowed}

    async def permissions_event(self, message):
        """Channel-layer handler: an event, already encoded."""
        if self.is_open:
            await self.send(text_data=message["text"])

    async def permissions_session_ended(self, message):
        """Channel-layer handler: a token of this user, or the whole user, is no longer good."""
        if message["token_digest"] in (None, self.caller.token_digest):
            await self.leave(UNAUTHENTICATED)

    async def leave_at(self, moment):
        await asyncio.sleep((moment - timezone.now()).total_seconds())
        await self.leave(UNAUTHENTICATED)

    async def leave(self, code):
        """Close, once; nothing is sent after it."""
        if self.is_open:
            self.is_open = False
            logger.info("closing with %d", code)
            await self.close(code)

    async def disconnect(self, code):
        self.is_open = False

    async def send_message(self, message):
        await self.send(text_data=encode(message))
