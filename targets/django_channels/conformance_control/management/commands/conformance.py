"""`manage.py conformance ACTION name=value …`: the control interface as a command."""

import asyncio

from django.core.management.base import BaseCommand, CommandError

from conformance_control.actions import PARAMETERS, enabled, perform

BAD_PARAMETER = 64


class Command(BaseCommand):
    help = "Cause a change for a conformance run. Exit status 0: done; 64: bad parameter; 1: anything else."

    def add_arguments(self, parser):
        parser.add_argument("action")
        parser.add_argument("parameters", nargs="*", metavar="name=value", help=", ".join(PARAMETERS))

    def handle(self, *args, **options):
        if not enabled():
            raise CommandError("CONFORMANCE_ENABLED is not set")
        given = dict(pair.partition("=")[::2] for pair in options["parameters"])
        try:
            asyncio.run(perform(options["action"], given))
        except ValueError as error:
            raise CommandError(f"bad parameter: {error}", returncode=BAD_PARAMETER) from None
        except LookupError as error:
            raise CommandError(f"unknown user, token or action: {error!r}") from None
