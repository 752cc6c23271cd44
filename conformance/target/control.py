"""The control interface: how a tester causes a change on the target.

What goes wrong here is the environment's fault, never the target's: every failure is Inconclusive.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from conformance.errors import Inconclusive


class HttpControl:
    """``POST {base}/{action}?parameters`` as the specification says; 204 means done and visible."""

    def __init__(self, base: str, timeout: float, clean: Callable[[str], str]) -> None:
        parts = urlsplit(base)
        self._secure = parts.scheme == "https"
        self._netloc = parts.netloc
        self._path = parts.path.rstrip("/")
        self._timeout = timeout
        self._clean = clean
        self._connection: http.client.HTTPConnection | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, action: str, **parameters: object) -> None:
        """Cause a change and return when it is visible.

        Raises:
            Inconclusive: the control interface could not be reached, or did not answer 204.

        """
        status = await self.status(action, **parameters)
        if status != 204:
            what = self._clean(urlencode({k: str(v) for k, v in parameters.items()}))
            raise Inconclusive(f"the control interface answered {status} to {action}?{what}, expected 204")

    async def status(self, action: str, **parameters: object) -> int:
        """Cause a change and return the HTTP status of the answer."""
        query = urlencode({key: str(value) for key, value in parameters.items()})
        async with self._turn:
            return await asyncio.to_thread(
                self._post, f"{self._path}/{action}" + (f"?{query}" if query else "")
            )

    def _post(self, target: str) -> int:
        for fresh in (False, True):
            try:
                if self._connection is None or fresh:
                    kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
                    self._connection = kind(self._netloc, timeout=self._timeout)
                self._connection.request("POST", target, headers={"Content-Length": "0"})
                response = self._connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may have been closed meanwhile; what timed out may have been carried out.
                if fresh or self._connection is None or not isinstance(error, ConnectionError):
                    raise Inconclusive(f"the control interface at {self._netloc} failed: {error}") from None
            else:
                if response.will_close:
                    self._connection.close()
                return response.status
        return 0

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
