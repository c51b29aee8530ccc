"""Django's registration of the web UI (its templates and static files)."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Server-rendered pages."""

    name = "monitor.web"
    label = "web"
