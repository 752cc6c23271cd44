from django.http import HttpResponse
from django.views.decorators.http import require_safe


@require_safe
async def upgrade_required(request):
    """RFC 9110, section 15.5.22: tell a plain HTTP client which protocol this resource speaks."""
    return HttpResponse(
        "This is a WebSocket endpoint.\n",
        status=426,
        content_type="text/plain",
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )
