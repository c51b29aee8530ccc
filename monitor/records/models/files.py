"""The data of a run: super time frames, samples of them, slices of the samples."""

from __future__ import annotations

import uuid

from django.db import models

from monitor.records.models.runs import Run
from monitor.records.states import FileStatus, SliceStatus


class StfFile(models.Model):
    """A super time frame."""

    file_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stf_files")
    stf_filename = models.CharField(max_length=255, unique=True)
    sequence = models.IntegerField(null=True, blank=True)
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    checksum = models.CharField(max_length=64, blank=True, default="")
    machine_state = models.CharField(max_length=64, blank=True, default="physics")
    status = models.CharField(
        max_length=20, choices=FileStatus.choices, default=FileStatus.REGISTERED
    )
    tf_count = models.IntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["run", "stf_filename"], name="stf_run"),
            models.Index(fields=["created_at", "file_id"], name="stf_newest"),
        ]

    def __str__(self) -> str:
        return self.stf_filename


class FastMonFile(models.Model):
    """A TF sample: some time frames of an STF, taken for fast monitoring."""

    tf_file_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stf_file = models.ForeignKey(StfFile, on_delete=models.CASCADE, related_name="samples")
    tf_filename = models.CharField(max_length=255, unique=True)
    file_size_bytes = models.BigIntegerField(null=True, blank=True)
    checksum = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(
        max_length=20, choices=FileStatus.choices, default=FileStatus.REGISTERED
    )
    tf_first = models.IntegerField(null=True, blank=True)
    tf_last = models.IntegerField(null=True, blank=True)
    tf_count = models.IntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["created_at", "tf_file_id"], name="sample_newest")]

    def __str__(self) -> str:
        return self.tf_filename


class TFSlice(models.Model):
    """A contiguous part of a TF sample: the unit of work of a worker."""

    run_number = models.BigIntegerField()
    tf_filename = models.CharField(max_length=255)
    slice_id = models.IntegerField()
    stf_filename = models.CharField(max_length=255, blank=True, default="", db_index=True)
    tf_first = models.IntegerField()
    tf_last = models.IntegerField()
    tf_count = models.IntegerField()
    status = models.CharField(
        max_length=20, choices=SliceStatus.choices, default=SliceStatus.QUEUED
    )
    retries = models.IntegerField(default=0)
    assigned_worker = models.CharField(max_length=200, blank=True, default="", db_index=True)
    created_tick = models.FloatField(null=True, blank=True)
    """Simulated time at which its STF was written."""
    started_tick = models.FloatField(null=True, blank=True)
    finished_tick = models.FloatField(null=True, blank=True)
    processing_start_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run_number", "tf_filename", "slice_id"], name="slice_identity"
            )
        ]
        indexes = [models.Index(fields=["run_number", "status"], name="slice_run_status")]

    def __str__(self) -> str:
        return f"{self.tf_filename}[{self.slice_id}]"
