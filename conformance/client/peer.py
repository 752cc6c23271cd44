"""The verbs that tests are written in, as far as RFC 6455 goes.

An ``expect_…`` verb returns what came, or raises :class:`~conformance.core.errors.Nonconformance` with the
accepted set and what occurred. Silence is proven by order: a Ping is sent after what must be ignored, and
what did not arrive before its Pong did not happen.
"""

from __future__ import annotations

from dataclasses import replace

from conformance.client.controls import Controlled, said_of
from conformance.client.talk import Limits, fragments
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import NOTHING, Happened, Kind
from conformance.wire.ending import FAILED, Ending, describe
from conformance.wire.events import Close, Event, Message, Pong, happened
from conformance.wire.frames import CLOSE, Frame, close_payload

__all__ = ["FAILED", "Ending", "Limits", "Peer", "describe", "fragments"]
UNKNOWN = 0xB  # an opcode that no version of the protocol knows
VALID = 4000  # a code that any application may use (RFC 6455 §7.4.2)


class Peer(Controlled):
    """An open WebSocket connection, seen from the client that we are: what is expected of it."""

    async def expect_pong(self, payload: bytes) -> Pong:
        """Expect a Pong with exactly this payload.

        Returns:
            The Pong.

        Raises:
            Nonconformance: it does not come.
            Inconclusive: the application ended the connection before, as it ends it upon what is in order.

        """
        try:
            return await super().expect_pong(payload)
        except Nonconformance:
            if self.objection is not None:
                # An application may read a message piece by piece, and end the connection at the first.
                self.tell_apart(await self.ending(self.limits.prompt, behind=self.limits.prompt / 20))
            raise

    async def expect_silence(self) -> None:
        """Expect no answer to what was sent: a Pong to a later Ping must come before one.

        Raises:
            Nonconformance: a message came before that Pong, or the Pong did not come.

        """
        self.inbox.clear()
        await self.ping()
        answers: list[Event] = [
            one for one in self.inbox if isinstance(one, Pong) and one.payload in self.said
        ]
        answers += self.answering(self.inbox)
        if answers:
            raise Nonconformance(
                "there was an answer to what asks for none",
                expected=["nothing before the Pong to a later Ping"],
                actual=describe(answers[0]),
                happened=happened(answers[0]),
            )

    async def expect_answer(self, *, said: bytes = b"") -> Message:
        """Expect the message that answers what was sent since the last control.

        Args:
            said: what a message meant, where its frames do not show it.

        Returns:
            The message.

        Raises:
            Nonconformance: no such message came in time.

        """
        event = await self.take(lambda one: bool(self.answering([one], said=said)), self.limits.reply)
        if isinstance(event, Message):
            return event
        raise Nonconformance(
            "a message was not answered",
            expected=["an answer"],
            actual=describe(event),
            happened=happened(event),
        )

    async def expect_failed(self, *, code: int | set[int], said: bytes = b"") -> Ending:
        """Expect that the server fails the connection (RFC 6455 §7.1.7), delivering nothing more.

        That it says so with a Close frame, and with ``code``, is judged under requirements of its own.

        Args:
            code: the close code that the RFC names, or several.
            said: what a message meant that was compressed or in pieces.

        Returns:
            How the connection ended.

        Raises:
            Nonconformance: the connection stays open, ends as if all were in order, or the message is
                answered first.

        """
        codes = {code} if isinstance(code, int) else code
        self.inbox.clear()
        ending = await self.failing()
        if not ending.over:
            raise Nonconformance("the server did not fail the connection", expected=FAILED, actual=ending)
        if self.answering(ending.messages, said=said):
            raise Nonconformance(
                "the server answered a message that it had to refuse",
                expected=[f"{one} and no message before it" for one in FAILED],
                actual=ending,
                happened=Happened(Kind.MESSAGE, then=ending.happened),
            )
        self.tell_apart(ending)
        if ending.close is not None and ending.close.code not in codes:
            await self._objects_late(ending)
        self.charge_failure(ending, codes)
        return ending

    async def _objects_late(self, ending: Ending) -> None:
        """Ask again, with more patience, whether the application ends the connection in this way anyway.

        It may end it a moment after the Pong that stood for its consent.
        """
        if self.again is None or not self.twins or self.objection is not None:
            return
        other = self._like(await self.again())
        other.send(*self.twins)
        objection = await other.ending(self.limits.prompt, behind=self.limits.prompt / 20)
        other.connection.shut()
        if objection.over:
            self.objection, self.tried = objection, said_of(self.twins)
            self.tell_apart(ending)

    def tell_apart(self, ending: Ending) -> None:
        """Judge nothing where the application ends the connection in this way whatever it is told.

        Raises:
            Inconclusive: it does.

        """
        if self.objection is not None and self.objection.sign == ending.sign:
            raise Inconclusive(
                f"the application ends the connection anyway: {self.objection} to {self.tried}, "
                f"and {ending} to the same with its fault"
            )

    async def expect_close_refused(self, *, sent: int | None, code: int | set[int]) -> Ending:
        """Expect that a Close frame with a fault fails the connection instead of being answered in kind.

        The very answer that a Close frame in order gets treats the fault as if it were in order; another code
        than the RFC names, 1000 too, is judged under a requirement of its own.

        Args:
            sent: the code in the Close frame that was sent, ``None`` where it had none.
            code: the close code that the RFC names, or several.

        Returns:
            How the connection ended.

        Raises:
            Nonconformance: the connection stays open, or the Close frame is answered as one that is in order.

        """
        codes = {code} if isinstance(code, int) else code
        self.inbox.clear()
        ending = await self.failing()
        close = ending.close
        if not ending.over:
            raise Nonconformance("the server did not fail the connection", expected=FAILED, actual=ending)
        if close is not None and await self._in_kind(close, sent):
            raise Nonconformance(
                "a faulty Close frame was answered as if it were in order",
                expected=[f"a Close frame with {min(codes)} or another error code", *FAILED[1:]],
                actual=ending,
            )
        self.charge_failure(ending, {*codes, 1002})
        return ending

    async def _in_kind(self, close: Close, sent: int | None) -> bool:
        """Return whether a Close frame answers a faulty one as if it were in order.

        The code that was sent does. An empty Close, or Close 1000, does where a Close frame in order gets
        that very answer, its reason included, but not from a server that fails every connection so.

        Raises:
            Inconclusive: this server answers by it what is in order and what is not.

        """
        if close.code is not None and close.code == sent:
            return True
        if close.code not in {None, 1000}:
            return False
        if self.again is None:
            return close.code == 1000
        alike = await self._gets(close, None if sent is None else VALID)
        failed = await self._close_to(Frame(UNKNOWN, b"fault"))
        if failed is not None and failed.code == close.code:
            if alike:
                raise Inconclusive(
                    f"this server answers Close frames, and fails connections, by {describe(close)}"
                )
            return False
        return alike or (close.code == 1000 and await self._gets(close, 1000))

    async def _gets(self, close: Close, code: int | None) -> bool:
        """Return whether a Close frame in order, with this code or with none, gets this very answer."""
        answer = await self._close_to(Frame(CLOSE, close_payload(code)))
        return answer is not None and (answer.code, answer.reason) == (close.code, close.reason)

    async def _close_to(self, frame: Frame) -> Close | None:
        """Return the Close frame that answers a frame on another connection."""
        assert self.again is not None
        other = self._like(await self.again())
        other.send(frame)
        ending = await other.ending(behind=self.limits.prompt / 20)
        other.connection.shut()
        return ending.close

    def charge_failure(self, ending: Ending, codes: set[int]) -> None:
        """Charge how a failure was said: by a Close frame, with one of ``codes``."""
        wanted = " or ".join(map(str, sorted(codes)))
        self.recorder.charge(
            "closing.failure-close-frame",
            kept=ending.close is not None,
            message=f"{ending}, no Close frame",
            happened=ending.happened,
        )
        if ending.close is not None:
            self.recorder.charge(
                "closing.failure-code",
                kept=ending.close.code in codes,
                message=f"{ending}, expected Close {wanted}",
                happened=ending.happened,
            )
        self.recorder.observe(str(ending))

    async def expect_close_reply(self) -> Close:
        """Expect a Close frame in answer to ours, and then the end of TCP.

        Returns:
            The Close frame.

        Raises:
            Nonconformance: no Close frame comes, or TCP stays open after it.
            Inconclusive: TLS broke after our Close frame, so that its answer could not be read.

        """
        ending = await self.ending()
        if ending.close is None and self.connection.tls_fault:
            # What came in front of a bad record is lost with it: nobody knows whether it was a Close frame.
            raise Inconclusive(f"TLS broke behind our Close frame: {self.connection.tls_fault}")
        if ending.close is None:
            raise Nonconformance("a Close frame was not answered", expected=["a Close frame"], actual=ending)
        if ending.end is None:
            raise Nonconformance(
                f"{ending.beneath} stays open after the closing handshake",
                expected=[f"the end of {ending.beneath} within {self.limits.close:g} s"],
                actual=ending,
                happened=replace(ending.happened, then=NOTHING),
            )
        return ending.close
