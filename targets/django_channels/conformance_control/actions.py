"""From a conformance run's request to the project's own function, the same for HTTP and for the command.

The project names its functions in the setting `CONFORMANCE_ACTIONS`: the dotted path of a dictionary of
action names and functions. A function takes the parameters as keyword arguments, each a string, and returns
when the change is visible and its event queued. It may be async. It raises ValueError for a bad parameter and
LookupError (or a model's DoesNotExist) for an unknown user or token.
"""

import asyncio
import inspect

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import connections
from django.utils.module_loading import import_string

PARAMETERS = ("user_id", "permission", "roles", "menus", "scope", "keys", "token")
MAX_USER_ID = 2**63 - 1

# Events leave in the order in which their changes were made.
_one_change_at_a_time = asyncio.Lock()


def enabled():
    return bool(getattr(settings, "CONFORMANCE_ENABLED", False))


def listed(text):
    """The names in a comma-separated list; an empty text is an empty list."""
    return [item for item in text.split(",") if item]


def user_id(text):
    if not (text.isascii() and text.isdigit()) or text.startswith("0") or int(text) > MAX_USER_ID:
        raise ValueError("user_id")
    return int(text)


def function_of(action):
    """The project's function for an action; LookupError where it has none."""
    return import_string(settings.CONFORMANCE_ACTIONS)[action]


async def perform(action, parameters):
    """Make a change. A parameter too many or too few for the project's function is a ValueError."""
    function = function_of(action)
    if unknown := set(parameters) - set(PARAMETERS):
        raise ValueError(f"unknown parameter {min(unknown)}")
    try:
        inspect.signature(function).bind(**parameters)
    except TypeError as error:
        raise ValueError(str(error)) from None
    async with _one_change_at_a_time:
        try:
            if inspect.iscoroutinefunction(function):
                await function(**parameters)
            else:
                await sync_to_async(_called)(function, parameters)
        except ObjectDoesNotExist as error:
            raise LookupError(str(error)) from None


def _called(function, parameters):
    try:
        function(**parameters)
    finally:
        # Each HTTP request has a thread of its own, which takes its connections to the grave.
        connections.close_all()
