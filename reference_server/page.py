"""The test page: one HTML file that needs nothing from elsewhere, under a policy that says so.

The page carries its Content-Security-Policy in a `<meta>`, so that it holds when the file is opened from
disk. Whoever serves it sends the same policy as a header, with what only a header can say. The policy
names script and style sheet by their hashes: after a change of the page, `python -m reference_server.page`
writes them anew.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Response

FILE = Path(__file__).with_name("page.html")
SERVER_URL = '<meta name="server-url" content="{}">'

_POLICY = re.compile(r'(?<=<meta http-equiv="Content-Security-Policy" content=")[^"]*')


@functools.cache
def page(server_url: str = "") -> tuple[bytes, dict[str, str]]:
    """Return the page in UTF-8 and the headers to send it with.

    `server_url` is the WebSocket URL that the page begins with; empty, it is the server of the page.
    """
    text = FILE.read_text(encoding="utf-8")
    filled = text.replace(SERVER_URL.format(""), SERVER_URL.format(html.escape(server_url)))
    return filled.encode(), {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"{policy(text)}; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def policy(text: str) -> str:
    """Return the policy of a page: its one script, its one style sheet, and WebSockets to anywhere.

    Anywhere, because the page's purpose is to connect to the URL that is typed in.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(text, 'script')}",
            f"style-src {_hashes(text, 'style')}",
            "img-src data:",
            "connect-src ws: wss:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def sealed(text: str) -> str:
    """Return a page with the policy that fits it."""
    return _POLICY.sub(policy(text), text, count=1)


def _hashes(text: str, element: str) -> str:
    contents = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
    digests = [hashlib.sha256(content.encode()).digest() for content in contents]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def page_response(connection: ServerConnection) -> Response:
    """Return the page as an HTTP response."""
    body, headers = page()
    response = connection.respond(200, body.decode())
    del response.headers["Content-Type"]
    response.headers.update(headers)
    return response


if __name__ == "__main__":
    FILE.write_text(sealed(FILE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
