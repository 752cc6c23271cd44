"""What the probe learnt about the target, as one frozen value that crosses process boundaries whole.

Tests read it, and only the probe writes it. A new field needs one line here: :meth:`Snapshot.as_data` and
:meth:`Snapshot.from_data` carry every field by its type. No field holds a secret: users stand by their names,
paths without the query of the URL.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Union

from conformance.client.peer import Limits
from conformance.client.sizes import Sizes
from conformance.target.routes import OWN
from conformance.wire.frames import BINARY, TEXT


@dataclass(frozen=True, slots=True)
class Taking:
    """What an application does with a harmless message.

    ``back``: it comes back. ``taken``: the connection goes on, whatever is said to it. ``unwelcome``: it ends
    the connection, as ``said``.
    """

    how: str = "taken"
    said: str = ""

    def __str__(self) -> str:
        """Return it as a person says it."""
        how = {"back": "it comes back", "taken": "it is taken"}.get(self.how, "it is unwelcome")
        return how + (f": {self.said}" if self.said else "")


@dataclass(frozen=True, slots=True)
class Manners:
    """How it takes text and how it takes binary data."""

    text: Taking = field(default_factory=Taking)
    binary: Taking = field(default_factory=Taking)

    def minds(self, opcode: int) -> str:
        """Return how the application ends the connection upon a harmless message, or an empty string."""
        taking = {TEXT: self.text, BINARY: self.binary}.get(opcode)
        return taking.said if taking is not None and taking.how == "unwelcome" else ""


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that the target has or lacks, the probe's evidence, and what would unlock it.

    ``claim`` is the requirement that fails where the profile claims the capability and the target lacks it.
    """

    name: str
    present: bool
    evidence: str
    unlock: str | None = None
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the probe found.

    ``address`` is the one address that is connected to, where the name alone would lead to another server by
    chance. ``user`` and ``carrier`` say which token an opening handshake carries by default. Messages come
    back on ``echo_path``, opened with the token of ``echo_user``, and between other messages where that path
    is ``chatty``. ``manners`` says how the application takes our messages, ``sizes`` how large they may be.
    ``round_trip`` is in seconds. ``instead`` says why another path than the named one is tested, where that
    is so. ``sole_subprotocol`` says how an offer beside the profile's subprotocols was refused, where it was.
    ``fault`` says how the target answers wrongly from the first byte on, in its ``handshake`` or in
    its ``frames`` (``fault_in``): then nothing but that is judged.
    """

    addresses: tuple[str, ...] = ()
    address: str | None = None
    path: str = OWN
    user: str | None = None
    carrier: str | None = None
    echo_path: str | None = None
    echo_user: str | None = None
    chatty: bool = False
    server: str | None = None
    round_trip: float | None = None
    manners: Manners = field(default_factory=Manners)
    instead: str | None = None
    sole_subprotocol: str | None = None
    fault: str | None = None
    fault_in: str | None = None
    limits: Limits | None = None
    sizes: Sizes = field(default_factory=Sizes)
    capabilities: Mapping[str, Capability] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data that JSON can carry."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Snapshot:
        """Return the snapshot that :meth:`as_data` made into plain data."""
        made: Snapshot = _revived(cls, data)
        return made


def _revived(kind: Any, value: Any) -> Any:
    """Return plain data as a value of the annotated type ``kind`` again."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if value is None:
        return None
    if origin in {Union, types.UnionType}:
        return _revived(next(one for one in inner if one is not types.NoneType), value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        # Without a default for what is missing: a field that is not carried is an error, not a guess.
        return kind(**{one.name: _revived(hints[one.name], value[one.name]) for one in fields(kind)})
    if origin is tuple:
        return tuple(_revived(inner[0], one) for one in value)
    if origin is Mapping:
        return {name: _revived(inner[1], one) for name, one in value.items()}
    if origin is Sequence:
        return [_revived(inner[0], one) for one in value]
    return value
