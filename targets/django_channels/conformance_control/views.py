"""`POST {control}/{action}?parameter=value`: how a conformance run causes changes."""

import asyncio
import ipaddress

from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from conformance_control.actions import enabled, perform

# Headers that only a browser (Origin) or a proxy adds. A page must not drive this interface through its
# visitor's browser, and behind a proxy every client has a loopback address.
FOREIGN_HEADERS = ("Origin", "Forwarded", "X-Forwarded-For", "X-Real-IP")


def is_local(request):
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback and not any(name in request.headers for name in FOREIGN_HEADERS)


@csrf_exempt
@require_POST
async def control(request, action):
    """204: visible, and its event queued. 400: bad parameter. 404: unknown user, token or action."""
    if not enabled():
        return HttpResponse(status=404)
    if not is_local(request):
        return HttpResponse(status=403)
    given = request.GET
    if any(len(values) > 1 for _, values in given.lists()):
        return HttpResponse("a parameter is given twice\n", status=400, content_type="text/plain")
    try:
        # Shielded: a client that hangs up must not part a committed change from its event.
        await asyncio.shield(asyncio.ensure_future(perform(action, given.dict())))
    except ValueError as error:
        return HttpResponse(f"bad parameter: {error}\n", status=400, content_type="text/plain")
    except LookupError:
        return HttpResponse(status=404)
    return HttpResponse(status=204)
