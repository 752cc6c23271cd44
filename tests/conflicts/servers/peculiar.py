"""WebSocket servers with one peculiarity each: ``python peculiar.py PORT WHAT [DETAIL] [--tls PEM]``."""

import argparse
import asyncio
import ssl

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("what", nargs="?", default="echoes")
parser.add_argument("detail", nargs="?", default="")
parser.add_argument("--tls")
options = parser.parse_args()


def answer(status, reason, **headers):
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(status, reason, named, b"")


def process_request(connection, request):
    path = request.path.partition("?")[0]
    match options.what:
        case "serves-only" if path != options.detail:
            return answer(404, "Not Found")
        case "redirects" if path != options.detail:
            return answer(301, "Moved Permanently", Location=f"{options.detail}?echo={request.path}")
        case "wants-token" if "token=good" not in request.path:
            return answer(401 if path == "/ws/" else 404, "No")
        case "forbids":
            return answer(403, "Forbidden")
        case "fails":
            return answer(500, f"Broken \x1b[31m{options.detail}")
    return None


def process_response(connection, request, response):
    if options.what == "names-subprotocol":
        response.headers["Sec-WebSocket-Protocol"] = options.detail
    elif options.what == "wrong-accept" and response.status_code == 101:
        del response.headers["Sec-WebSocket-Accept"]
        response.headers["Sec-WebSocket-Accept"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
    return response


async def handler(connection):
    if options.what == "closes":
        await connection.close(int(options.detail), "because")
    elif options.what == "drops":
        connection.transport.abort()
    else:
        async for message in connection:
            await connection.send(message)


async def main():
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls)
    chooses = None if options.what != "chooses-no-subprotocol" else (lambda _connection, _offered: None)
    async with serve(
        handler, "127.0.0.1", options.port, ssl=context, select_subprotocol=chooses,
        process_request=process_request, process_response=process_response,
    ) as server:  # fmt: skip
        await server.serve_forever()


asyncio.run(main())
