"""Opening handshakes that break their grammar: what real servers read out of them all the same."""

from __future__ import annotations

from tests.defects.handshake import changed_response
from tests.defects.refusals import VERSION, lenient
from tests.defects.registry import chapter

defect = chapter("protocol/test_handshake_malformed.py")
EXTENSIONS, PROTOCOL = "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"
PAIR = ("auth/test_malformed_pair.py",)


def read(name, old, new) -> None:
    """Read one text of a header as another."""
    lenient(name, lambda values: [one.replace(old, new) for one in values])


@defect("handshake.version-spelling")
def reads_the_version_as_a_fraction() -> None:
    lenient(VERSION, lambda values: ["13" if one == "13.0" else one for one in values])


@defect("handshake.version-spelling")
def reads_the_version_as_a_number() -> None:
    lenient(VERSION, lambda values: ["13" if one == "013" else one for one in values])


@defect("handshake.extension-from-malformed")
def overlooks_an_empty_parameter_of_permessage_deflate() -> None:
    read(EXTENSIONS, "permessage-deflate;;", "permessage-deflate;")


@defect("handshake.extension-from-malformed")
def passes_over_an_extension_that_it_cannot_read() -> None:
    read(EXTENSIONS, "x a, permessage-deflate", "permessage-deflate")


@defect("handshake.extension-from-malformed")
def reads_a_quoted_value_without_its_end() -> None:
    read(EXTENSIONS, '="12', "=12")


@defect("handshake.subprotocol-from-malformed")
def cuts_the_parameter_off_a_subprotocol() -> None:
    read(PROTOCOL, "chat;v=1", "chat")
    chooses_chat()


@defect("handshake.subprotocol-from-malformed")
def takes_the_quotes_off_a_subprotocol() -> None:
    read(PROTOCOL, '"chat"', "chat")
    chooses_chat()


def chooses_chat() -> None:
    def change(asked, headers):
        if asked.get_all(PROTOCOL) == ["chat"]:
            headers[PROTOCOL] = "chat"

    changed_response(change)


@defect("auth.malformed-pair", files=PAIR)
def takes_the_quotes_off_a_token() -> None:
    read(PROTOCOL, '"', "")


@defect("auth.malformed-pair", files=PAIR)
def cuts_the_parameter_off_a_token() -> None:
    read(PROTOCOL, ";v=1", "")


@defect(
    "auth.malformed-pair",
    files=PAIR,
    companions={"handshake.subprotocol-from-malformed": "its answer names bearer, which was no member"},
)
def takes_a_blank_for_a_comma() -> None:
    read(PROTOCOL, "bearer ", "bearer, ")
