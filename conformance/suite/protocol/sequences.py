"""Byte sequences for UTF-8: the edges of every range of RFC 3629 §3 and §4, and all that lies beyond them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

VALID: Mapping[str, list[str]] = {
    "1-byte": ["\x20", "\x7e", "\x7f"],
    "control-characters": [chr(one) for one in (0, 1, 9, 10, 13, 27, 31, 0x80, 0x85, 0x9F)],
    "2-byte": ["\u0080", "\u00bf", "\u00c0", "\u07c0", "\u07ff"],
    # A new first byte, and where the second byte's range is another: E0 and ED.
    "3-byte": ["\u0800", "\u083f", "\u0fff", "\u1000", "\ucfff", "\ud000", "\ud7ff", "\ue000", "\uffff"],
    # The same for F0 and F4.
    "4-byte": [
        "\U00010000", "\U0001003f", "\U0003ffff", "\U00040000", "\U000fffff", "\U00100000", "\U0010ffff",
    ],
    "noncharacters": [
        *(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
        *map(chr, range(0xFDD0, 0xFDF0)),
    ],
    "byte-order-mark": ["\ufeff", "\ufeffx", "x\ufeff"],
    "specials": ["\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd"],
    "greek-word": ["κόσμε"],
    "emoji-with-joiner": ["👩\u200d💻"],
    "line-separators": ["\u2028", "\u2029", "\x0b", "\x0c"],
}  # fmt: skip


def _named(sequences: Iterable[str]) -> dict[str, bytes]:
    return {one.replace(" ", "-"): bytes.fromhex(one) for one in sequences}


INVALID: Mapping[str, Mapping[str, bytes]] = {
    "lone-continuation": _named(
        ["80", "8f", "90", "9f", "a0", "bf", "80 bf", "80 bf 80", "80 bf 80 bf", "bf 80 bf 80 bf"]
    ),
    "lone-first-of-2": _named(f"{first:02x}" for first in range(0xC2, 0xE0)),
    "lone-first-of-3": _named(f"{first:02x}" for first in range(0xE0, 0xF0)),
    "lone-first-of-4": _named(f"{first:02x}" for first in range(0xF0, 0xF5)),
    "byte-never-used": _named(["c0", "c1", *(f"{one:02x}" for one in range(0xF5, 0x100)), "fe fe ff ff"]),
    "cut-short": _named(
        ["e0 a0", "e2 82", "ef bf", "f0 90", "f0 90 80", "f0 9f 92", "f4 8f bf", "c3 e2 82 f0 9f 92"]
    ),
    "second-byte": _named(["c2 7f", "c2 c0", "df 28", "e1 7f 80", "e1 c0 80", "e2 28 a1", "f1 7f 80 80",
                           "f1 c0 80 80", "f0 28 8c bc"]),
    "third-byte": _named(["e1 80 7f", "e1 80 c0", "e2 82 28", "f1 80 7f 80", "f1 80 c0 80", "f0 90 28 bc"]),
    "fourth-byte": _named(["f1 80 80 7f", "f1 80 80 c0", "f0 9f 92 28"]),
    "overlong-slash": _named(["c0 af", "e0 80 af", "f0 80 80 af", "f8 80 80 80 af", "fc 80 80 80 80 af"]),
    "overlong-nul": _named(["c0 80", "e0 80 80", "f0 80 80 80", "f8 80 80 80 80", "fc 80 80 80 80 80"]),
    "overlong-maximum": _named(["c1 bf", "e0 9f bf", "f0 8f bf bf", "f8 87 bf bf bf", "fc 83 bf bf bf bf"]),
    "surrogate": _named(
        ["ed a0 80", "ed ad bf", "ed ae 80", "ed af bf", "ed b0 80", "ed be 80", "ed bf bf"]
    ),
    "surrogate-pair": _named(
        [f"{high} {low}" for high in ("ed a0 80", "ed ad bf", "ed ae 80", "ed af bf")
         for low in ("ed b0 80", "ed bf bf")] + ["ed a0 bd ed b8 80"]
    ),
    "above-unicode": _named(["f4 90 80 80", "f4 bf bf bf", "f5 80 80 80", "f7 bf bf bf", "f8 88 80 80 80",
                             "fb bf bf bf bf", "fc 84 80 80 80 80", "fd bf bf bf bf bf"]),
    "cut-short-and-longer-than-4": _named(
        ["f8 80 80 80", "fc 80 80 80 80", "fb bf bf bf", "fd bf bf bf bf",
         "c0 e0 80 f0 80 80 f8 80 80 80 fc 80 80 80 80 df ef bf f7 bf bf"]
    ),
    "every-continuation": {"80-to-bf": bytes(range(0x80, 0xC0))},
    "valid-before": {"ce-ba-e1-bd-b9-ed-a0-80": bytes.fromhex("ce ba e1 bd b9 ed a0 80 65 64")},
}  # fmt: skip

# One of each kind, for what is tried at many places.
KINDS: Mapping[str, bytes] = {
    "continuation-missing": b"\xe2\x82\x28",
    "overlong": b"\xe0\x80\xaf",
    "overlong-4": b"\xf0\x80\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "above-unicode": b"\xf4\x90\x80\x80",
    "never-used": b"a\xff",
}
CUT = {"2-byte": b"\xc3", "3-byte": b"\xe2\x82", "4-byte": b"\xf0\x9f\x92", "4-byte-early": b"\xf0\x9f"}
