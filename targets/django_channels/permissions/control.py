"""The control interface: how a conformance run causes changes. `POST /control/{action}?parameter=value`."""

import asyncio
import ipaddress

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from permissions.actions import ACTIONS, BadParameterError, UnknownSubjectError

# Headers that only a browser (Origin) or a proxy adds. A page must not drive this interface through its
# visitor's browser, and behind a proxy every client has a loopback address.
FOREIGN_HEADERS = ("Origin", "Forwarded", "X-Forwarded-For", "X-Real-IP")

# Events leave in the order in which their changes were committed.
_one_change_at_a_time = asyncio.Lock()


def _is_local(request):
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback and not any(name in request.headers for name in FOREIGN_HEADERS)


@database_sync_to_async
def _commit(action, parameters):
    try:
        with transaction.atomic():
            return action(parameters)
    finally:
        # Each HTTP request has a thread of its own, which takes its connection to the grave.
        connection.close()


async def _perform(action, parameters):
    async with _one_change_at_a_time:
        for publication in await _commit(action, parameters):
            await publication.send()


@csrf_exempt
@require_POST
async def control(request, action):
    """204: the change is committed, its event queued. 400: bad parameter. 404: unknown user or action."""
    if not settings.CONTROL_ENABLED or action not in ACTIONS:
        return HttpResponse(status=404)
    if not _is_local(request):
        return HttpResponse(status=403)
    try:
        # Shielded: a client that hangs up must not part a committed change from its event.
        await asyncio.shield(_perform(ACTIONS[action], request.GET))
    except BadParameterError as error:
        return HttpResponse(f"bad parameter: {error}\n", status=400, content_type="text/plain")
    except UnknownSubjectError:
        return HttpResponse(status=404)
    return HttpResponse(status=204)
