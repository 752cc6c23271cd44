"""The table of faults, and legal conversations that one of them was put into."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import assume
from hypothesis import strategies as st

from conformance.fuzz.conversation import Conversation, Menu, heartbeat
from conformance.fuzz.strategies import (
    BEFORE,
    BEHIND,
    OCTETS,
    WORDS,
    Said,
    bursts_of,
    fragments_of,
    scripts,
)
from conformance.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DATA_OPCODES,
    PING,
    PONG,
    TEXT,
    Frame,
    close_payload,
)

PROTOCOL_ERROR = frozenset({1002})
KEY = bytes.fromhex("37 fa 21 3d")  # a tame one: what is wrong is not the key
BITS = st.sampled_from([4, 2, 1, 7])
INVALID = st.sampled_from(
    [
        b"\x80",
        b"\xbf",
        b"\xc3(",
        b"\xe2\x82",
        b"\xe2(\xa1",
        b"\xf0\x9f\x92",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
    ]
)
CLOSE_CODES = st.sampled_from([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) | st.integers(
    5000, 65535
)

Build = Callable[..., list[Frame]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be wrong: what it breaks, which close codes fit, and where it can stand.

    ``between`` faults stand where no message is open; ``texts`` ones need an application that takes texts;
    ``closing`` ones are Close frames, which may end the connection but not as if they were in order;
    ``swallows`` says that what is sent behind it is no frame of its own; ``late`` that only the content of
    a message shows the fault, which a server may look at when it has read on.
    """

    id: str
    requirement: str
    build: Build
    codes: frozenset[int] = PROTOCOL_ERROR
    between: bool = False
    texts: bool = False
    deflate: bool = False
    closing: bool = False
    swallows: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A conversation with one fault in its last burst, as a check gets it."""

    conversation: Conversation
    code: int | None = None

    @property
    def size(self) -> tuple[int, ...]:
        """Frames, segments and bytes."""
        return self.conversation.size

    def __str__(self) -> str:
        """Say the conversation."""
        return str(self.conversation)


@st.composite
def wrong(draw: st.DrawFn, fault: Fault, menu: Menu) -> Wrong:
    """Draw a legal conversation, cut it anywhere, and say one wrong thing there, and a little behind it."""
    script = draw(scripts(menu, longest=2))
    said = script.said
    place = draw(st.integers(0, len(said)))
    while fault.between and place > 0 and said[place - 1].open:
        place -= 1
    said = said[:place]
    opened = bool(said) and said[-1].open
    if not any(one.awaited for one in said):
        # What the fault is blamed for has worked before it.
        at = draw(st.integers(0, len(said)))
        said.insert(
            at,
            Said(
                Frame(PING, BEFORE, mask=KEY),
                awaited=True,
                open=at > 0 and said[at - 1].open,
            ),
        )
    frames = fault.build(draw, menu, opened=opened)
    said += [Said(frame) for frame in frames]
    if not fault.swallows:
        said.append(Said(Frame(PING, BEHIND, mask=KEY)))
        if menu.texts and not _left_open(frames, opened=opened):
            said.append(Said(Frame(TEXT, menu.spoken(heartbeat("behind", "")), mask=KEY)))
    bursts = bursts_of(draw, menu, said)
    return Wrong(Conversation(tuple(bursts), tuple(script.heartbeats)), _code(frames[-1]))


def _code(frame: Frame) -> int | None:
    return (
        struct.unpack_from("!H", frame.payload)[0]
        if frame.opcode == CLOSE and len(frame.payload) > 1
        else None
    )


def _left_open(frames: Sequence[Frame], *, opened: bool) -> bool:
    """Whether a message is unfinished behind these frames for a server that overlooks what is wrong."""
    for frame in frames:
        if frame.opcode in DATA_OPCODES:
            opened = not frame.fin
    return opened


def _any_frame(draw: st.DrawFn, menu: Menu, *, opened: bool) -> Frame:
    """Draw a frame that would be in order here."""
    kinds = (
        [PING, PONG, *([CONTINUATION] * 2 if opened else [TEXT])] if menu.texts or opened else [PING, PONG]
    )
    kind = draw(st.sampled_from(kinds))
    if kind in {PING, PONG}:
        return Frame(kind, draw(OCTETS), mask=KEY)
    content = menu.spoken(heartbeat("fault", "")) if kind == TEXT else b"}"
    return Frame(kind, content, fin=draw(st.booleans()), mask=KEY)


def reserved_bit(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Set one reserved bit, or more, of a frame that is in order otherwise."""
    bits = draw(BITS)
    frame = _any_frame(draw, menu, opened=opened)
    return [replace(frame, rsv1=bool(bits & 4), rsv2=bool(bits & 2), rsv3=bool(bits & 1))]


