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


def answer(status, reason, body=b"", **headers):
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    named["Content-Length"] = str(len(body))
    return Response(status, reason, named, body)


def process_request(connection, request):  # noqa: C901, PLR0911, PLR0912 - a table of peculiarities
    path = request.path.partition("?")[0]
    match options.what:
        case "serves-only" if path != options.detail:
            return answer(404, "Not Found")
        case "redirects" if path != options.detail:
            return answer(301, "Moved Permanently", Location=f"{options.detail}?echo={request.path}")
        case "wants-token" if "token=good" not in request.path:
            return answer(401 if path == "/ws/" else 404, "No")
        case "wants-exact-connection" if request.headers["Connection"] != "Upgrade":
            return answer(400, "Bad Request")
        case "fears-compression" if "Sec-WebSocket-Extensions" in request.headers:
            return answer(500, "Internal Server Error")
        case "fears-browsers" if "Sec-Fetch-Mode" in request.headers:
            return answer(400, "Bad Request")
        case "wants-basic" if "Authorization" not in request.headers:
            return answer(401, "Unauthorized", WWW_Authenticate='Basic realm="staff"')
        case "airplay":
            return answer(403, "Forbidden", Server="AirTunes/775.3.1")
        case "sockjs" if path != f"{options.detail}/websocket":
            return answer(400, "Bad Request", body=b"Welcome to SockJS!\n")
        case "engine-io" if "transport=websocket" not in request.path:
            return answer(400, "Bad Request", body=b'{"code":0,"message":"Transport unknown"}')
        case "catches-all" if path != "/socket":
            return answer(200, "OK", body=b"<!doctype html><title>App</title>", Content_Type="text/html")
        case "takes-small" if len(request.headers.get("Cookie", "")) > 100:
            return answer(431, "Request Header Fields Too Large")
        case "compares-origin" if request.headers.get("Origin", "").partition("//")[2] not in {
            "",
            request.headers["Host"],
        }:
            return answer(403, "Forbidden")
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
        server_header=None if options.what == "airplay" else "peculiar",
    ) as server:  # fmt: skip
        await server.serve_forever()


asyncio.run(main())
