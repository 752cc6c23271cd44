"""Repeat every finding of docs/findings.md with a raw socket, and say what is still true.

Arguments are patterns of requirements: ``python -m tests.findings 'deflate.*' --server 'uvicorn*'``. For each
finding and stack: *breach*, what was sent, what came back; *mended*, where it is not true any more; *new*,
where a stack does what only others were known for. The exit code is 1 if any is mended or new, or if nothing
could be repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from tests.findings.exchange import Sent, talk
from tests.findings.frames import FRAMES, NGINX
from tests.findings.http2 import HTTP2
from tests.findings.servers import ALL, Server
from tests.findings.table import DEFLATE, HANDSHAKE, Finding

FINDINGS = (*HANDSHAKE, *DEFLATE, *FRAMES, *HTTP2, *NGINX)


def repeat(server: Server, findings: Sequence[Finding]) -> Iterator[tuple[str, Finding, Sent, str]]:
    """Yield what has become of each finding on one server."""
    with server.running() as port:
        for one in findings:
            answer = talk(port, one.sent)
            seen, expected = one.breach(answer), server.name in one.servers
            words = {
                (True, True): "breach",
                (True, False): "new",
                (False, True): "mended",
                (False, False): "kept",
            }
            yield words[seen, expected], one, one.sent, str(answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Repeat and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("requirements", nargs="*", default=["*"])
    parser.add_argument("--server", action="append", default=[], help="a pattern of names; may be repeated")
    parser.add_argument("--all", action="store_true", help="show also where the requirement is kept")
    options = parser.parse_args(arguments)
    asked = [
        one for one in FINDINGS if any(fnmatchcase(one.requirement, name) for name in options.requirements)
    ]
    counts: Counter[str] = Counter()
    for server in ALL:
        own = [one for one in asked if server.name in one.servers or server.name in one.others]
        if not own or not any(fnmatchcase(server.name, name) for name in options.server or ["*"]):
            continue
        if missing := server.missing():
            print(f"== {server.name}: not repeated: {missing}", flush=True)
            continue
        print(f"== {server.name} ({server.versions()})", flush=True)
        for word, finding, sent, received in repeat(server, own):
            counts[word] += 1
            if word != "kept" or options.all:
                print(f"{word:<7} {finding.requirement}: {finding.what}")
                print(f"        sent:     {_sent(sent)}\n        received: {received[:300]}", flush=True)
    print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())) or "nothing was repeated")
    return 0 if counts["breach"] and not counts["mended"] + counts["new"] else 1


def _sent(sent: Sent) -> str:
    if sent.raw:
        steps = ", then ".join(step.hex(" ") for step, _ in sent.raw)
        return f"{steps}, then {sent.frames.hex(' ') or 'nothing'}"
    opening = sent.opening
    head = [opening.line, *(f"without {name}" for name in opening.without), *opening.more]
    behind = [f"in its segment {sent.at_once.hex(' ')}"] if sent.at_once else []
    behind += [f"then {sent.frames.hex(' ')}"] if sent.frames else []
    return " | ".join(["H: " + head[0], *head[1:], *behind])


if __name__ == "__main__":
    sys.exit(main())
