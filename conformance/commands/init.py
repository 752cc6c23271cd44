"""`conformance init URL`: look at a running server and write a commented profile to start from.

Nothing secret is sent and nothing is abused: some opening handshakes, one with an invented token for each
carrier, one heartbeat, one text. What only its team knows stands in the profile as a comment.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.client.recorder import Recorder
from conformance.client.session import Json
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable, UsageProblem
from conformance.target.attempt import Attempt
from conformance.target.probe import endpoint_of, probe
from conformance.target.profile import CARRIERS, Profile
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.target.url import WrongURL, parse
from conformance.verdict.families import families
from conformance.wire.events import Close, Message

INVENTED = "conformance-init-invented-token"
FOREIGN = "https://conformance-init.invalid"
DEFAULT = Path("conformance.toml")


@dataclass(slots=True)
class Findings:
    """What a look at a server showed, without any secret."""

    url: str
    server: str | None = None
    closed: str = ""
    confirmation: Json = field(default_factory=dict)
    first: str = ""
    echoes: bool = False
    heartbeat: bool = False
    deflate: bool = False
    carriers: dict[str, str] = field(default_factory=dict)
    foreign_origin: str = ""
    checks_origin: bool = False


def init(url: str, output: Path, profile: Profile, *, force: bool = False) -> int:
    """Look at a server and write its profile.

    Args:
        url: of the server.
        output: the file to write.
        profile: what is known of the server already.
        force: whether a file that is there is overwritten.

    Returns:
        0, 4 for a user's mistake, 10 without a server.

    """
    if output.exists() and not force:
        print(
            f"{output} is there already: --force overwrites it, --output=FILE writes another.",
            file=sys.stderr,
        )
        return 4
    try:
        found = asyncio.run(look(url, profile))
        output.write_text(rendered(found, profile), "utf-8")
    except WrongURL as problem:
        print(problem.said_by("conformance init"), file=sys.stderr)
        return 4
    except UsageProblem as problem:
        print(problem, file=sys.stderr)
        return 4
    except Inconclusive as trouble:
        print(f"{trouble}. No profile was written.", file=sys.stderr)
        return 10
    except OSError as error:
        print(f"--output {output}: {error.strerror}.", file=sys.stderr)
        return 4
    kind = "closed to clients without a token" if found.closed else "the permissions protocol"
    if not found.closed and not found.confirmation:
        kind = "WebSocket" + (", it echoes" if found.echoes else "")
    named = "" if output == DEFAULT else f" --profile={output}"
    print(
        f"{output} is written for {found.url} ({kind}). Read its comments, then run: conformance run{named}"
    )
    return 0


async def look(url: str, profile: Profile) -> Findings:
    """Find out what a server shows to a client that knows nothing.

    Returns:
        What it shows.

    Raises:
        Unreachable: there is no server, or none that speaks WebSocket.
        UsageProblem: the URL is none.

    """
    parsed = parse(url)
    target = Target(
        url=parsed, profile=profile, endpoint=endpoint_of(parsed, profile), recorder=Recorder(), run_id="init"
    )
    found = Findings(str(parsed))
    try:
        await probe(target, scale=1.0)
    except Unreachable:
        attempt = await target.attempt(target.opening(target.at(OWN)))
        attempt.connection.shut()
        if attempt.status not in {401, 403}:
            raise
        found.closed = str(attempt)
        return found
    found.server = target.found.server
    found.heartbeat, found.deflate = target.has("heartbeat"), target.has("deflate")
    await _listen(target, found)
    found.carriers = {
        carrier: why for carrier in CARRIERS if (why := await _reads(target, carrier, found.confirmation))
    }
    attempt = await target.attempt(target.opening(origin=FOREIGN))
    attempt.connection.shut()
    found.foreign_origin, found.checks_origin = str(attempt), not attempt.upgraded
    return found


async def _listen(target: Target, found: Findings) -> None:
    """Hear the first message; where there is none, see whether a text comes back."""
    async with target.upgraded(target.opening()) as client:
        try:
            found.confirmation = await client.confirmed() if target.has("session") else {}
        except Nonconformance:
            found.confirmation = {}
        if found.confirmation:
            return
        event = await client.take(lambda one: isinstance(one, Message), target.limits.prompt)
        if isinstance(event, Message):
            found.first = event.content[:2000].decode(errors="backslashreplace")
        content = b"conformance init: does this come back?"
        client.send_text(content)
        echo = await client.take(
            lambda one: isinstance(one, Message) and one.content == content, target.limits.prompt
        )
        found.echoes = isinstance(echo, Message)


async def _reads(target: Target, carrier: str, confirmation: Json) -> str:
    """Return what an invented token in a carrier changed, or an empty string: it is not read there."""
    if carrier == "cookie":  # a cookie goes with an Origin, which must not be what is refused
        plain = await target.attempt(target.opening(origin=target.url.origin))
        plain.connection.shut()
        if not plain.upgraded:
            return ""
    attempt = await target.attempt(target.opening(target.path, token=INVENTED, carrier=carrier))
    client = target.client(attempt.connection)
    try:
        if not attempt.upgraded:
            return f"an invented token there was answered {_status(attempt)}"
        chosen = attempt.response.get("Sec-WebSocket-Protocol") if attempt.response else None
        if carrier == "subprotocol" and chosen == "bearer":
            return "the subprotocol bearer was chosen"
        if not confirmation:
            return ""
        event = await client.take(lambda one: isinstance(one, Message | Close), target.limits.reply)
        if isinstance(event, Close):
            return f"an invented token there was answered by Close {event.code}"
        return ""
    finally:
        await client.leave()


def _status(attempt: Attempt) -> str:
    return str(attempt.status) if attempt.status is not None else str(attempt)


def rendered(found: Findings, profile: Profile) -> str:
    """Return the profile: what was found as keys, what would unlock more as comments."""
    parts = [_head(found), _target(found), _tls(found, profile)]
    if found.first and not found.confirmation:
        parts.append(_dialect(found))
    return "\n".join([*filter(None, parts), _credentials(found), _REST])


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


def _inert(text: str, width: int = 300) -> str:
    """Return a server's text as one line of a comment."""
    return json.dumps(text, ensure_ascii=True)[1:-1][:width]


def _head(found: Findings) -> str:
    seen = [f"Server {_inert(found.server, 80)}" if found.server else "no Server header"]
    if found.closed:
        seen.append(f"without a token: {_inert(found.closed)}")
    elif found.confirmation:
        features = found.confirmation.get("features")
        on = (
            [_inert(str(name), 40) for name, value in features.items() if value]
            if isinstance(features, dict)
            else []
        )
        seen.append(f"the permissions protocol, with {', '.join(on) or 'no features'}")
        seen.append("heartbeats are answered" if found.heartbeat else "heartbeats are not answered")
    else:
        seen.append("WebSocket without the permissions protocol")
        seen.append("texts come back: an echo" if found.echoes else "texts do not come back")
    seen.append("permessage-deflate" if found.deflate else "no permessage-deflate")
    return "\n".join(
        [
            "# A profile for the WebSocket conformance suite. Every key: docs/profile.md.",
            "# Lines that begin with # and hold a key unlock more once they are filled in.",
            f"# Seen: {'; '.join(seen)}.",
            "",
        ]
    )


def _target(found: Findings) -> str:
    lines = ["[target]", f"url = {_quoted(found.url)}"]
    lines += [
        "# Started by the suite, a server is judged on its port and its stopping too; {port} is a free one:",
        '# url = "ws://127.0.0.1:{port}"',
        '# start = ["my-server", "--port", "{port}"]',
    ]
    if known := [name for name, family in families().items() if family.fits(found.server or "")]:
        name = min(known, key=len)
        lines.append(
            f'# family = ["{name}"]   # tolerate what {name} itself breaks: conformance spec --families'
        )
    if found.closed:
        lines.append("anonymous = false        # a client without a token was refused")
    elif found.confirmation.get("user_id", 0) is None:
        lines.append("anonymous = true         # a client without a token was confirmed with user_id null")
    if not found.closed:
        lines.append('no_origin = "accept"     # a client without Origin was let in')
        origin = f"an Origin that nobody knows was answered {_inert(found.foreign_origin, 80)}"
        lines.append(
            f"# {origin}: {'name the good ones' if found.checks_origin else 'any page may connect'}."
        )
    lines += ['# allowed_origins = ["https://app.example"]', '# public_permissions = ["news.view"]', ""]
    return "\n".join(lines)


def _tls(found: Findings, profile: Profile) -> str:
    if not found.url.startswith("wss"):
        return ""
    lines = ["[tls]"]
    path = profile.ca_file.resolve() if profile.ca_file else None
    lines.append(f"ca_file = {_quoted(str(path))}" if path else '# ca_file = "authorities.pem"')
    lines.append(
        "insecure = true          # nothing is verified" if profile.insecure else "# insecure = true"
    )
    return "\n".join([*lines, ""])


def _dialect(found: Findings) -> str:
    lines = [
        "# The first message is not the protocol's connection_confirmed:",
        f"# {_inert(found.first)}",
        "# If it means the same by other names, say so here (docs/profile.md, Dialect):",
        "# [dialect.types]",
        f"# connection_confirmed = {_quoted(_type_of(found.first))}",
        "# [dialect.members]",
        '# user_id = "userId"',
        "",
    ]
    return "\n".join(lines)


def _type_of(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    kinds = [one for one in value.values() if isinstance(one, str)] if isinstance(value, dict) else []
    return kinds[0][:60] if kinds else "welcome"


def _credentials(found: Findings) -> str:
    lines = ["# Where tokens are taken: query, header, subprotocol, cookie."]
    lines += [f"# {carrier}: {why}." for carrier, why in found.carriers.items()]
    offered = list(found.carriers) or ["header"]
    return "\n".join(
        [
            *lines,
            f"{'' if found.carriers else '# '}[carriers]",
            f"{'' if found.carriers else '# '}offered = [{', '.join(map(_quoted, offered))}]",
            "",
            "# Two users with good tokens unlock identity, isolation and events.",
            *(
                line
                for number, name in enumerate(("alice", "bob"), 1)
                for line in (
                    f"# [credentials.{name}]",
                    f"# user_id = {number}",
                    f'# token = {{ env = "{name.upper()}_TOKEN" }}      # or {{ file = "{name}.token" }}',
                    "# permissions = []",
                    "",
                )
            ),
            "# Tokens that must be refused:",
            "# [bad_tokens]",
            '# expired = { env = "EXPIRED_TOKEN" }',
            "",
        ]
    )


_REST = """# How the suite causes changes, which unlocks the events (docs/control.md); one of:
# [control]
# http = "http://127.0.0.1:9000/control"
# command = ["python", "manage.py", "conformance", "{action}", "{parameters}"]
# python = "my_control:control"

# Not probed: a server's limit is tried only where it is declared.
# [limits]
# max_message_bytes = 1048576

# What is broken for now, and why; red again once it passes:
# [[known_failure]]
# requirement = "handshake.http-version"
# symptom = "earlier_http_is_not_upgraded[HTTP/1.0]: HTTP 101"
# reason = "the server in front upgrades HTTP/1.0"
"""
