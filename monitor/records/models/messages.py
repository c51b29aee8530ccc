"""Messages on the broker, and the history of runs and executions derived from them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class WorkflowMessage(models.Model):
    """A message as it was received; ``id`` grows in the order of arrival."""

    message_id = models.CharField(max_length=200, unique=True)
    message_type = models.CharField(max_length=100)
    namespace = models.CharField(max_length=100, blank=True, default="")
    sender_agent = models.CharField(max_length=100, blank=True, default="")
    execution_id = models.CharField(max_length=250, blank=True, default="")
    run_id = models.CharField(max_length=50, blank=True, default="")
    destination = models.CharField(max_length=200)
    sent_at = models.DateTimeField()
    received_at = models.DateTimeField()
    content = models.JSONField()
    """The body; for a body that is not a JSON object: ``{"raw": text}``."""
    problem = models.TextField(blank=True, default="")
    """Why the message could not be understood; empty for a good one."""

    class Meta:
        indexes = [
            models.Index(fields=["execution_id", "sent_at", "id"], name="message_execution"),
            models.Index(fields=["namespace", "id"], name="message_namespace"),
            models.Index(fields=["run_id", "id"], name="message_run"),
            models.Index(fields=["message_type", "id"], name="message_type"),
            models.Index(fields=["sender_agent", "id"], name="message_sender"),
            models.Index(fields=["sent_at"], name="message_sent"),
            # Few: what health asks for costs nothing where all is understood.
            models.Index(
                fields=["execution_id", "id"], name="message_faulty", condition=~Q(problem="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_type} from {self.sender_agent}"


class SystemStateEvent(models.Model):
    """Something that changed the state of a run or of an execution; never modified."""

    event_id = models.CharField(max_length=220, unique=True, null=True, blank=True)
    """Id of its cause (a message's id), so that a repeated message adds no event."""
    timestamp = models.DateTimeField()
    run_number = models.BigIntegerField(null=True, blank=True)
    execution_id = models.CharField(max_length=250, blank=True, default="")
    event_type = models.CharField(max_length=50)
    state = models.CharField(max_length=50, blank=True, default="")
    substate = models.CharField(max_length=50, blank=True, default="")
    actor = models.CharField(max_length=100, blank=True, default="")
    """Who caused it: user, agent, runner or sweeper."""
    via = models.CharField(max_length=20, blank=True, default="")
    """The channel it came through: rest, web, mcp, cli, message, sweeper."""
    event_data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["run_number", "id"], name="event_run"),
            models.Index(fields=["execution_id", "id"], name="event_execution"),
            models.Index(fields=["event_type", "id"], name="event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} of run {self.run_number} {self.execution_id}"
