"""The ASGI application: HTTP goes to Django, WebSocket to the permission channels."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "permissions_site.settings")

# Django has to be set up before anything imports a model.
django_application = get_asgi_application()

from permissions.middleware import CanonicalPathMiddleware, OriginMiddleware, TokenAuthMiddlewareStack  # noqa: E402
from permissions.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": OriginMiddleware(
            CanonicalPathMiddleware(TokenAuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
        ),
    }
)
