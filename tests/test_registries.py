"""IANA's registries as data: what is registered, who may send it, and that the files say how old they are."""

from __future__ import annotations

import re
from datetime import date

import pytest

from conformance.spec import registries
from conformance.wire.handshake import parse_extensions

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2


def test_every_defined_code_is_there():
    assert [code for code in range(1000, 1016) if registries.close_code(code).registered] == list(
        range(1000, 1016)
    )


@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015])
def test_code_that_only_an_api_reports(code):
    found = registries.close_code(code)
    assert found.sent_by == "nobody"
    assert not found.sendable
    assert code not in registries.valid_close_codes()


@pytest.mark.parametrize(
    ("code", "sent_by"),
    [(1000, "either"), (1010, "client"), (1011, "either"), (1012, "server"), (3000, "either")],
)
def test_who_may_send_a_code(code, sent_by):
    assert registries.close_code(code).sent_by == sent_by


def test_valid_codes_are_those_of_the_rule():
    # RFC 6455 §7.4, and 1012 to 1014 by registration; written out here a second time on purpose.
    expected = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    assert registries.valid_close_codes() == expected


def test_lookup_and_set_agree():
    for code in range(-1, 0x1_0000):
        found = registries.close_code(code)
        assert (found is not None and found.sendable) == (code in registries.valid_close_codes()), code
        assert found is None or (found.code == code and found.name and found.meaning and found.source), code


@pytest.mark.parametrize(
    ("code", "meaning"),
    [(0, "not used"), (2999, "not assigned"), (3999, "first come"), (4401, "private use")],
)
def test_code_that_is_not_registered_has_its_ranges_meaning(code, meaning):
    found = registries.close_code(code)
    assert not found.registered
    assert meaning in found.meaning


@pytest.mark.parametrize("code", [-1, 5000, 65535])
def test_code_beyond_all_ranges_is_none(code):
    assert registries.close_code(code) is None


def test_extensions_are_names_that_a_header_can_hold():
    names = [entry["name"] for entry in registries._table("extensions")["extension"]]
    assert set(names) == {"permessage-deflate", "bbf-usp-protocol"}
    assert parse_extensions(", ".join(names)) is not None


def test_subprotocols_are_tokens_that_differ_in_more_than_case():
    names = set(registries._table("subprotocols")["names"])
    assert {"soap", "wamp", "v12.stomp", "mqtt", "xmpp", "jmap", "sip", "ocpp2.0.1"} <= names
    assert not [name for name in names if not TOKEN.fullmatch(name)]
    assert len({name.lower() for name in names}) == len(names)  # RFC 7936 §2


def test_protocols_own_subprotocol_is_not_registered():
    assert "bearer" not in registries._table("subprotocols")["names"]


def test_versions_lead_to_the_one_standard():
    found = registries.versions()
    assert list(found) == list(range(14))
    assert [one.number for one in found.values() if one.status == "standard"] == [13]
    assert [one.number for one in found.values() if one.status == "reserved"] == [9, 10, 11, 12]
    assert [one.number for one in found.values() if one.status == "interim"] == list(range(9))


def test_files_say_how_old_they_are():
    assert date.fromisoformat(registries.registry_updated()) <= date.fromisoformat(registries.date())


def test_what_is_not_complete_says_so():
    assert {name: registries.complete(name) for name in registries.FILES} == {
        "close_codes": False,
        "extensions": True,
        "subprotocols": False,
        "versions": True,
    }
