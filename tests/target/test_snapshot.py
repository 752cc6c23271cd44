"""What the probe learnt goes to other processes whole, whatever fields it has."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from target_harness import target_at

from conformance.client.peer import Limits
from conformance.target.snapshot import Capability, Snapshot

# One value for each type that a field may have, none of them a default.
VALUES: dict[Any, Any] = {
    str: "text",
    str | None: "text",
    int: 65536,
    int | None: 8192,
    float | None: 0.25,
    bool: True,
    bool | None: True,
    tuple[str, ...]: ("one", "another"),
    Limits | None: Limits(handshake=1.5, rate=2.5),
}
CAPABILITIES = {
    "echo": Capability("echo", present=True, evidence="it came back"),
    "session": Capability("session", present=False, evidence="no", unlock="serve it", claim="framing.mask"),
}
NAMES = [one.name for one in fields(Snapshot)]


def distinct(kind: Any) -> Any:
    """Return a value of a type that is no field's default; a dataclass gets such values in all its fields."""
    if kind in VALUES:
        return VALUES[kind]
    if "Capability" in str(kind):
        return CAPABILITIES
    optional = [one for one in getattr(kind, "__args__", (kind,)) if one is not type(None)]
    made = optional[0]
    hints = get_type_hints(made)
    return made(**{one.name: distinct(hints[one.name]) for one in fields(made)})


def full() -> Snapshot:
    hints = get_type_hints(Snapshot)
    return Snapshot(**{name: distinct(hints[name]) for name in NAMES})


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_carried(name: str) -> None:
    assert getattr(full(), name) != getattr(Snapshot(), name), "this field has its default: nothing is shown"
    found = Snapshot.from_data(json.loads(json.dumps(full().as_data())))
    assert getattr(found, name) == getattr(full(), name)


def test_it_comes_back_as_what_it_was() -> None:
    assert Snapshot.from_data(json.loads(json.dumps(full().as_data()))) == full()
    assert Snapshot.from_data(json.loads(json.dumps(Snapshot().as_data()))) == Snapshot()


def test_field_that_was_not_carried_is_an_error() -> None:
    data = full().as_data()
    del data["chatty"]
    with pytest.raises(KeyError, match="chatty"):
        Snapshot.from_data(data)


def test_target_connects_where_the_snapshot_says() -> None:
    target = target_at("ws://localhost:1")
    target.adopt(full())
    assert (target.endpoint.host, target.endpoint.server_name) == ("text", "localhost")
    assert target.endpoint.addresses == ("one", "another")
    assert target.limits == Limits(handshake=1.5, rate=2.5)


def test_what_is_learnt_is_added() -> None:
    target = target_at("ws://localhost:1")
    before = target.found
    for one in CAPABILITIES.values():
        target.learn(one)
    target.learn(path="/elsewhere")
    assert (target.path, target.capabilities) == ("/elsewhere", CAPABILITIES)
    assert before == Snapshot(), "a snapshot that somebody holds does not change"
