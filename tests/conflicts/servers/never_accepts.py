"""A server that listens and fetches no connection: ``python never_accepts.py PORT [BACKLOG]``."""

import signal
import socket
import sys

listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(sys.argv[1])))
listening.listen(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
signal.pause()
