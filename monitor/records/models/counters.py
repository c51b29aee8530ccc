"""Numbers that are issued once: for runs, agents, executions of each workflow."""

from __future__ import annotations

from django.db import models


class Counter(models.Model):
    """The last number issued under a name: ``run``, ``agent``, ``execution:<workflow>``."""

    name = models.CharField(max_length=220, primary_key=True)
    value = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
