"""The table of faults, and legal conversations that one of them was put into."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from conformance.fuzz.conversation import Conversation, Menu, heartbeat
from conformance.fuzz.drawing import Draw, Unfit
from conformance.fuzz.strategies import (
    BEFORE,
    BEHIND,
    TAME_KEY,
    Said,
    bursts_of,
    fragments_of,
    octets,
    scripts,
    tame,
    words,
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
BITS = [4, 2, 1, 7]
INVALID = [
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
CLOSE_CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]

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
        """Return the conversation in words."""
        return str(self.conversation)


def wrong(fault: Fault, menu: Menu) -> Callable[[Draw], Wrong]:
    """Return what draws a legal conversation, cuts it anywhere and says one wrong thing there, and more."""
    return partial(_wrong, fault, menu)


def _wrong(fault: Fault, menu: Menu, draw: Draw) -> Wrong:
    script = scripts(draw, menu, longest=2)
    said = script.said
    inside = [place for place, one in enumerate(said, 1) if one.open]
    places = [place for place in range(len(said) + 1) if not fault.between or place not in inside]
    said = said[: draw.choice(inside if inside and not fault.between and draw.flag() else places)]
    opened = bool(said) and said[-1].open
    if not any(one.awaited for one in said):
        # What the fault is blamed for has worked before it.
        at = draw.integer(0, len(said))
        said.insert(
            at,
            Said(
                Frame(PING, BEFORE, mask=TAME_KEY),
                awaited=True,
                open=at > 0 and said[at - 1].open,
            ),
        )
    frames = fault.build(draw, menu, opened=opened)
    said += [Said(frame) for frame in frames]
    if not fault.swallows:
        said.append(Said(Frame(PING, BEHIND, mask=TAME_KEY)))
        if menu.texts and not _left_open(frames, opened=opened):
            said.append(Said(Frame(TEXT, menu.spoken(heartbeat("behind", "")), mask=TAME_KEY)))
    bursts = bursts_of(draw, menu, said)
    return Wrong(Conversation(tuple(bursts), tuple(script.heartbeats)), _code(frames[-1]))


def _code(frame: Frame) -> int | None:
    return (
        struct.unpack_from("!H", frame.payload)[0]
        if frame.opcode == CLOSE and len(frame.payload) > 1
        else None
    )


def _left_open(frames: Sequence[Frame], *, opened: bool) -> bool:
    """Return whether a message is unfinished after these frames for a server that overlooks what is wrong."""
    for frame in frames:
        if frame.opcode in DATA_OPCODES:
            opened = not frame.fin
    return opened


def _any_frame(draw: Draw, menu: Menu, *, opened: bool) -> Frame:
    """Return a drawn frame that would be in order here."""
    kinds = [PING, CONTINUATION, PONG] if opened else [PING, TEXT, PONG] if menu.texts else [PING, PONG]
    kind = draw.choice(kinds)
    if kind in {PING, PONG}:
        return Frame(kind, octets(draw)[: menu.control], mask=TAME_KEY)
    content = menu.spoken(heartbeat("fault", "")) if kind == TEXT else b"}"
    return Frame(kind, content, fin=draw.flag(), mask=TAME_KEY)


def _reserved_bit(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a frame that is in order but for one reserved bit, or more."""
    bits = draw.choice(BITS)
    frame = _any_frame(draw, menu, opened=opened)
    return [replace(frame, rsv1=bool(bits & 4), rsv2=bool(bits & 2), rsv3=bool(bits & 1))]


