"""How the database stands, for whoever examines an installation."""

from __future__ import annotations

from typing import Any

from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from monitor.records.models import Counter
from swf_common_lib.messages import utc_now


def database_state() -> dict[str, Any]:
    """Return kind, version, the table changes that it lacks, and why it is not writable (or "").

    Raises django.db.Error when it cannot be reached.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    missing = [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
    return {
        "kind": connection.vendor,
        "version": ".".join(str(part) for part in connection.get_database_version()),
        "missing_migrations": missing,
        "write_error": "" if missing else _write_error(),
        "time": utc_now(),
    }


def _write_error() -> str:
    """Write a row and take it back; say why that failed."""
    try:
        with transaction.atomic():
            Counter.objects.create(name="doctor", value=0)
            transaction.set_rollback(True)
    except Error as error:
        return str(error).strip() or type(error).__name__
    return ""
