"""Workflow definitions and their executions."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from monitor.records.states import ACTIVE, ExecutionStatus
from swf_common_lib.states import Change, EndCause

UNFINISHED = [status.value for status in (ExecutionStatus.PENDING, *ACTIVE)]


class WorkflowDefinition(models.Model):
    """A workflow's code and default configuration; written once, never modified."""

    workflow_name = models.CharField(max_length=200)
    version = models.CharField(max_length=50)
    workflow_type = models.CharField(max_length=100)
    definition = models.TextField()
    """Python source with the class ``WorkflowExecutor``."""
    digest = models.CharField(max_length=64, blank=True, default="")
    """SHA-256 of ``definition``, hex."""
    parameter_values = models.JSONField(default=dict, blank=True)
    """Default configuration, a table a section."""
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)
    source = models.JSONField(default=dict, blank=True)
    """Where the code came from: org, repo, path, branch."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workflow_name", "version"], name="definition_name_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name} {self.version}"


class WorkflowExecution(models.Model):
    """One execution of a workflow, with everything needed to understand it without any file."""

    execution_id = models.CharField(max_length=250, primary_key=True)
    workflow_definition = models.ForeignKey(
        WorkflowDefinition, on_delete=models.PROTECT, related_name="executions"
    )
    namespace = models.CharField(max_length=100)
    parameter_values = models.JSONField(default=dict)
    """The fully expanded configuration, a table a section."""
    options = models.JSONField(default=dict)
    """How to run it: speed (simulated seconds per second, 0: as fast as possible) and duration
    (simulated seconds, 0: to its end)."""
    performance_metrics = models.JSONField(default=dict, blank=True)
    execution_environment = models.JSONField(default=dict, blank=True)
    source = models.JSONField(default=dict, blank=True)
    """Code that ran: commit, branch, tag, dirty, digest; ``text`` when it differs from the
    definition's."""
    status = models.CharField(max_length=20, choices=ExecutionStatus.choices)
    created_at = models.DateTimeField()
    start_time = models.DateTimeField(null=True, blank=True)
    end_time = models.DateTimeField(null=True, blank=True)
    executed_by = models.CharField(max_length=100)
    started_through = models.CharField(max_length=20, blank=True, default="")
    """The channel that started it: rest, web, mcp, cli, message, once."""
    error_message = models.TextField(blank=True, default="")
    stack_trace = models.TextField(blank=True, default="")
    status_reason = models.TextField(blank=True, default="")
    """Why the status is what it is: the reason of a stop or pause, or what it waits for."""
    end_cause = models.CharField(max_length=20, choices=EndCause.choices, blank=True, default="")
    """What brought it to its end; empty before, and where nobody knows."""
    ended_by = models.CharField(max_length=100, blank=True, default="")
    """Who brought it to its end: whoever asked for it, else its runner or the monitor."""
    requested_change = models.CharField(
        max_length=10, choices=Change.choices, blank=True, default=""
    )
    """What was asked of its runner and is not reached yet."""
    change_requested_at = models.DateTimeField(null=True, blank=True)
    change_requested_by = models.CharField(max_length=100, blank=True, default="")
    run_number = models.BigIntegerField(null=True, blank=True, db_index=True)
    runner = models.CharField(max_length=100, blank=True, default="")
    """Name of the runner that claimed it."""
    simulation_tick = models.FloatField(null=True, blank=True)
    """Simulated seconds since its start, from its runner's last heartbeat."""
    tick_changed_at = models.DateTimeField(null=True, blank=True)
    """When ``simulation_tick`` last changed: since then its clock has stood still."""
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    """An active execution whose runner does not renew this in time is ended by the sweeper."""
    expires_at = models.DateTimeField(null=True, blank=True)
    """A pending execution that no runner claimed by then is terminated."""
    announced_at = models.DateTimeField(null=True, blank=True)
    end_unannounced = models.BooleanField(default=False)
    """It ended without its runner; the monitor still has to broadcast ``end_run`` for it."""
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    idempotency_scope = models.CharField(max_length=100, blank=True, default="")
    """The user whose key it is; empty where the key is a message's id, which is unique anyway."""
    request_digest = models.CharField(max_length=64, blank=True, default="")
    """SHA-256 of the request that started it, in hexadecimal; empty: not stored."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_scope", "idempotency_key"], name="execution_idempotency"
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "execution_id"], name="execution_newest"),
            models.Index(fields=["namespace", "-created_at"], name="execution_namespace"),
            models.Index(
                fields=["status"],
                name="execution_unfinished",
                condition=Q(status__in=UNFINISHED),
            ),
            models.Index(
                fields=["end_unannounced"],
                name="execution_end_unannounced",
                condition=Q(end_unannounced=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} ({self.status})"

    @property
    def workflow_name(self) -> str:
        """The name of the workflow that it executes."""
        return self.workflow_definition.workflow_name

    @property
    def duration_seconds(self) -> float | None:
        """The wall time from start to end in seconds; None before the end."""
        if self.start_time is None or self.end_time is None:
            return None
        return (self.end_time - self.start_time).total_seconds()

    def section(self, name: str) -> dict[str, Any]:
        """Return one section of the expanded configuration; empty when there is none."""
        value = self.parameter_values.get(name)
        return value if isinstance(value, dict) else {}
