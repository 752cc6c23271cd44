"""Where frames end in what is sent, however it is cut: between two of them something may be said."""

from __future__ import annotations

import pytest

from conformance.wire.frames import CLOSE, FLOOD, PING, TEXT, Frame, Outgoing


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("mask", [b"mask", None], ids=["masked", "unmasked"])
def test_frame_that_is_sent_in_pieces_ends_with_its_last_byte(length, mask):
    data = Frame(TEXT, bytes(length), mask=mask).encode()
    outgoing = Outgoing()
    for cut in {*range(1, min(len(data), 16)), len(data) - 1}:
        outgoing.feed(data + data[:cut])
        assert outgoing.inside
        outgoing.feed(data[cut:])
        assert not outgoing.inside
    assert outgoing.closed is False


def test_end_of_a_frame_is_seen_octet_by_octet():
    frames = [
        Frame(PING).encode(),
        Frame(PING, mask=None).encode(),
        Frame(TEXT, b"abc", mask=None).encode(),
        Frame(TEXT, bytes(126)).encode(),
        Frame(TEXT, bytes(126), mask=None, length_form=64).encode(),
        Frame(TEXT, b"", length_form=16).encode(),
    ]
    outgoing = Outgoing()
    for frame in frames * 2:
        for octet in frame[:-1]:
            outgoing.feed(bytes([octet]))
            assert outgoing.inside
        outgoing.feed(frame[-1:])
        assert not outgoing.inside
    outgoing.feed(b"".join(frames))
    assert not outgoing.inside
    assert not outgoing.closed


def test_close_frame_among_others_is_seen():
    outgoing = Outgoing()
    outgoing.feed(Frame(TEXT, b"\x88\x00").encode() + Frame(CLOSE).encode())
    assert outgoing.closed


def test_nothing_is_open_before_anything_is_sent():
    assert (Outgoing().inside, Outgoing().closed) == (False, False)


@pytest.mark.parametrize(
    ("frames", "inside"),
    [(FLOOD - 1, True), (FLOOD, True), (FLOOD + 1, False), (FLOOD + 2, False)],
)
def test_only_a_flood_of_frames_in_one_piece_is_taken_to_end_with_a_whole_one(frames, inside):
    outgoing = Outgoing()
    outgoing.feed(b"\x81\x01a" * frames + b"\x81")
    assert outgoing.inside is inside


@pytest.mark.parametrize(("before", "inside"), [(FLOOD - 1, True), (FLOOD, False)])
def test_flood_that_is_cut_in_a_payload_leaves_nothing_open(before, inside):
    outgoing = Outgoing()
    outgoing.feed(b"\x81\x00" * before + b"\x81\x7dcut")
    assert outgoing.inside is inside
