"""How a refused opening handshake is answered: RFC 6455 §4.2.2, RFC 9110 §8.6, §15.5.6 and §15.5.22."""

from __future__ import annotations

import re

import pytest

from conformance.core.errors import NotApplicable
from conformance.core.evidence import Happened, Kind, Told
from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire.handshake import Request, Response

KEY, VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version"
MARKER = "conformance-marker-7f3a"
TRACES = re.compile(rb'Traceback \(most recent call last\)|File "|site-packages|at [\w.$]+\([\w]+\.java:')
FAULTS = ["no-upgrade", "no-connection", "no-key", "version-14", "method"]


def faulty(target: Target, fault: str) -> Request:
    """Return an opening handshake with one fault."""
    request = target.opening()
    match fault:
        case "version-14":
            return request.setting(VERSION, "14")
        case "method":
            return request.saying(method="POST").adding(("Content-Length", "0"))
        case "no-key":
            return request.without(KEY)
    return request.without(fault.removeprefix("no-"))


async def refused(target: Target, request: Request) -> tuple[Attempt, Response, bytes]:
    """Return a refusal with its body, after the same server was seen to accept what has no fault.

    Raises:
        NotApplicable: it was no refusal, or it was not said; that is judged elsewhere.

    """
    await target.bystander()
    attempt = await target.attempt(request)
    response = attempt.response
    if attempt.upgraded or response is None:
        attempt.connection.shut()
        await target.aftermath()  # it says nothing to this, and is there all the same
        raise NotApplicable(f"{attempt}: the faulty handshake was not answered by a refusal")
    body = await attempt.connection.read_body(target.limits.prompt)
    attempt.connection.shut()
    return attempt, response, body


@pytest.mark.requirement("handshake.refusal-legal")
@pytest.mark.parametrize("fault", FAULTS)
async def test_refusal_is_a_legal_response(target: Target, fault: str) -> None:
    attempt, response, body = await refused(target, faulty(target, fault))
    wrong = illegalities(response, body)
    target.expect(
        not wrong,
        "a refusal is no legal HTTP response",
        expected=["a status line of HTTP/1.1, legal header fields, a body as long as they say"],
        actual=Told(f"{response.line}: {'; '.join(wrong)}", attempt.at),
    )


def illegalities(response: Response, body: bytes) -> list[str]:
    """Return what is wrong with a whole HTTP response (RFC 9112 §4, §5, §6)."""
    wrong = [f"no header field: {line!r}" for line in response.defects]
    lengths = response.all("Content-Length")
    coding = response.get("Transfer-Encoding")
    if not 200 <= response.status <= 599:
        wrong.append(f"{response.status} is no status of a final response")
    if len(set(lengths)) > 1 or not all(re.fullmatch(r"[0-9]+", one) for one in lengths):
        wrong.append(f"Content-Length is {lengths}")
    elif lengths and coding is not None:
        wrong.append("both Content-Length and Transfer-Encoding are set")
    elif lengths and len(body) != int(lengths[0]):
        wrong.append(f"Content-Length is {lengths[0]}, and {len(body)} bytes came")
    if coding is not None and coding.lower().endswith("chunked") and not body.endswith(b"0\r\n\r\n"):
        wrong.append("the chunked body has no end")
    return wrong


async def having(target: Target, status: int, header: str) -> None:
    """Expect a header in each refusal with this status, of the faults that servers answer with it."""
    seen = []
    for fault in FAULTS:
        try:
            attempt, response, _ = await refused(target, faulty(target, fault))
        except NotApplicable:
            continue
        if response.status != status:
            continue
        seen.append(fault)
        target.expect(
            response.get(header) is not None,
            f"a refusal with {status} has no {header}",
            expected=[f"{response.line} with {header}"],
            actual=Told(
                f"{response.line} with {', '.join(sorted({name for name, _ in response.headers}))}",
                attempt.at,
            ),
            happened=Happened(Kind.MISSING_FIELD, detail=f"a refusal with {status} has no {header}"),
        )
    if not seen:
        raise NotApplicable(f"no refusal of this server is a {status}")
    target.recorder.observe(f"{status} to {', '.join(seen)}")


@pytest.mark.requirement("handshake.upgrade-in-426")
async def test_426_names_the_protocol_to_upgrade_to(target: Target) -> None:
    await having(target, 426, "Upgrade")


@pytest.mark.requirement("handshake.allow-in-405")
async def test_405_names_the_methods_that_are_allowed(target: Target) -> None:
    await having(target, 405, "Allow")


@pytest.mark.requirement("handshake.refusal-discreet")
@pytest.mark.parametrize(
    "name", [KEY, VERSION, "Upgrade", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"]
)
async def test_refusal_repeats_no_header_and_shows_no_traceback(target: Target, name: str) -> None:
    attempt, response, body = await refused(target, target.opening().setting(name, f"{MARKER};;"))
    said = response.head + body
    found = TRACES.search(said)
    target.expect(
        MARKER.encode() not in said and found is None,
        "a refusal gives away more than that it is one",
        expected=["neither the header's value nor a traceback"],
        actual=Told(
            f"{attempt}, with {f'the value of {name}' if found is None else repr(found[0])}", attempt.at
        ),
    )
