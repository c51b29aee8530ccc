"""Django's registration of the records."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """All tables of the monitor."""

    name = "monitor.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register our own lookups."""
        from monitor.records.database import lookups

        lookups.register()