def reserved_opcode(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a frame that no version of the protocol knows."""
    del menu, opened
    opcode = draw(st.sampled_from([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]))
    return [Frame(opcode, draw(OCTETS), mask=KEY)]


def unmasked(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a frame without a mask."""
    return [replace(_any_frame(draw, menu, opened=opened), mask=None)]


def long_control(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a control frame of more than 125 bytes."""
    del menu, opened
    opcode = draw(st.sampled_from([PING, PONG]))
    return [Frame(opcode, b"c" * draw(st.sampled_from([126, 127, 200, 65_536])), mask=KEY)]


def fragmented_control(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a control frame with FIN clear."""
    del menu, opened
    return [Frame(draw(st.sampled_from([PING, PONG])), draw(OCTETS), fin=False, mask=KEY)]


def continuation_of_nothing(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Continue a message that was never begun."""
    del menu, opened
    return [Frame(CONTINUATION, draw(OCTETS), fin=draw(st.booleans()), mask=KEY)]


def message_inside_message(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Begin a message inside another."""
    del menu
    begun = [] if opened else [Frame(draw(st.sampled_from([TEXT, BINARY])), b"{", fin=False, mask=KEY)]
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    return [
        *begun,
        Frame(opcode, draw(st.sampled_from([b"", b"}"])), fin=draw(st.booleans()), mask=KEY),
    ]


def top_bit(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Declare a length with its top bit set."""
    del menu
    opcode = CONTINUATION if opened else draw(st.sampled_from([TEXT, BINARY]))
    length = 1 << 63 | draw(st.sampled_from([0, 1, 5, 125, 126, (1 << 63) - 1]))
    return [Frame(opcode, b"", length_form=64, declared_length=length, mask=KEY)]


def _broken(draw: st.DrawFn) -> bytes:
    content = heartbeat("fault", draw(st.sampled_from(["", "é€😀", "x" * 60])))
    place = draw(st.integers(0, len(content)))
    content = content[:place] + draw(INVALID) + content[place:]
    try:
        content.decode()
    except UnicodeDecodeError:
        return content
    assume(False)  # noqa: FBT003 - what stood there made a character of it
    raise AssertionError


def invalid_text(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a text message in one frame that is no UTF-8."""
    del menu, opened
    return [Frame(TEXT, _broken(draw), mask=KEY)]


def invalid_fragments(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a text message in fragments that together are no UTF-8."""
    del menu, opened
    frames = fragments_of(draw, _broken(draw), TEXT, st.just(KEY))
    assume(len(frames) > 1)
    place = draw(st.integers(1, len(frames) - 1))
    pongs = [Frame(PONG, draw(OCTETS), mask=KEY) for _ in range(draw(st.integers(0, 1)))]
    return [*frames[:place], *pongs, *frames[place:]]


def one_byte_close(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a Close frame of one byte."""
    del menu, opened
    return [Frame(CLOSE, bytes([draw(st.integers(0, 255))]), mask=KEY)]


def invalid_code(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a Close frame with a code that may not be sent."""
    del menu, opened
    return [Frame(CLOSE, close_payload(draw(CLOSE_CODES), draw(WORDS)), mask=KEY)]


def invalid_reason(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a Close frame with a reason that is no UTF-8."""
    del menu, opened
    reason = draw(st.sampled_from([b"", b"because ", "é".encode()])) + draw(INVALID)
    return [Frame(CLOSE, close_payload(draw(st.sampled_from([1001, 3000, 4999])), reason), mask=KEY)]


def rsv1_elsewhere(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Set RSV1 where compression gives it no meaning."""
    control = Frame(draw(st.sampled_from([PING, PONG])), draw(OCTETS), rsv1=True, mask=KEY)
    if draw(st.booleans()):
        return [control]
    begun = [] if opened else [Frame(TEXT, b"{", fin=False, mask=KEY)]
    del menu
    return [*begun, Frame(CONTINUATION, b"}", fin=draw(st.booleans()), rsv1=True, mask=KEY)]


def corrupt_stream(draw: st.DrawFn, menu: Menu, *, opened: bool) -> list[Frame]:
    """Send a compressed message that stops being DEFLATE."""
    del menu, opened
    # Whole blocks, then one of the reserved type, or a stored one whose lengths disagree.
    whole = draw(st.sampled_from([b"", b'\x00\x05\x00\xfa\xff{"a":']))
    bad = draw(
        st.sampled_from(
            [b"\x06\x00", b"\x07\xff\xff", b"\x00\x05\x00\x00\x00hello", b"\x01\x01\x00\x01\x00a"]
        )
    )
    frames = fragments_of(draw, whole + bad, draw(st.sampled_from([TEXT, BINARY])), st.just(KEY))
    return [replace(frames[0], rsv1=True), *frames[1:]]


FAULTS: Sequence[Fault] = (
    Fault("reserved-bit", "framing.reserved-bits", reserved_bit),
    Fault("reserved-opcode", "framing.reserved-opcode", reserved_opcode),
    Fault("unmasked", "framing.unmasked", unmasked),
    Fault("long-control-frame", "framing.control-length", long_control),
    Fault("fragmented-control-frame", "framing.control-fragmented", fragmented_control),
    Fault("continuation-of-nothing", "framing.continuation-first", continuation_of_nothing, between=True),
    Fault("message-inside-message", "framing.message-inside-message", message_inside_message),
    Fault("length-top-bit", "framing.length-top-bit", top_bit, frozenset({1002, 1009}), swallows=True),
    Fault(
        "invalid-text",
        "utf8.invalid-text",
        invalid_text,
        frozenset({1007}),
        between=True,
        texts=True,
        late=True,
    ),
    Fault(
        "invalid-text-in-fragments",
        "utf8.invalid-across-fragments",
        invalid_fragments,
        frozenset({1007}),
        between=True,
        texts=True,
        late=True,
    ),
    Fault("close-of-one-byte", "closing.one-byte", one_byte_close, closing=True),
    Fault("invalid-close-code", "closing.invalid-code", invalid_code, closing=True),
    Fault("invalid-close-reason", "utf8.close-reason", invalid_reason, frozenset({1002, 1007}), closing=True),
    Fault("rsv1-where-it-means-nothing", "deflate.reserved-bit-control", rsv1_elsewhere, deflate=True),
    Fault(
        "corrupt-stream",
        "deflate.corrupt-stream",
        corrupt_stream,
        frozenset({1002, 1007}),
        between=True,
        deflate=True,
        late=True,
    ),
)
