"""The certificates that a server sends, whether they are trusted or not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """The chain as sent, the leaf first: subject and issuer of each certificate as one line of names."""

    names: tuple[tuple[str, str], ...]

    @property
    def count(self) -> str:
        """How many certificates were sent, in words."""
        return "one certificate is" if len(self.names) == 1 else f"{len(self.names)} certificates are"

    @property
    def last_issuer(self) -> str:
        """Who issued the last certificate that was sent."""
        return self.names[-1][1]

    @property
    def stops_short(self) -> bool:
        """Whether the last certificate is not a root: its issuer is another, and was not sent."""
        subject, issuer = self.names[-1]
        return subject != issuer and all(issuer != one for one, _ in self.names)

    @property
    def lines(self) -> list[str]:
        """Each certificate as evidence."""
        return [f"{subject}, issued by {issuer}" for subject, issuer in self.names]

    def issuer_trusted(self, context: ssl.SSLContext | None) -> bool:
        """Return whether the last issuer is among the authorities of a context, as far as it names them."""
        trusted = context.get_ca_certs() if context is not None else []
        return any(_line(one.get("subject", ())) == self.last_issuer for one in trusted)


def chain_of(address: str, port: int, host: str, timeout: float) -> Sent | None:
    """Return the certificates that a server sends, in their order; ``None`` where they cannot be had.

    Args:
        address: the address to connect to.
        port: its port.
        host: the name that is sent as SNI.
        timeout: the bound of connection and handshake, in seconds.

    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        contextlib.suppress(OSError, AttributeError, ValueError),
        socket.create_connection((address, port), timeout) as raw,
        context.wrap_socket(raw, server_hostname=host) as stream,
    ):
        # Public since Python 3.13; before that the object beneath has it (3.10 and later).
        reader: Any = getattr(stream, "get_unverified_chain", None) or stream._sslobj.get_unverified_chain  # type: ignore[attr-defined] # noqa: SLF001
        names = tuple(_names(one) for one in reader())
        return Sent(names) if names else None
    return None


def _names(certificate: Any) -> tuple[str, str]:
    found = _decoded(certificate) if isinstance(certificate, bytes) else certificate.get_info()
    return _line(found.get("subject", ())), _line(found.get("issuer", ()))


def _decoded(der: bytes) -> Mapping[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(der))
        file.flush()
        decoded: Mapping[str, Any] = ssl._ssl._test_decode_cert(Path(file.name))  # type: ignore[attr-defined] # noqa: SLF001
        return decoded


def _line(name: Any) -> str:
    pairs = [pair for group in name for pair in group]
    common = [value for key, value in pairs if key == "commonName"]
    return common[0] if common else ", ".join(f"{key}={value}" for key, value in pairs) or "no name"
