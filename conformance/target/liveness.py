"""Whether the target still is what the probe found: it accepts an opening handshake and answers a Ping."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

import psutil

from conformance.target.launch import Instance
from conformance.target.target import Target
from conformance.wire.frames import CLOSE, PING, PONG, Frame, FrameParser, name_of
from conformance.wire.handshake import ResponseParser

PING_PAYLOAD = b"still there?"
ASKING = "is-the-target-still-there"
_PAUSES = (0.02, 0.1, 0.3, 0.6)  # seconds between attempts: some servers need a moment behind a flood
_LATER = 1.0  # between all further ones
# A target is asked again for so many bounds of a handshake: ten seconds, and thirty at most where pauses were
# seen. Under load, servers that are well pause for two to six.
LEAST, MOST = 2, 6


class Sign(Enum):
    """What shows that a target is dead."""

    NO_TARGET = auto()
    ENDED = auto()
    STOPPED = auto()
    NO_CONNECTION = auto()
    REFUSES = auto()
    NO_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Dead:
    """Why a target answers nobody any more: by which sign, and what was seen."""

    sign: Sign
    seen: str

    def __str__(self) -> str:
        """Return the reason as a clause."""
        match self.sign:
            case Sign.NO_CONNECTION:
                return f"connecting fails: {self.seen}"
            case Sign.REFUSES:
                return f"it refuses the opening handshake that it accepted at the start: {self.seen}"
        return self.seen


def why_dead(target: Target | None) -> Dead | None:
    """Return why the target answers nobody any more, or ``None`` while it does.

    Asked synchronously, between tests. A target is given up only when no attempt succeeds for twice as long
    as the longest pause that was seen.
    """
    if target is None:
        return Dead(Sign.NO_TARGET, "there is no target")
    instance = target.instance
    if instance is not None and not instance.running:
        return _ended(instance)
    if instance is not None and _stopped(instance.pid):
        return Dead(Sign.STOPPED, f"its process {instance.pid} is stopped, by SIGSTOP or a debugger")
    if target.found.fault is not None:
        return None  # it never answered rightly: what it does wrongly is what is judged
    began = time.monotonic()
    bound = patience(target)
    for pause in itertools.chain(_PAUSES, itertools.repeat(_LATER)):
        why = _asked(target)
        waited = time.monotonic() - began
        if why is None:
            target.longest_pause = max(target.longest_pause, waited)
            return None
        if waited + min(pause, bound) > bound or (instance is not None and not instance.running):
            break
        time.sleep(pause)  # not for silence: what refused a moment ago is asked again
    if why is not None and why.sign is Sign.NO_CONNECTION and instance is not None:
        # A process that is ending has given its port back before it is gone.
        deadline = time.monotonic() + 1.0
        while instance.running and time.monotonic() < deadline:
            time.sleep(0.01)
        return why if instance.running else _ended(instance)
    return why


def patience(target: Target) -> float:
    """Return for how many seconds a target that answers nobody is asked again."""
    bound = target.limits.handshake
    return min(max(LEAST * bound, 2 * target.longest_pause), MOST * bound)


def _ended(instance: Instance) -> Dead:
    status = instance.exit_status
    return Dead(Sign.ENDED, "its process ended" + ("" if status is None else f" with {status}"))


def _stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
    return False


def _asked(target: Target) -> Dead | None:
    """Return why no address of the target is alive, or ``None`` where one is."""
    endpoint, faults = target.endpoint, []
    for address in endpoint.addresses or (endpoint.host,):
        why = _asked_at(target, address)
        if why is None:
            return None
        faults.append(why)
    # Who answers wrongly says more than an address where nobody is.
    return next((one for one in faults if one.sign is not Sign.NO_CONNECTION), faults[0])


def _asked_at(target: Target, address: str) -> Dead | None:
    limits = target.limits
    stage = f"it gives no answer within {limits.handshake:.1f} s"
    try:
        with _stream(target, address) as stream:
            stream.sendall(target.opening().setting("X-Conformance-Test", ASKING).encode())
            parser = ResponseParser()
            response = None
            for data in _received(stream, limits.handshake):
                if (response := parser.feed(data)) is not None or parser.garbage is not None:
                    break
                stage = f"its answer to an opening handshake is not whole within {limits.handshake:.1f} s"
            if parser.garbage is not None:
                garbage = parser.garbage[:40]
                return _unanswered(
                    f"it answers an opening handshake with bytes that are no HTTP: {garbage!r}"
                )
            if response is None:
                return _unanswered("it ends connections without an answer")
            if not response.upgraded:
                server = response.get("Server")
                return Dead(Sign.REFUSES, repr(response.line) + (f" by {server!r}" if server else ""))
            return _pong(stream, parser.rest, limits.reply)
    except TimeoutError:
        return _unanswered(stage)
    except OSError as error:
        return Dead(Sign.NO_CONNECTION, error.strerror or str(error))


def _unanswered(seen: str) -> Dead:
    return Dead(Sign.NO_ANSWER, seen)


def _pong(stream: socket.socket, rest: bytes, bound: float) -> Dead | None:
    stream.sendall(Frame(PING, PING_PAYLOAD).encode())
    frames, count, last, ended = FrameParser(), 0, "", False
    with contextlib.suppress(TimeoutError):
        for data in _first(rest, _received(stream, bound)):
            for frame in frames.feed(data):
                if frame.opcode == PONG and frame.payload == PING_PAYLOAD:
                    stream.sendall(Frame(CLOSE, b"\x03\xe8").encode())
                    return None
                count += 1
                last = name_of(frame.opcode)
        ended = True
    seen = f"; {count} other frames came, the last a {last}" if count else ""
    if ended:
        return _unanswered(
            f"it accepts an opening handshake, and ends the connection when a Ping comes{seen}"
        )
    return _unanswered(
        f"it accepts an opening handshake, but does not answer a Ping within {bound:.1f} s{seen}"
    )


@contextlib.contextmanager
def _stream(target: Target, address: str) -> Iterator[socket.socket]:
    """Connect as tests do: over TCP, and TLS where the URL says so.

    Yields:
        The socket.

    """
    endpoint = target.endpoint
    with contextlib.closing(
        socket.create_connection((address, endpoint.port), target.limits.handshake)
    ) as raw:
        if endpoint.tls is None:
            yield raw
        else:
            name = endpoint.server_name or endpoint.host
            with endpoint.tls.wrap_socket(raw, server_hostname=name) as stream:
                yield stream


def _received(stream: socket.socket, bound: float) -> Iterator[bytes]:
    """Yield what arrives until TCP ends; ``bound`` seconds are for all of it.

    Raises:
        TimeoutError: the time is over.

    """
    deadline = time.monotonic() + bound
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        stream.settimeout(remaining)
        data = stream.recv(65536)
        if not data:
            return
        yield data


def _first(rest: bytes, more: Iterator[bytes]) -> Iterator[bytes]:
    if rest:
        yield rest
    yield from more
