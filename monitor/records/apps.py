"""Django's registration of the records."""

from django.apps import AppConfig

from monitor.records.database import lookups


class RecordsConfig(AppConfig):
    """All tables of the monitor."""

    name = "monitor.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register our own lookups."""
        lookups.register()
