"""Handshakes that are larger than usual: RFC 9110 §5.4 and RFC 6455 §10.7."""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive
from conformance.suite.protocol.answering import expect_answered
from conformance.target.target import Target


@pytest.mark.requirement("handshake.many-headers")
async def test_hundred_header_fields_are_accepted(target: Target) -> None:
    many = [(f"X-Conformance-{number}", "value") for number in range(100)]
    size = sum(len(f"{name}: {value}\r\n") for name, value in many)
    control = await target.attempt(target.opening(extra=[("X-Conformance", "v" * (size - 17))]))
    control.connection.shut()
    if not control.upgraded:
        raise Inconclusive(f"the control failed: {control} to a request of one field that is as large")
    async with target.upgraded(target.opening(extra=many)) as peer:
        await peer.ping()


LARGE: dict[str, list[tuple[str, str]]] = {
    "a value of 10 kB": [("X-Conformance", "v" * 10_000)],
    "a value of 64 kB": [("X-Conformance", "v" * 65_536)],
    "a name of 64 kB": [("X-" + "n" * 65_536, "value")],
    "300 fields": [(f"X-Conformance-{number}", "value") for number in range(300)],
    "3000 fields": [(f"X-Conformance-{number}", "value") for number in range(3000)],
    "a field 1000 times": [("X-Conformance", "value")] * 1000,
}


@pytest.mark.requirement("handshake.large-header")
async def test_large_header_section_is_answered(target: Target) -> None:
    await expect_answered(target, LARGE)
