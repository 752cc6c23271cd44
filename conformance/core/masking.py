"""Masking: every secret of a run, found in a text in whatever encoding it stands there.

A *strong* secret is masked wherever it stands. A *weak* one, short or a word of the protocol such as ``4`` or
``websocket``, is masked only behind its name, as in ``name=value`` or ``Name: value``. Elsewhere it tells
nothing, and a report full of masks tells nothing either.
"""

from __future__ import annotations

import base64
import functools
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

MASKED = "[secret]"
SHORT, LONG = 4, 16
_DRAWN = re.compile(r"(?=.*\d)(?=.*[^\d\W]).{8,}", re.DOTALL)
_SECRETIVE = re.compile(
    r"token|secret|passw|pwd|key|credential|auth|cookie|session|ticket|jwt", re.IGNORECASE
)
# What stands in handshakes, URLs and messages of everybody.
WORDS = frozenset(
    """
    accept auth authorization basic bearer binary chat close cookie deflate echo false
    graphql-transport-ws graphql-ws guest gzip header http https json keep-alive localhost login
    message mqtt none null origin ping polling pong query session subprotocol text token true
    undefined upgrade user v10.stomp v11.stomp v12.stomp websocket
    """.split()  # noqa: SIM905 - words are read better in a row
)
# Names by which a token is sent where nobody said how.
PLACES = ("token", "access_token", "session", "bearer", "Authorization", "Sec-WebSocket-Protocol")
_LEAST_CUT = 8  # characters of a secret, cut short, that are still taken for it
_ESCAPES = re.compile(r"%[0-9A-Fa-f]{2}|[\\+]|&[#\w]")
_BACKSLASHES = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|)")
_RUN = re.compile(r"[\w+/=-]{12}")  # as base64 and hex without spaces have them
_DUMP = re.compile(r"(?:[0-9A-Fa-f]{2}[\s:]+){5}")
_SPACE = re.compile(r"[\s:]+")
_REMEMBERED = (
    2_000  # texts, of at most so many characters: the same rules and headers are told again and again
)
_WORDY = re.compile(r"[^\W\d]+(?:[-. ][^\W\d]+)*[-. ]?")
_CUT = re.compile(r"['\"]?\s*(?:…|\.\.\.|$)")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, the name that it is sent under, and the environment variable that a script reads it from.

    One that is not ``sure``, such as any member of a query, is masked everywhere only where it looks drawn.
    """

    value: str
    name: str = ""
    variable: str = ""
    sure: bool = True

    @property
    def weak(self) -> bool:
        """Whether the value stands in many texts that have nothing to do with the secret."""
        value = self.value.lower()
        if not self.sure and not (_DRAWN.fullmatch(value) or len(value) >= LONG):
            return True
        return len(value) < SHORT or value in WORDS


class Mask:
    """All secrets of a run. Calling it with a text returns the text without them."""

    def __init__(self) -> None:
        self.secrets: dict[str, Secret] = {}
        self._strong: tuple[str, ...] = ()
        self._in_base64: tuple[str, ...] = ()
        self._ends: tuple[tuple[str, str, str], ...] = ()
        self._in_place: re.Pattern[str] | None = None
        self._shortest = 0
        self._known: dict[str, str] = {}

    def add(self, *secrets: str | Secret) -> None:
        """Mask these from now on; a plain text is a secret without a name."""
        for one in secrets:
            secret = one if isinstance(one, Secret) else Secret(one)
            known = self.secrets.get(secret.value)
            if secret.value and (known is None or not known.variable):
                self.secrets[secret.value] = secret
        found = self.secrets.values()
        # The longest first, so that none is cut by a shorter one.
        self._strong = tuple(sorted((one.value for one in found if not one.weak), key=len, reverse=True))
        cores = {core for value in self._strong for core in _base64(value.encode("utf-8", "surrogatepass"))}
        self._in_base64 = tuple(sorted(cores, key=len, reverse=True))
        self._ends = tuple(
            (one, one[:_LEAST_CUT], one[-_LEAST_CUT:]) for one in self._strong if len(one) > _LEAST_CUT
        )
        self._shortest = min(_LEAST_CUT, *map(len, self._strong)) if self._strong else 0
        places = [_in_place(one) for one in found if one.weak]
        self._in_place = re.compile("|".join(places), re.IGNORECASE) if places else None
        self._known.clear()

    def __call__(self, text: str) -> str:
        """Return a text without any secret."""
        known = self._known.get(text)
        if known is None:
            known = self._masked(text)
            if len(text) <= _REMEMBERED:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[text] = known
        return known

    def _masked(self, text: str) -> str:
        if self._in_place is not None:
            text = self._in_place.sub(_behind_its_name, text)
        if not self._strong or len(text) < self._shortest:
            return text
        for value in self._strong:
            if value in text:
                text = text.replace(value, MASKED)
        if _ESCAPES.search(text):
            text = self._without_escaped(text)
        if _RUN.search(text) or _DUMP.search(text):
            text = self._without_encoded(text)
        for value, head, tail in self._ends:
            if head in text or tail in text:
                text = _without_cut(text, value)
        return text

    def _without_escaped(self, text: str) -> str:
        plain = _plain(text)
        spaced = plain.replace("+", " ")
        for value in self._strong:
            if value in plain or value.replace("+", " ") in spaced:
                text = _escaped(value).sub(MASKED, text)
        return text

    def _without_encoded(self, text: str) -> str:
        for core in self._in_base64:
            if core in text:
                text = text.replace(core, MASKED)
        digits = _SPACE.sub("", text).lower()
        for value in self._strong:
            if _hex(value) in digits:
                text = _dumped(value).sub(MASKED, text)
        return text


def _plain(text: str) -> str:
    """Return a text with its escapes resolved, those of several layers too."""
    for _ in range(3):
        before = text
        text = unquote(html.unescape(_BACKSLASHES.sub(_character_of, text)))
        if text == before:
            break
    return text


def cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """Return plain data with every text in it cleaned; keys stay, tuples become lists."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {key: cleaned(one, clean) for key, one in value.items()}
        case list() | tuple():
            return [cleaned(one, clean) for one in value]
    return value


