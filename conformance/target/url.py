"""The ``--server-url``: ws, wss, http or https, a host, a port, a path or a path prefix, and a query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from conformance.core.errors import UsageProblem

ENDPOINTS = "/ws/permissions/"
_SECURE = {"ws": False, "http": False, "wss": True, "https": True}


@dataclass(frozen=True, slots=True)
class ServerURL:
    """A parsed server URL.

    ``prefix`` stands before every endpoint's path and has no slash at its end; ``path`` is what the user
    gave, for a server that speaks no permissions protocol but WebSocket on just that path. ``query`` goes
    with every opening handshake, as it was given. It may hold tokens, so ``str`` leaves it out.
    """

    secure: bool
    host: str
    port: int
    prefix: str
    path: str
    query: str = ""

    @property
    def names_a_path(self) -> bool:
        """Whether the user named a path, and not the server alone."""
        return self.path not in {"", "/"}

    @property
    def given(self) -> str:
        """The URL with its query, which is a secret."""
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://{self.authority}{self.path}{f'?{self.query}' if self.query else ''}"

    def asking(self, target: str) -> str:
        """Return a request target with the URL's query behind its own."""
        if not self.query:
            return target
        return f"{target}{'&' if '?' in target else '?'}{self.query}"

    def asking_bytes(self, target: bytes) -> bytes:
        """Return a request target of any bytes with the URL's query behind its own."""
        return self.asking(target.decode("latin-1")).encode("latin-1") if self.query else target

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin of a page that the server itself would serve."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    def __str__(self) -> str:
        """Return the URL in its ws or wss form."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.prefix or self.path}"


EXAMPLE = "ws://localhost:8000"


class WrongURL(UsageProblem):
    """A text that is not the URL of a server; ``what`` says why."""

    def __init__(self, text: str, what: str) -> None:
        shown = re.sub(r"//[^/]*@", "//…@", text).split("?")[0]
        super().__init__(f"--server-url {shown!r}: {what}.\nAn example: --server-url={EXAMPLE}")
        self.shown = shown
        self.what = what

    def said_by(self, command: str) -> str:
        """Return the message of a command whose argument the URL is."""
        return f"{command} {self.shown!r}: {self.what}.\nAn example: {command} {EXAMPLE}"


def parse(text: str) -> ServerURL:
    """Parse a server URL.

    Returns:
        The URL, taken apart.

    Raises:
        WrongURL: it is none; the message says what is wrong and shows one that is right.

    """
    if not text.isprintable() or " " in text:
        raise WrongURL(text, "it holds blanks or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise WrongURL(text, str(error)) from None
    if parts.scheme.lower() not in _SECURE:
        raise WrongURL(text, f"the scheme {parts.scheme!r} is none of ws, wss, http, https")
    if not parts.hostname:
        raise WrongURL(text, "there is no host in it")
    if port == 0:
        raise WrongURL(text, "port 0 is no port that a server listens on")
    if parts.username is not None or parts.password is not None:
        raise WrongURL(text, "credentials belong in the profile, not in the URL")
    if parts.fragment or "#" in text:
        raise WrongURL(text, "a WebSocket URL has no fragment (RFC 6455 §3)")
    secure = _SECURE[parts.scheme.lower()]
    path = parts.path or "/"
    prefix = path.split(ENDPOINTS, 1)[0] if ENDPOINTS in path + "/" else path
    return ServerURL(
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        prefix=prefix.removesuffix(ENDPOINTS.rstrip("/")).rstrip("/"),
        path=path,
        query=parts.query,
    )
