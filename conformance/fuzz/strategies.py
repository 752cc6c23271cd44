"""Legal conversations: any fragmentation, control frames between, any segments, masks and DEFLATE blocks."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from conformance.fuzz.conversation import Burst, Conversation, Menu, heartbeat
from conformance.wire.deflate import TAIL
from conformance.wire.frames import BINARY, CONTINUATION, PING, PONG, TEXT, Frame

# Sizes at which implementations change their way: length forms, words of a vectorised mask, buffers.
SIZES = st.sampled_from([0, 0, 0, 1, 7, 33, 70, 76, 77, 100, 126, 200, 1000, 4050])
LARGE = st.sampled_from([16_340, 65_480, 65_500])
MASKS = st.sampled_from(
    [bytes(key) for key in itertools.product((0x00, 0x37, 0xFF, 0x80), repeat=4)]
) | st.binary(min_size=4, max_size=4)
TAME = st.just(bytes.fromhex("37 fa 21 3d"))
OCTETS = st.binary(max_size=12) | st.sampled_from([0, 1, 124, 125]).map(lambda size: b"\xfe" * size)
# Made of numbers: st.text() would first make tables of all of Unicode, which takes longer than the tests do.
CHARACTERS = (
    st.integers(0x20, 0x7F)
    | st.integers(0x80, 0x7FF)
    | st.integers(0x800, 0xD7FF)
    | st.integers(0x10000, 0x10FFFF)
).map(chr)
WORDS = st.lists(CHARACTERS, max_size=6).map("".join)
TEXTS = WORDS | st.sampled_from(["é€😀", "\uffff\U0010ffff", "\x00\x7f\x80"])
REASONS = WORDS | st.just("r" * 123)
CODES = st.sampled_from([1000, None, 1001, 1008, 3000, 4000, 4999])
# What Pings say whose answers tell where a conversation stands: nobody else's Pings say it.
BEFORE, BEHIND, END = OWN = (b"before the fault", b"behind the fault", b"the end")
FRAGMENTS = 5
BYTE_BY_BYTE = 24
# Behind the first octet, the second, in the extended length, behind it, in the key, in the payload.
OFFSETS = st.sampled_from([3, 1, 2, 3, 4, 3, 5, 6, 9, 0, 12])
SEGMENTS = 8


@dataclass(slots=True)
class Said:
    """One frame of a conversation in the making.

    ``awaited`` says that its Pong is awaited before more is sent, ``open`` that a message is unfinished
    behind it.
    """

    frame: Frame
    awaited: bool = False
    open: bool = False


@dataclass(slots=True)
class Script:
    """A conversation in the making: its frames, and what its messages said."""

    said: list[Said] = field(default_factory=list)
    heartbeats: list[tuple[str, str]] = field(default_factory=list)
    window: bytes = b""


@st.composite
def scripts(draw: st.DrawFn, menu: Menu, *, longest: int = 3) -> Script:
    """Draw up to ``longest`` messages in fragments, with control frames before, between and behind.

    With compression in force only the compression is arbitrary, so that nothing else can be at fault.
    """
    script, tame = Script(), menu.agreed is not None
    if not tame:
        _controls(draw, script, opened=False)
    for number in range(draw(st.integers(2 if tame else 1, longest + tame)) if menu.texts else 0):
        frames = _message(draw, menu, script, f"f{number + 1}")
        for frame in frames:
            opened = frame is not frames[-1]
            script.said.append(Said(frame, open=opened))
            if not tame:
                _controls(draw, script, opened=opened)
    return script


def _controls(draw: st.DrawFn, script: Script, *, opened: bool) -> None:
    for _ in range(draw(st.sampled_from([0, 1, 0, 2]))):
        payload = draw(OCTETS)
        if draw(st.integers(0, 4)) == 4:
            script.said.append(Said(Frame(PONG, payload, mask=draw(MASKS)), open=opened))
            continue
        if payload in OWN or any(one.frame.payload == payload for one in script.said):
            payload = payload[:123] + len(script.said).to_bytes(2, "big")  # told apart by their payloads
        frame = Frame(PING, payload, mask=draw(MASKS))
        script.said.append(Said(frame, awaited=draw(st.booleans()), open=opened))


def _message(draw: st.DrawFn, menu: Menu, script: Script, identity: str) -> list[Frame]:
    binary = menu.binaries and draw(st.integers(0, 5)) == 5
    if binary:
        content = b"\xff\xfe" + draw(st.binary(max_size=40))
    else:
        large = draw(st.integers(0, 24)) == 24
        text = draw(TEXTS) + "x" * draw(LARGE if large else SIZES)
        content = menu.spoken(heartbeat(identity, text))
        script.heartbeats.append((identity, text))
    compressed = menu.agreed is not None and draw(st.integers(0, 2)) < 2
    if compressed:
        content = _deflated(draw, menu, script, content)
    tame = menu.agreed is not None
    pieces = fragments_of(draw, content, BINARY if binary else TEXT, TAME if tame else MASKS)
    pieces[0] = replace(pieces[0], rsv1=compressed)
    return pieces


def fragments_of(
    draw: st.DrawFn, content: bytes, opcode: int, masks: st.SearchStrategy[bytes] = MASKS
) -> list[Frame]:
    """Draw the fragments of one message, empty ones among them."""
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=FRAGMENTS - 1)))
    edges = [0, *cuts, len(content)]
    return [
        Frame(
            opcode if number == 0 else CONTINUATION,
            content[begin:end],
            fin=number == len(cuts),
            mask=draw(masks),
        )
        for number, (begin, end) in enumerate(itertools.pairwise(edges))
    ]


def _deflated(draw: st.DrawFn, menu: Menu, script: Script, content: bytes) -> bytes:
    """Compress with a drawn level, strategy and flush points, into the window of the messages before."""
    assert menu.agreed is not None
    bits = max(9, menu.agreed.client_max_window_bits)
    takeover = not menu.agreed.client_no_context_takeover
    window = script.window if takeover and draw(st.integers(0, 3)) < 3 else b""
    parts = _blocks(draw, content, bits, window)
    if takeover:
        script.window = (script.window + content)[-(1 << bits) :]
    return parts.removesuffix(TAIL)


def _blocks(draw: st.DrawFn, content: bytes, bits: int, window: bytes) -> bytes:
    level = draw(st.sampled_from([6, 9, 1, 6, 0]))
    strategy = draw(st.sampled_from([0, zlib.Z_FIXED, 0, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]))
    stream = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy, *([window] if window else []))
    made = b""
    edges = [0, *sorted(draw(st.lists(st.integers(0, len(content)), max_size=3))), len(content)]
    for begin, end in itertools.pairwise(edges):
        made += stream.compress(content[begin:end])
        if end < len(content):
            made += stream.flush(draw(st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])))
    return made + stream.flush(zlib.Z_SYNC_FLUSH)


def bursts_of(draw: st.DrawFn, menu: Menu, said: list[Said]) -> list[Burst]:
    """Cut a script into bursts behind each frame whose answer is awaited, and these into segments."""
    bursts: list[Burst] = []
    frames: list[Frame] = []
    for one in said:
        frames.append(one.frame)
        if one.awaited:
            bursts.append(Burst(tuple(frames), _cuts(draw, menu, frames)))
            frames = []
    if frames:
        bursts.append(Burst(tuple(frames), _cuts(draw, menu, frames)))
    return bursts


def _cuts(draw: st.DrawFn, menu: Menu, frames: list[Frame]) -> tuple[int, ...]:
    """Draw where the bytes of frames are cut: nowhere, at and in their heads, anywhere, or everywhere."""
    way = draw(st.sampled_from(["whole", "heads", "heads", "anywhere", "heads"]))
    if way == "whole" or menu.agreed is not None:
        return ()
    ends = [0]
    for frame in frames:
        ends.append(ends[-1] + len(frame.encode()))
    total = ends[-1]
    if way == "anywhere":
        if total <= BYTE_BY_BYTE:
            return tuple(range(1, total))
        return tuple(sorted(set(draw(st.lists(st.integers(1, total - 1), max_size=6)))))
    # In the two octets, the extended length, the key, or the first octets of the payload.
    cuts = [begin + draw(OFFSETS) for begin in ends[:-1][:SEGMENTS]]
    return tuple(sorted({cut for cut in cuts if 0 < cut < total}))


@st.composite
def conversations(draw: st.DrawFn, menu: Menu) -> Conversation:
    """Draw a legal conversation; its last frame is a Ping."""
    script = draw(scripts(menu))
    script.said.append(
        Said(Frame(PING, END, mask=draw(MASKS if menu.agreed is None else TAME)), awaited=True)
    )
    code = draw(CODES)
    return Conversation(
        tuple(bursts_of(draw, menu, script.said)),
        tuple(script.heartbeats),
        (code, draw(REASONS) if code is not None else ""),
    )
