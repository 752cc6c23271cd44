"""What is drawn: legal conversations are legal to another implementation, and each fault is one."""

from __future__ import annotations

import asyncio

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from conformance.fuzz.conversation import Menu
from conformance.fuzz.faults import FAULTS, wrong
from conformance.fuzz.search import Plan, search
from conformance.fuzz.strategies import CUTS, conversations
from conformance.suite.protocol.fuzzing import FAULTY, HELD
from conformance.wire.deflate import Agreement

AGREEMENTS = [
    None,
    Agreement(),
    Agreement(client_max_window_bits=9),
    Agreement(client_no_context_takeover=True),
]


def judge(conversation, agreed):
    """Return how another implementation takes a conversation: what is wrong with it, and its messages."""
    extensions = []
    if agreed is not None:
        extensions = [
            PerMessageDeflate(
                remote_no_context_takeover=agreed.client_no_context_takeover,
                local_no_context_takeover=False,
                remote_max_window_bits=agreed.client_max_window_bits,
                local_max_window_bits=15,
            )
        ]
    server = Protocol(Side.SERVER, state=State.OPEN)
    server.extensions = extensions
    for burst in conversation.bursts:
        for segment in burst.segments:
            server.receive_data(segment)
    texts, current = [], b""
    for event in server.events_received():
        if event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            current = bytes(event.data) if event.opcode is not Opcode.CONT else current + bytes(event.data)
            texts += [current] if event.fin else []
    return server.parser_exc, texts


def each(make, look, examples=80):
    async def check(example, _manner):
        look(example)

    asyncio.run(search(make, check, examples=examples, plan=Plan(), budget=1.0))


@pytest.mark.parametrize("agreed", AGREEMENTS, ids=["plain", "deflate", "small-window", "no-takeover"])
def test_legal_conversation_is_legal(agreed):
    lengths = []

    def look(conversation):
        wrong_with_it, texts = judge(conversation, agreed)
        assert wrong_with_it is None
        heard = b"\n".join(texts)
        assert all(f'"id": "{identity}"'.encode() in heard for identity, _ in conversation.heartbeats)
        assert all(text.encode() in heard for _, text in conversation.heartbeats if text.isalnum())
        lengths.append(conversation.size)

    each(conversations(Menu(binaries=True, agreed=agreed)), look)
    assert max(lengths)[0] > 8


def test_conversation_ends_in_a_ping_that_nobody_else_says():
    def look(conversation):
        assert conversation.bursts[-1].frames[-1].payload == b"the end"
        assert len(set(conversation.pings)) == len(conversation.pings)

    each(conversations(Menu()), look)


def test_conversation_without_texts_is_control_frames():
    def look(conversation):
        assert all(frame.opcode >= 8 for burst in conversation.bursts for frame in burst.frames)

    each(conversations(Menu(texts=False)), look)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_fault_is_one_and_what_stands_before_it_is_legal(fault):
    menu = Menu(agreed=Agreement() if fault.deflate else None)

    def look(example):
        *before, _last = example.conversation.bursts
        legal = type(example.conversation)(tuple(before))
        assert before, "something is proven to work before the fault"
        assert judge(legal, menu.agreed)[0] is None
        found, texts = judge(example.conversation, menu.agreed)
        if not fault.late and not fault.closing:
            assert found is not None
        elif fault.texts:
            assert any(not decodes(text) for text in texts)

    each(wrong(fault, menu), look, examples=30)


def decodes(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# What the run by default holds: with few examples, each way of being rare has to be among them.


def within(conversation):
    """Yield each frame with the number of frames that the message has had which is open before it."""
    before = 0
    for frame in (frame for burst in conversation.bursts for frame in burst.frames):
        yield before, frame
        if frame.opcode < 8:
            before = 0 if frame.fin else before + 1


def drawn(make, examples):
    found = []
    each(make, found.append, examples)
    return found


def test_run_by_default_holds_what_is_rare():
    held = drawn(conversations(Menu(binaries=True)), HELD)
    frames = [(before, frame) for one in held for before, frame in within(one)]
    assert any(before == 3 and frame.opcode == 9 for before, frame in frames)
    assert any(before == 4 for before, _ in frames)
    assert any(before and frame.opcode == 10 for before, frame in frames)
    assert any(before and len(frame.payload) == 125 and frame.opcode == 9 for before, frame in frames)
    assert any(frame.mask[0] == 0xFF != frame.mask[1] and len(frame.payload) > 3 for _, frame in frames)
    assert any(not frame.payload and frame.opcode < 8 for _, frame in frames)
    assert any(len(burst.cuts) == CUTS for one in held for burst in one.bursts)
    assert {1, 2, 3} <= {len(one.heartbeats) for one in held}
    assert {None, 1000, 4999} <= {one.close[0] for one in held}


@pytest.mark.parametrize(
    ("fault", "rare"),
    [
        ("reserved-bit", lambda _, frame: frame.opcode == 0 and any((frame.rsv1, frame.rsv2, frame.rsv3))),
        ("reserved-opcode", lambda _, frame: frame.opcode > 10 and len(frame.payload) >= 124),
        ("reserved-opcode", lambda before, frame: before and 2 < frame.opcode < 8),
        ("unmasked", lambda before, frame: before and frame.opcode == 9 and frame.mask is None),
        (
            "long-control-frame",
            lambda before, frame: before and frame.opcode == 10 and len(frame.payload) > 125,
        ),
        ("invalid-close-code", lambda _, frame: frame.opcode == 8 and b"\x18" < frame.payload[:1] < b"\xea"),
        ("length-top-bit", lambda before, frame: before and frame.declared_length),
    ],
)
def test_run_by_default_puts_a_fault_where_it_is_rare(fault, rare):
    known = next(one for one in FAULTS if one.id == fault)
    found = [one.conversation for one in drawn(wrong(known, Menu()), FAULTY)]
    assert any(rare(before, frame) for one in found for before, frame in within(one))
