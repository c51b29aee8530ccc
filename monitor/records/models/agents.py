"""Agents that report to the monitor, and the namespaces they work in."""

from __future__ import annotations

from django.db import models

from swf_common_lib.states import AgentHealth, OperationalState

UNDECLARED_INTERVAL = 60.0
"""Seconds between the heartbeats of an agent that declares none: agents in the field."""
LONGEST_INTERVAL = 3600.0


class Namespace(models.Model):
    """A name that keeps one user's or group's work apart from others'."""

    name = models.CharField(max_length=100, unique=True)
    owner = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class SystemAgent(models.Model):
    """An agent, as its last heartbeat described it."""

    Status = AgentHealth
    OperationalState = OperationalState

    instance_name = models.CharField(max_length=100, unique=True)
    agent_type = models.CharField(max_length=50, db_index=True)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.UNKNOWN)
    description = models.TextField(blank=True, default="")
    mq_connected = models.BooleanField(null=True, blank=True)
    pid = models.IntegerField(null=True, blank=True)
    hostname = models.CharField(max_length=100, blank=True, default="")
    operational_state = models.CharField(
        max_length=20, choices=OperationalState.choices, default=OperationalState.STARTING
    )
    namespace = models.CharField(max_length=100, blank=True, default="", db_index=True)
    workflow_enabled = models.BooleanField(default=False)
    current_stf_count = models.IntegerField(default=0)
    total_stf_processed = models.IntegerField(default=0)
    metadata = models.JSONField(default=dict, blank=True)
    first_seen = models.DateTimeField(auto_now_add=True)
    last_heartbeat = models.DateTimeField(null=True, blank=True)
    heartbeat_interval = models.FloatField(default=UNDECLARED_INTERVAL)
    """Seconds from one heartbeat to the next, as the agent declares them."""

    def __str__(self) -> str:
        return self.instance_name


class Subscriber(models.Model):
    """A consumer of STF announcements that registered itself, with the fraction it takes."""

    subscriber_name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True, default="")
    is_active = models.BooleanField(default=True)
    fraction = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.subscriber_name