def _reserved_opcode(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a frame that no version of the protocol knows."""
    del opened
    opcode = draw.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    payload = bytes(125) if draw.flag() else octets(draw)
    return [Frame(opcode, payload[: menu.control], mask=TAME_KEY)]


def _unmasked(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a frame without a mask."""
    return [replace(_any_frame(draw, menu, opened=opened), mask=None)]


def _long_control(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a control frame of more than 125 bytes."""
    del opened
    opcode = draw.choice([PING, PONG])
    sizes = [126, 127, 200, 65_536]
    if menu.most is not None:  # a limit of the frame would be another reason to fail
        sizes = [size for size in sizes if size <= menu.most] or sizes[:1]
    return [Frame(opcode, b"c" * draw.choice(sizes), mask=TAME_KEY)]


def _fragmented_control(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a control frame with FIN clear."""
    del opened
    return [Frame(draw.choice([PING, PONG]), octets(draw)[: menu.control], fin=False, mask=TAME_KEY)]


def _continuation_of_nothing(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return the continuation of a message that was never begun."""
    del opened
    # A server that takes it for a message shows it to the application, which may end the connection itself.
    content = menu.spoken(heartbeat("fault", "")) if menu.texts and draw.flag() else octets(draw)
    return [Frame(CONTINUATION, content, fin=draw.flag() and menu.texts, mask=TAME_KEY)]


def _message_inside_message(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a message that begins inside another.

    The application sees none that it minds, even where that is overlooked.
    """
    kinds = [TEXT, BINARY] if menu.binaries or not menu.texts else [TEXT]
    begun = [] if opened else [Frame(draw.choice(kinds), b"{", fin=False, mask=TAME_KEY)]
    opcode = draw.choice(kinds)
    return [
        *begun,
        Frame(opcode, draw.choice([b"", b"}"]), fin=draw.flag() and menu.texts, mask=TAME_KEY),
    ]


def _top_bit(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a frame that declares a length with its top bit set."""
    opcode = CONTINUATION if opened else draw.choice([TEXT, BINARY])
    length = 1 << 63 | draw.choice([0, 1, 5, 125, 126, (1 << 63) - 1])
    return [Frame(opcode, b"", fin=menu.texts, length_form=64, declared_length=length, mask=TAME_KEY)]


def _broken(draw: Draw, menu: Menu) -> bytes:
    _, text = menu.heartbeat("fault", draw.choice(["", "é€😀", "x" * 60]))
    content = heartbeat("fault", text)
    place = draw.integer(0, len(content))
    content = content[:place] + draw.choice(INVALID) + content[place:]
    try:
        content.decode()
    except UnicodeDecodeError:
        return content
    raise Unfit  # what stood there made a character of it


def _invalid_text(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a text message in one frame that is not UTF-8."""
    del opened
    return [Frame(TEXT, _broken(draw, menu), mask=TAME_KEY)]


def _invalid_fragments(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a text message in fragments that together are not UTF-8.

    Raises:
        Unfit: there is one fragment only.

    """
    del opened
    frames = fragments_of(draw, _broken(draw, menu), TEXT, tame)
    if len(frames) == 1:
        raise Unfit
    place = draw.integer(1, len(frames) - 1)
    payloads = [octets(draw)[: menu.control] for _ in range(draw.integer(0, 1))]
    pongs = [Frame(PONG, payload, mask=TAME_KEY) for payload in payloads]
    return [*frames[:place], *pongs, *frames[place:]]


def _one_byte_close(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a Close frame of one byte."""
    del menu, opened
    return [Frame(CLOSE, bytes([draw.integer(0, 255)]), mask=TAME_KEY)]


def _invalid_code(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a Close frame with a code that may not be sent."""
    del menu, opened
    return [
        Frame(
            CLOSE,
            close_payload(
                draw.integer(5000, 65535) if draw.flag() else draw.choice(CLOSE_CODES), words(draw)
            ),
            mask=TAME_KEY,
        )
    ]


def _invalid_reason(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a Close frame with a reason that is not UTF-8."""
    del menu, opened
    reason = draw.choice([b"", b"because ", "é".encode()]) + draw.choice(INVALID)
    return [Frame(CLOSE, close_payload(draw.choice([1001, 3000, 4999]), reason), mask=TAME_KEY)]


def _rsv1_elsewhere(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a frame with RSV1 set where compression gives it no meaning."""
    control = Frame(draw.choice([PING, PONG]), octets(draw)[: menu.control], rsv1=True, mask=TAME_KEY)
    if draw.flag():
        return [control]
    begun = [] if opened else [Frame(TEXT, b"{", fin=False, mask=TAME_KEY)]
    fin = draw.flag() and menu.texts
    return [*begun, Frame(CONTINUATION, b"}", fin=fin, rsv1=True, mask=TAME_KEY)]


def _corrupt_stream(draw: Draw, menu: Menu, *, opened: bool) -> list[Frame]:
    """Return a compressed message that stops being DEFLATE."""
    del menu, opened
    # Whole blocks, then one of the reserved type, or a stored one whose lengths disagree.
    whole = draw.choice([b"", b'\x00\x05\x00\xfa\xff{"a":'])
    bad = draw.choice([b"\x06\x00", b"\x07\xff\xff", b"\x00\x05\x00\x00\x00hello", b"\x01\x01\x00\x01\x00a"])
    frames = fragments_of(draw, whole + bad, draw.choice([TEXT, BINARY]), tame)
    return [replace(frames[0], rsv1=True), *frames[1:]]


FAULTS: Sequence[Fault] = (
    Fault("reserved-bit", "framing.reserved-bits", _reserved_bit),
    Fault("reserved-opcode", "framing.reserved-opcode", _reserved_opcode),
    Fault("unmasked", "framing.unmasked", _unmasked),
    Fault("long-control-frame", "framing.control-length", _long_control, frozenset({1002, 1009})),
    Fault("fragmented-control-frame", "framing.control-fragmented", _fragmented_control),
    Fault("continuation-of-nothing", "framing.continuation-first", _continuation_of_nothing, between=True),
    Fault("message-inside-message", "framing.message-inside-message", _message_inside_message),
    Fault("length-top-bit", "framing.length-top-bit", _top_bit, frozenset({1002, 1009}), swallows=True),
    Fault(
        "invalid-text",
        "utf8.invalid-text",
        _invalid_text,
        frozenset({1007}),
        between=True,
        texts=True,
        late=True,
    ),
    Fault(
        "invalid-text-in-fragments",
        "utf8.invalid-across-fragments",
        _invalid_fragments,
        frozenset({1007}),
        between=True,
        texts=True,
        late=True,
    ),
    Fault("close-of-one-byte", "closing.one-byte", _one_byte_close, closing=True),
    Fault("invalid-close-code", "closing.invalid-code", _invalid_code, closing=True),
    Fault(
        "invalid-close-reason", "utf8.close-reason", _invalid_reason, frozenset({1002, 1007}), closing=True
    ),
    Fault("rsv1-where-it-means-nothing", "deflate.reserved-bit-control", _rsv1_elsewhere, deflate=True),
    Fault(
        "corrupt-stream",
        "deflate.corrupt-stream",
        _corrupt_stream,
        frozenset({1002, 1007}),
        between=True,
        deflate=True,
        late=True,
    ),
)
