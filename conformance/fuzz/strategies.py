"""Legal conversations: any fragmentation, control frames between, any segments, masks and DEFLATE blocks."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from conformance.fuzz.conversation import Burst, Conversation, Menu
from conformance.fuzz.drawing import Draw
from conformance.wire.deflate import TAIL
from conformance.wire.frames import BINARY, CONTINUATION, PING, PONG, TEXT, Frame

# Sizes at which implementations change their way: length forms, words of a vectorised mask, buffers.
SIZES = [0, 0, 0, 1, 7, 33, 70, 76, 77, 100, 126, 200, 1000, 4050]
LARGE = [16_340, 65_480, 65_500]
KEYS = [bytes(key) for key in itertools.product((0x00, 0x37, 0xFF, 0x80), repeat=4)]
TAME_KEY = bytes.fromhex("37 fa 21 3d")
ODD_TEXTS = ["é€😀", "\uffff\U0010ffff", "\x00\x7f\x80"]
# One range of characters for each length in UTF-8, without surrogates.
CHARACTERS = [(0x20, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)]
CODES = [1000, None, 1001, 1008, 3000, 4000, 4999]
# What Pings say whose answers tell where a conversation stands: nobody else's Pings say it.
BEFORE, BEHIND, END = OWN = (b"before the fault", b"behind the fault", b"the end")
FRAGMENTS = 5
BYTE_BY_BYTE = 24
# Behind the first octet, the second, in the extended length, behind it, in the key, in the payload.
OFFSETS = [3, 1, 2, 3, 4, 3, 5, 6, 9, 0, 12]
SEGMENTS = 8
CUTS = 12  # in one conversation: each costs the time in which a server reads what stands before it


def masks(draw: Draw) -> bytes:
    """Return a drawn masking key: octets that a mask may go wrong with, or any."""
    return draw.octets(4) if draw.flag() else draw.choice(KEYS)


def tame(draw: Draw) -> bytes:
    """Return a masking key that is not to blame for anything."""
    del draw
    return TAME_KEY


def octets(draw: Draw) -> bytes:
    """Return what a control frame carries: a little of anything, or as much as it may."""
    return draw.octets(draw.choice([0, 125, 1, 124, draw.below(13)]))


def words(draw: Draw) -> str:
    """Return up to six drawn characters, of one to four octets each."""
    return "".join(draw.up_to(6, lambda: chr(draw.integer(*draw.choice(CHARACTERS)))))


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


def scripts(draw: Draw, menu: Menu, *, longest: int = 3) -> Script:
    """Return drawn messages in fragments, with control frames before, between and after them.

    With compression in force only the compression is arbitrary, so that nothing else can be at fault.

    Args:
        draw: where choices come from.
        menu: what this target takes.
        longest: how many messages at most.

    """
    script, compressed = Script(), menu.agreed is not None
    if not compressed:
        _controls(draw, menu, script, opened=False)
    for number in range(draw.integer(2 if compressed else 1, longest + compressed) if menu.texts else 0):
        frames = _message(draw, menu, script, f"f{number + 1}")
        for frame in frames:
            opened = frame is not frames[-1]
            script.said.append(Said(frame, open=opened))
            if not compressed:
                _controls(draw, menu, script, opened=opened)
    return script


def _controls(draw: Draw, menu: Menu, script: Script, *, opened: bool) -> None:
    for _ in range(draw.choice([0, 1, 0, 2])):
        payload = octets(draw)[: menu.control]
        if draw.below(5) == 4:
            script.said.append(Said(Frame(PONG, payload, mask=masks(draw)), open=opened))
            continue
        if payload in OWN or any(one.frame.payload == payload for one in script.said):
            payload = payload[: menu.control - 2] + len(script.said).to_bytes(
                2, "big"
            )  # told apart by their payloads
        frame = Frame(PING, payload, mask=masks(draw))
        script.said.append(Said(frame, awaited=draw.flag(), open=opened))


def _message(draw: Draw, menu: Menu, script: Script, identity: str) -> list[Frame]:
    binary = menu.binaries and draw.below(6) == 5
    if binary:
        content = b"\xff\xfe" + draw.octets(draw.below(41))
    else:
        large = draw.below(25) == 24
        text = draw.choice(ODD_TEXTS) if draw.flag() else words(draw)
        text += "x" * draw.choice(LARGE if large else SIZES)
        content, text = menu.heartbeat(identity, text)
        script.heartbeats.append((identity, text))
    compressed = menu.agreed is not None and draw.below(3) < 2
    if compressed:
        content = _deflated(draw, menu, script, content)
    pieces = fragments_of(draw, content, BINARY if binary else TEXT, masks if menu.agreed is None else tame)
    pieces[0] = replace(pieces[0], rsv1=compressed)
    return pieces


def fragments_of(
    draw: Draw, content: bytes, opcode: int, keys: Callable[[Draw], bytes] = masks
) -> list[Frame]:
    """Return the drawn fragments of one message, empty ones among them.

    Args:
        draw: where choices come from.
        content: the message.
        opcode: TEXT or BINARY.
        keys: draws the masking keys.

    """
    cuts = sorted(draw.up_to(FRAGMENTS - 1, lambda: draw.integer(0, len(content))))
    edges = [0, *cuts, len(content)]
    return [
        Frame(
            opcode if number == 0 else CONTINUATION,
            content[begin:end],
            fin=number == len(cuts),
            mask=keys(draw),
        )
        for number, (begin, end) in enumerate(itertools.pairwise(edges))
    ]


def _deflated(draw: Draw, menu: Menu, script: Script, content: bytes) -> bytes:
    """Return a message compressed with a drawn level, strategy and flush points.

    It is compressed into the window of the messages before.
    """
    assert menu.agreed is not None
    bits = max(9, menu.agreed.client_max_window_bits)
    takeover = not menu.agreed.client_no_context_takeover
    window = script.window if takeover and draw.below(4) < 3 else b""
    parts = _blocks(draw, content, bits, window)
    if takeover:
        script.window = (script.window + content)[-(1 << bits) :]
    return parts.removesuffix(TAIL)


def _blocks(draw: Draw, content: bytes, bits: int, window: bytes) -> bytes:
    level = draw.choice([6, 9, 1, 6, 0])
    strategy = draw.choice([0, zlib.Z_FIXED, 0, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
    stream = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy, *([window] if window else []))
    made = b""
    edges = [0, *sorted(draw.up_to(3, lambda: draw.integer(0, len(content)))), len(content)]
    for begin, end in itertools.pairwise(edges):
        made += stream.compress(content[begin:end])
        if end < len(content):
            made += stream.flush(draw.choice([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
    return made + stream.flush(zlib.Z_SYNC_FLUSH)


def bursts_of(draw: Draw, menu: Menu, said: list[Said]) -> list[Burst]:
    """Return a script cut into bursts after each frame whose answer is awaited, and these into segments.

    Args:
        draw: where choices come from.
        menu: what this target takes.
        said: the frames of the script.

    """
    bursts: list[Burst] = []
    frames: list[Frame] = []
    left = CUTS
    for one in said:
        frames.append(one.frame)
        if one.awaited or one is said[-1]:
            cuts = _cuts(draw, menu, frames)[:left]
            left -= len(cuts)
            bursts.append(Burst(tuple(frames), cuts))
            frames = []
    return bursts


def _cuts(draw: Draw, menu: Menu, frames: list[Frame]) -> tuple[int, ...]:
    """Return where the bytes of frames are cut: nowhere, at and in their heads, anywhere, or everywhere."""
    way = draw.choice(["whole", "heads", "heads", "anywhere", "heads"])
    if way == "whole" or menu.agreed is not None:
        return ()
    ends = [0]
    for frame in frames:
        ends.append(ends[-1] + len(frame.encode()))
    total = ends[-1]
    if way == "anywhere":
        if total <= BYTE_BY_BYTE:
            return tuple(range(1, total))
        return tuple(sorted(set(draw.up_to(6, lambda: draw.integer(1, total - 1)))))
    # In the two octets, the extended length, the key, or the first octets of the payload.
    cuts = [begin + draw.choice(OFFSETS) for begin in ends[:-1][:SEGMENTS]]
    return tuple(sorted({cut for cut in cuts if 0 < cut < total}))


def conversations(menu: Menu) -> Callable[[Draw], Conversation]:
    """Return what draws a legal conversation; its last frame is a Ping."""
    return partial(_conversation, menu)


def _conversation(menu: Menu, draw: Draw) -> Conversation:
    script = scripts(draw, menu)
    key = masks(draw) if menu.agreed is None else TAME_KEY
    script.said.append(Said(Frame(PING, END, mask=key), awaited=True))
    code = draw.choice(CODES)
    reason = "" if code is None else "r" * 123 if draw.flag() else words(draw)
    return Conversation(tuple(bursts_of(draw, menu, script.said)), tuple(script.heartbeats), (code, reason))
