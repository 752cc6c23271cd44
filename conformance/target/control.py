"""The control interface: how a tester causes a change on the target.

Three forms answer alike: HTTP here, a command or a Python callable in
:mod:`conformance.target.control_kinds`.
What goes wrong in any of them is the environment's fault, never the target's: every failure is Inconclusive.
"""

from __future__ import annotations

import abc
import asyncio
import http.client
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode, urlsplit

from conformance.core.errors import Inconclusive

DONE, BAD_PARAMETER, UNKNOWN, FAULT = 204, 400, 404, 500
MAX_ANSWER = 64 * 1024  # bytes of an answer that nobody needs
START_BOUND = 3.0  # seconds that the interface may begin to listen after the server itself
POLL = 0.02
HINTS = {
    301: "name its final URL: a redirect is not followed",
    302: "name its final URL: a redirect is not followed",
    308: "name its final URL: a redirect is not followed",
    401: "let loopback clients in without logging in",
    BAD_PARAMETER: "it did not understand a parameter",
    403: "a CSRF check or a rule on addresses may stand before it",
    UNKNOWN: "it knows no such action, user or token",
    405: "it has to accept POST",
}


class Control(abc.ABC):
    """One form of the control interface. Answers are given as HTTP statuses whatever the form."""

    def __init__(self, timeout: float, clean: Callable[[str], str]) -> None:
        self.timeout = timeout
        self.clean = clean
        self._turn = asyncio.Lock()  # changes are made one by one, or their order would mean nothing

    async def __call__(self, action: str, **parameters: object) -> None:
        """Cause a change and return when it is visible.

        Raises:
            Inconclusive: the control interface could not be reached, or did not answer that it is done.

        """
        status, said = await self.answer(action, **parameters)
        if status != DONE:
            raise Inconclusive(self.clean(said))

    async def status(self, action: str, **parameters: object) -> int:
        """Cause a change.

        Returns:
            The status of the answer, whatever it is.

        """
        return (await self.answer(action, **parameters))[0]

    async def answer(self, action: str, **parameters: object) -> tuple[int, str]:
        """Cause a change.

        Returns:
            The status of the answer, and what to say of one that is not 204.

        """
        texts = {name: str(value) for name, value in parameters.items()}
        async with self._turn:
            return await self._cause(action, texts)

    @abc.abstractmethod
    async def _cause(self, action: str, parameters: dict[str, str]) -> tuple[int, str]:
        """Cause one change."""

    def close(self) -> None:  # noqa: B027 - most forms keep nothing open
        """Leave nothing open."""


def query_of(parameters: dict[str, str]) -> str:
    """Return parameters as a query, percent-encoded: a blank is %20, which no decoder mistakes."""
    return urlencode(parameters, quote_via=quote, safe="")


class HttpControl(Control):
    """``POST {base}/{action}?parameters`` as the specification says; 204 means done and visible."""

    def __init__(self, base: str, timeout: float, clean: Callable[[str], str]) -> None:
        super().__init__(timeout, clean)
        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._netloc = parts.netloc
        self._path = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None
        self._starting = True

    async def _cause(self, action: str, parameters: dict[str, str]) -> tuple[int, str]:
        query = query_of(parameters)
        target = f"{self._path}/{action}" + (f"?{query}" if query else "")
        try:
            async with asyncio.timeout(2 * self.timeout):
                status = await asyncio.to_thread(self._post, target)
        except TimeoutError:  # http.client bounds each read, not all of them together
            self.close()
            raise Inconclusive(
                f"the control interface at {self._netloc} gave no whole answer within {2 * self.timeout:g} s"
            ) from None
        hint = f" ({HINTS[status]})" if status in HINTS else ""
        return status, f"the control interface answered {status} to {action}?{query}, expected 204{hint}"

    def _post(self, target: str) -> int:
        for fresh in (False, True):
            try:
                if self._connection is None or fresh:
                    self._connection = self._connect()
                self._connection.request("POST", target, headers={"Content-Length": "0"})
                response = self._connection.getresponse()
                whole = response.length is not None and response.length <= MAX_ANSWER
                response.read(None if whole else MAX_ANSWER)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may have been closed meanwhile; what timed out may have been carried out.
                if fresh or self._connection is None or not isinstance(error, ConnectionError):
                    raise Inconclusive(f"the control interface at {self._netloc} failed: {error}") from None
            else:
                if response.will_close or not response.isclosed():
                    self._connection.close()
                return response.status
        return 0

    def _connect(self) -> http.client.HTTPConnection:
        """Connect.

        A server just started may open this port a moment after its own: that is waited for once.

        Returns:
            The connection.

        Raises:
            ConnectionRefusedError: nobody listens.

        """
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._netloc, timeout=self.timeout)
        deadline = time.monotonic() + min(START_BOUND, self.timeout)
        while True:
            try:
                connection.connect()
            except ConnectionRefusedError:
                if not self._starting or time.monotonic() > deadline:
                    self._starting = False
                    raise
                time.sleep(POLL)
            else:
                self._starting = False
                return connection

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
