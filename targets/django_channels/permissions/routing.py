from django.urls import re_path

from permissions.consumer import PermissionConsumer
from permissions.middleware import refuse

consumer = PermissionConsumer.as_asgi()

websocket_urlpatterns = [
    re_path(r"^ws/permissions/$", consumer),
    re_path(r"^ws/permissions/(?P<user_id>\d+)/$", consumer),
    re_path(r"^ws/permissions/anonymous/?$", consumer, {"anonymous": True}),
    # Without a route URLRouter raises ValueError, which the client sees as status 500.
    re_path(r"", refuse),
]
