from django.apps import AppConfig


class ConformanceControlConfig(AppConfig):
    name = "conformance_control"
