"""Start the application on a server: `python serve.py PORT`, with the server's name in SERVER."""

import os
import sys

# Its lines of level info print the query, and with it the token, also with --no-access-log.
UVICORN = (
    "uvicorn --host 127.0.0.1 --port {port} --log-level warning "
    "--ws-max-size 1048576 --ws-ping-interval 5 --ws-ping-timeout 8"
)
SERVERS = {
    "uvicorn": UVICORN,
    "uvicorn-websockets": f"{UVICORN} --ws websockets",
    "uvicorn-sansio": f"{UVICORN} --ws websockets-sansio",
    "uvicorn-wsproto": f"{UVICORN} --ws wsproto",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} --websocket-ping-interval 5",
    "granian": "granian --interface asgi --host 127.0.0.1 --port {port} --no-access-log",
}

command = SERVERS[os.environ.get("SERVER") or "uvicorn"].format(port=int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", *command.split(), "app:app"])
