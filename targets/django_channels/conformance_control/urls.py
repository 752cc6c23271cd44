from django.urls import path

from conformance_control.views import control

urlpatterns = [path("<str:action>", control)]
