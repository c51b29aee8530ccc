"""Django's registration of the records."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """All tables of the monitor."""

    name = "monitor.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the lookups of our own known."""
        from monitor.records.database import lookups as among

        among.register()
