"""Daphne with Django's own ASGI application, which handles HTTP alone: ``python bare_asgi.py PORT``."""

import sys

from daphne.cli import CommandLineInterface
from django.core.asgi import get_asgi_application

application = get_asgi_application()

if __name__ == "__main__":
    CommandLineInterface().run(["-b", "127.0.0.1", "-p", sys.argv[1], "bare_asgi:application"])
