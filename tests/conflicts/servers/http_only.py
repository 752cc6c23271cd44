"""Python's server of files on 127.0.0.1: ``python http_only.py PORT [--share]``, with SO_REUSEPORT."""

import http.server
import sys

server = http.server.ThreadingHTTPServer
server.allow_reuse_port = "--share" in sys.argv
server(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
