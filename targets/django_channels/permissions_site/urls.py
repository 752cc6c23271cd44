from django.urls import include, path, re_path
from permissions.views import upgrade_required

urlpatterns = [
    path("control/", include("conformance_control.urls")),
    # What arrives here on a WebSocket route came as plain HTTP: say what was missing.
    re_path(r"^ws/permissions/$", upgrade_required),
    re_path(r"^ws/permissions/[0-9]+/$", upgrade_required),
    re_path(r"^ws/permissions/anonymous/?$", upgrade_required),
]
