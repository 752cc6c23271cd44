"""What came back for one opening handshake."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conformance.core.evidence import Happened, Kind
from conformance.net.connection import Connection
from conformance.wire.ending import describe
from conformance.wire.events import happened
from conformance.wire.handshake import Request, Response

# A response that means to switch protocols, however it is spelled.
_LIKE_101 = re.compile(rb"\s*(?:HTTP/?[\d.]*)?[ \t]*101(?:\D|$)", re.IGNORECASE)


@dataclass(slots=True)
class Attempt:
    """What came back for one opening handshake: a response, or the end of TCP, or nothing in time."""

    request: Request
    connection: Connection

    @property
    def response(self) -> Response | None:
        """The response head, where one came."""
        return self.connection.response

    @property
    def status(self) -> int | None:
        """The response's status code, where one came."""
        return self.response.status if self.response else None

    @property
    def upgraded(self) -> bool:
        """Whether the server switched to WebSocket."""
        return self.response is not None and self.response.upgraded

    @property
    def happened(self) -> Happened:
        """Of which kind it is: the status, or what came in the place of one."""
        if self.status is not None:
            return Happened(Kind.RESPONSE, self.status)
        if self.connection.garbage is not None:
            return Happened(Kind.NO_HTTP)
        return happened(self.connection.end)

    @property
    def at(self) -> Happened:
        """What is marked in the conversation."""
        return self.happened

    @property
    def claims_to_switch(self) -> bool:
        """Whether something came that means to be a 101, and is no legal one."""
        if self.response is not None:
            return self.response.status == 101 and not self.response.upgraded
        return _LIKE_101.match(self.connection.garbage or self.connection.unfinished) is not None

    def __str__(self) -> str:
        """Return the outcome as a person says it."""
        connection = self.connection
        if self.response is not None:
            protocol = self.response.get("Upgrade") if self.claims_to_switch else None
            return self.response.line + (f" to {protocol!r}" if protocol else "")
        if connection.garbage is not None:
            return f"bytes that are no HTTP: {connection.garbage[:40]!r}"
        if connection.unfinished:
            end = f", then {describe(connection.end)}" if connection.end is not None else ""
            return f"a response that did not become whole: {connection.unfinished[-40:]!r}{end}"
        if connection.end is not None:
            return describe(connection.end)
        return "no answer" if not connection.interim else f"no answer but {connection.interim[-1]!r}"