def _character_of(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else ""


def _base64(encoded: bytes) -> Iterator[str]:
    """Yield what base64 makes of a secret wherever in a longer text it begins, such as behind ``user:``."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + encoded)
        # What depends on the bytes around it is left out at both ends.
        first = (8 * before + 5) // 6
        last = (8 * (before + len(encoded))) // 6
        core = whole[first:last].decode()
        if len(core) >= SHORT + 2:
            yield from (core, core.replace("+", "-").replace("/", "_"))


@functools.cache
def _hex(value: str) -> str:
    return value.encode("utf-8", "surrogatepass").hex()


@functools.cache
def _escaped(value: str) -> re.Pattern[str]:
    """Return a pattern of a secret in which any character may be escaped: in URLs, JSON, Python or HTML."""
    return re.compile("".join(map(_character, value)))


def _character(one: str) -> str:
    code = ord(one)
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in one.encode("utf-8", "surrogatepass"))
    forms = [re.escape(one), rf"\\+{re.escape(one)}" if not one.isalnum() else "", f"(?i:{percent})"]
    forms += [rf"(?i:\\+u{code:04x})" if code < 0x10000 else ""]
    forms += [rf"(?i:\\+x{code:02x})" if code < 0x100 else "", rf"(?i:&#(?:0*{code}|x0*{code:x});)"]
    forms += [re.escape(html.escape(one)) if html.escape(one) != one else "", r"\+" if one == " " else ""]
    return f"(?:{'|'.join(filter(None, forms))})"


@functools.cache
def _dumped(value: str) -> re.Pattern[str]:
    """Return a pattern of a secret's bytes in hex, also over the lines of a dump."""
    return re.compile(
        r"[\s:]*".join(f"{byte:02x}" for byte in value.encode("utf-8", "surrogatepass")), re.IGNORECASE
    )


def _without_cut(text: str, value: str) -> str:
    """Return a text with a secret's beginning or end masked where the rest of it was cut off."""
    head, tail = value[:_LEAST_CUT], value[-_LEAST_CUT:]
    at = text.find(head)
    while at >= 0:
        end = at + _LEAST_CUT
        while end < len(text) and end - at < len(value) and text[end] == value[end - at]:
            end += 1
        seen = text[at:end]
        told = 4 * len(seen) >= 3 * len(value) or (not _named_alike(seen, value) and _CUT.match(text, end))
        if told:
            text = text[:at] + MASKED + text[end:]
        at = text.find(head, at + (len(MASKED) if told else 1))
    # The other end: a text of which only the last characters were kept.
    at = text[: len(value) + 2].find(tail)
    if at >= 0:
        end = at + _LEAST_CUT
        if value.endswith(text[:end].lstrip("… ")) and not text[:end].isalpha():
            text = MASKED + text[end:]
    return text


def _named_alike(seen: str, value: str) -> bool:
    """Return whether a text has whole words in common with a secret's beginning.

    A requirement's id may have some.
    """
    words = _WORDY.fullmatch(seen)
    return words is not None and (seen[-1] in "-. " or not value[len(seen) : len(seen) + 1].isalnum())


def _in_place(secret: Secret) -> str:
    """Return a pattern of a weak secret behind its name, in a query, a cookie, a header or JSON."""
    names = "|".join(re.escape(one) for one in ((secret.name,) if secret.name else PLACES))
    value = "|".join({re.escape(secret.value), re.escape(quote(secret.value, safe=""))})
    between = r"(?:=|%3D|\\*\"?\s*:\s*\\*\"?)(?:(?:bearer|basic|token)[\s,.]+)?"
    return rf"(?<![\w-])(?:{names}){between}(?:{value})(?![\w-])"


def _behind_its_name(match: re.Match[str]) -> str:
    name = re.match(r"[\w-]+(?:=|%3D|\\*\"?\s*:\s*\\*\"?)", match[0], re.IGNORECASE)
    return (name[0] if name else "") + MASKED


def named(pairs: Iterable[tuple[str, str]], kind: str) -> Iterator[Secret]:
    """Yield secrets from names and values; ``kind`` begins their environment variables."""
    for name, value in pairs:
        if value:
            variable = re.sub(r"[^A-Z0-9_]", "_", f"{kind}_{name}".upper())
            yield Secret(value, name, variable, sure=secretive(name))


def secretive(name: str) -> bool:
    """Return whether a name says that what it names is secret."""
    return _SECRETIVE.search(name) is not None
