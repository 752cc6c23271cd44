"""What the suite has to make of each vice, and why: one exit code, one cause, a bound in seconds.

10 stands where the target is not, or no longer, a WebSocket server that could be judged: what a test saw
last may be the test's own doing or the target's end, and nobody can tell. 1 stands where it is one, and
breaks rules, be it from the first byte on, and where it dies again of the test that it died of.
"""

from __future__ import annotations

from dataclasses import dataclass

TURN = "connection:60"  # the probe is over, and the first chapter has begun
SOON, LONG, WHOLE = 60.0, 150.0, 420.0  # seconds at the time scale of the table, on a machine of one's own
DEAD = r"the target stopped answering during test_\S+ \([a-z0-9.-]+\): "


@dataclass(frozen=True, slots=True)
class Case:
    """A vice, when it begins, and what has to come of it.

    ``said`` is a pattern that the verdict's reason matches; ``failed`` are requirements that have to be among
    the failed ones; ``quick`` cases belong to the project's tests.
    """

    vice: str
    when: str
    exit_code: int
    said: str
    bound: float = SOON
    failed: tuple[str, ...] = ()
    quick: bool = False
    browser: bool = False

    @property
    def name(self) -> str:
        """A name for tests and folders."""
        return f"{self.vice}-{self.when.replace(':', '-')}" + ("-browser" if self.browser else "")


def first(vice: str, said: str, **other: bool) -> Case:
    """Return the case of a vice that begins with the first byte: there is nothing to judge."""
    return Case(vice, "first", 10, said, **other)


def wrong(vice: str, said: str, failed: str = "framing.ping-pong", **other: bool) -> Case:
    """Return the case of a server that answers from the first byte on, and wrongly: just that is judged."""
    return Case(
        vice, "first", 1, f"requirements? failed: .*{failed}.* The cause: .*{said}", failed=(failed,), **other
    )


def dying(vice: str, when: str, **other: bool) -> Case:
    """Return the case of a server that gives up in one test, and does so again when that runs alone."""
    return Case(vice, when, 1, "requirements? failed", WHOLE, ("robustness.survives",), **other)


def turned(vice: str, why: str, when: str = TURN, **other: bool) -> Case:
    """Return the case of a server that is right for the probe and then gives up serving."""
    return Case(vice, when, 10, DEAD + why, **other)


