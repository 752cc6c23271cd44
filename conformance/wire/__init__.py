"""WebSocket from the bytes up: it can say anything, legal or not, and judges all that comes back.

``frames``, ``handshake``, ``deflate`` and ``invariants`` do no I/O. ``connection`` is the one class that
does; it keeps the transcript. ``peer`` adds the verbs that tests are written in.
"""
