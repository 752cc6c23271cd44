"""A client and an h2 server that are tied by hand; nothing waits."""

from __future__ import annotations

import h2.config
import h2.connection

from conformance.net.http2 import Http2Connection
from conformance.net.stream import extended_connect
from conformance.wire.handshake import opening


class Wire:
    """The two ends, and what the client has charged."""

    def __init__(self, window: int | None = None):
        self.breaches = []
        self.client = Http2Connection("test", self.breaches.append, window=window)
        self.client.h2.initiate_connection()
        config = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.server = h2.connection.H2Connection(config)
        self.server.initiate_connection()
        self.request = opening("/ws/", "127.0.0.1", extra=[("Sec-WebSocket-Protocol", "chat")])
        self.turn()

    def turn(self) -> list:
        """Carry everything both ways; return what the server saw."""
        seen = self.server.receive_data(self.client.h2.data_to_send())
        self.client.data_received(self.server.data_to_send())
        return seen + self.server.receive_data(self.client.h2.data_to_send())

    def open(self, *headers, status="200"):
        stream = self.client.request(extended_connect(self.request), self.request, "test")
        self.turn()
        self.server.send_headers(stream.stream_id, [(":status", status), *headers])
        self.turn()
        return stream

    @property
    def charged(self):
        return [breach.requirement for breach in self.breaches]
