"""Runs, their states, and the workers that process their slices."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from monitor.records.states import RunPhase, WorkerStatus


class Run(models.Model):
    """A period of data taking."""

    run_id = models.BigAutoField(primary_key=True)
    run_number = models.BigIntegerField(unique=True)
    start_time = models.DateTimeField()
    end_time = models.DateTimeField(null=True, blank=True)
    run_conditions = models.JSONField(default=dict, blank=True)
    execution_id = models.CharField(max_length=250, blank=True, default="", db_index=True)
    namespace = models.CharField(max_length=100, blank=True, default="", db_index=True)
    dataset = models.CharField(max_length=200, blank=True, default="")
    """The catalogue's name of the run's files."""
    dataset_open = models.BooleanField(default=True)
    announced_only = models.BooleanField(default=True, db_default=True)
    """Known from messages only; an agent may still register it over REST."""

    def __str__(self) -> str:
        return f"run {self.run_number}"


class RunState(models.Model):
    """The state of a run: phase, machine state, counts. Counts are incremented, never recounted."""

    run_number = models.BigIntegerField(primary_key=True)
    execution_id = models.CharField(max_length=250, blank=True, default="", db_index=True)
    phase = models.CharField(max_length=20, choices=RunPhase.choices, default=RunPhase.IMMINENT)
    state = models.CharField(max_length=50, blank=True, default="")
    substate = models.CharField(max_length=50, blank=True, default="")
    target_worker_count = models.IntegerField(default=0)
    active_worker_count = models.IntegerField(default=0)
    stf_files_generated = models.IntegerField(default=0)
    stf_files_registered = models.IntegerField(default=0)
    stf_files_processed = models.IntegerField(default=0)
    stf_samples_received = models.IntegerField(default=0)
    slices_created = models.IntegerField(default=0)
    slices_queued = models.IntegerField(default=0)
    slices_processing = models.IntegerField(default=0)
    slices_completed = models.IntegerField(default=0)
    slices_failed = models.IntegerField(default=0)
    total_stf_files = models.IntegerField(null=True, blank=True)
    """STF files of the whole run, as announced by ``end_run``; None before that."""
    end_tick = models.FloatField(null=True, blank=True)
    """Simulated time of ``end_run``."""
    state_changed_at = models.DateTimeField(default=timezone.now)
    metadata = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"run {self.run_number}: {self.phase}"


class Worker(models.Model):
    """One (simulated) worker in one run."""

    worker_id = models.CharField(max_length=200, primary_key=True)
    run_number = models.BigIntegerField(null=True, blank=True, db_index=True)
    panda_job = models.CharField(max_length=100, blank=True, default="")
    location = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(
        max_length=20, choices=WorkerStatus.choices, default=WorkerStatus.STARTING
    )
    current_slice_id = models.IntegerField(null=True, blank=True)
    tf_filename = models.CharField(max_length=255, blank=True, default="")
    slices_completed = models.IntegerField(default=0)
    slices_failed = models.IntegerField(default=0)
    busy_seconds = models.FloatField(default=0)
    """Simulated seconds spent on slices."""
    started_tick = models.FloatField(null=True, blank=True)
    ended_tick = models.FloatField(null=True, blank=True)
    last_heartbeat = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.worker_id
