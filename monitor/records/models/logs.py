"""Log records of agents and services."""

from __future__ import annotations

from django.db import models


class AppLog(models.Model):
    """One log record, as an agent wrote it."""

    record_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    """Set by the sender, so that a repeated record is stored once."""
    app_name = models.CharField(max_length=100)
    instance_name = models.CharField(max_length=100)
    timestamp = models.DateTimeField()
    level = models.IntegerField()
    levelname = models.CharField(max_length=20)
    message = models.TextField()
    module = models.CharField(max_length=200, blank=True, default="")
    funcname = models.CharField(max_length=200, blank=True, default="")
    lineno = models.IntegerField(null=True, blank=True)
    process = models.BigIntegerField(null=True, blank=True)
    thread = models.BigIntegerField(null=True, blank=True)
    execution_id = models.CharField(max_length=250, blank=True, default="")
    run_id = models.CharField(max_length=50, blank=True, default="")
    extra_data = models.JSONField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["instance_name", "id"], name="log_instance"),
            models.Index(fields=["execution_id", "id"], name="log_execution"),
            models.Index(fields=["level", "id"], name="log_level"),
            models.Index(fields=["timestamp"], name="log_timestamp"),
        ]

    def __str__(self) -> str:
        return f"{self.levelname} {self.instance_name}: {self.message[:80]}"