NO_PONG = r"it accepts an opening handshake, but does not answer a Ping within [\d.]+ s"
UNPONGED = "accepted an opening handshake, but a Ping was not answered by its Pong: "
NO_ANSWER = r"it gives no answer within [\d.]+ s"
CASES = (
    first("is-silent", "accepts TCP but gave no answer to an opening handshake", quick=True),
    wrong("says-101-and-nothing-more", UNPONGED + "nothing", quick=True),
    first("hangs-up", "accepts TCP and ends it without an answer"),
    first("resets", "accepts TCP and ends it without an answer"),
    first("closes-at-random", "accepts TCP and ends it without an answer"),
    first("refuses-all", "no opening handshake was accepted: .* was answered 'HTTP/1.1 503"),
    first("is-another-server", "no opening handshake was accepted: .* by 'Apache/"),
    first("echoes-bytes", "answers, but not with HTTP: b'GET "),
    wrong("upgrades-and-echoes-bytes", UNPONGED + "no Pong, but a masked Ping of", quick=True),
    wrong("floods", UNPONGED + "more than 50000 frames"),
    wrong("floods-with-pings", UNPONGED + "more than 50000 frames"),
    wrong("floods-the-head", "answered a legal opening handshake wrongly: bytes that are no HTTP",
          "handshake.accepted"),
    first("interim-for-ever", "answers an opening handshake with interim responses alone"),
    first("floods-the-body", "no opening handshake was accepted: .* was answered 'HTTP/1.1 400"),
    wrong("drips", UNPONGED + "nothing"),
    first("drips-the-response", "answers by a response without an end"),
    first("drips-its-words", "answers by a response without an end"),
    wrong("never-ends-a-message", UNPONGED + "(a message of more than 32 MiB without an end|nothing)"),
    wrong("never-ends-a-frame", UNPONGED + r"a frame of 1099511627776 bytes, more than is read", quick=True),
    wrong("never-ends-a-smaller-frame", UNPONGED + r"a frame of 125829120 bytes, more than is read"),
    wrong("sends-a-bomb", UNPONGED + "a message that inflates to more than 32 MiB"),
    first("never-reads", "gave no answer to an opening handshake"),
    wrong("upgrades-and-never-reads", UNPONGED + "nothing"),
    wrong("upgrades-to-something-else", "answered a legal opening handshake wrongly: HTTP/1.1 101",
          "handshake.response-headers"),
    turned("is-silent", NO_ANSWER, quick=True),
    turned("is-silent", NO_ANSWER, "seconds:1"),
    dying("is-silent", "inside:test_control_frames"),
    turned("says-101-and-nothing-more", NO_PONG, quick=True),
    dying("says-101-and-nothing-more", "test:test_fragmentation"),
    turned("hangs-up", "(connecting fails: .*|it ends connections without an answer)", quick=True),
    turned("resets", "(connecting fails: .*|it ends connections without an answer)"),
    turned("closes-at-random", "(connecting fails: .*|it ends connections without an answer)"),
    turned("refuses-all", "it refuses the opening handshake that it accepted at the start: 'HTTP/1.1 503"),
    turned("is-another-server", "it refuses the opening handshake .* 'HTTP/1.1 200 .*'Apache", quick=True),
    turned("echoes-bytes", "it answers an opening handshake with bytes that are no HTTP: b'GET ", quick=True),
    turned("upgrades-and-echoes-bytes", NO_PONG),
    turned("floods", NO_PONG + r"; \d+ other frames came, the last a Text", quick=True),
    dying("floods", "inside:test_control_frames"),
    turned("floods-with-pings", NO_PONG + r"; \d+ other frames came, the last a Ping"),
    turned("floods-the-head", "it answers an opening handshake with bytes that are no HTTP"),
    turned("interim-for-ever", "its answer to an opening handshake is not whole within"),
    turned("floods-the-body", "it refuses the opening handshake .* 'HTTP/1.1 400"),
    turned("drips", NO_PONG),
    turned("drips-the-response", "its answer to an opening handshake is not whole within", quick=True),
    turned("drips-its-words", "its answer to an opening handshake is not whole within"),
    turned("never-ends-a-message", NO_PONG),
    turned("never-ends-a-frame", NO_PONG),
    turned("never-ends-a-smaller-frame", NO_PONG),
    Case("sends-a-bomb", TURN, 1, "requirements? failed: .*framing.server-reserved-bits", quick=True),
    turned("never-reads", NO_ANSWER),
    turned("upgrades-and-never-reads", NO_PONG),
    turned("upgrades-to-something-else", "it refuses the opening handshake .* 'HTTP/1.1 101"),
    turned("stops-itself", r"its process \d+ is stopped, by SIGSTOP or a debugger", quick=True),
    turned("dies", "its process ended with 3", quick=True),
    dying("dies", "inside:test_control_frames"),
    Case("lies-in-every-header", TURN, 1, "requirements? failed", WHOLE,
         ("handshake.accept-value", "handshake.response-headers", "handshake.subprotocol-from-offer",
          "handshake.extension-from-offer")),
    Case("never-ends-tcp", TURN, 1, "requirements? failed", WHOLE, ("closing.reply",)),
    Case("floods-behind-close", TURN, 1, "requirements? failed", WHOLE, ("closing.nothing-after-close",)),
    Case("talks-on", TURN, 1, "requirements? failed", WHOLE, ("closing.nothing-after-close",)),
    Case("drops-answers", TURN, 1, "requirements? failed", WHOLE),
    Case("loses-its-temper", TURN, 1, "requirements? failed", WHOLE),
    turned("is-silent", NO_ANSWER, "test:test_opening", browser=True),
    turned("hangs-up", "(connecting fails: .*|it ends connections)", "test:test_opening", browser=True),
    turned("dies", "its process ended with 3", "test:test_opening", browser=True),
)  # fmt: skip
