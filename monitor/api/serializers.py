"""Records of runs, files, slices, workers, agents and messages as JSON."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from monitor.api.fields import (
    RecordSerializer,
    StfFileField,
    TableField,
    find_sample,
    positive,
    printable,
)
from monitor.health.liveness import health_of, liveness_of
from monitor.records.models import (
    AppLog,
    FastMonFile,
    Namespace,
    Run,
    RunState,
    StfFile,
    Subscriber,
    SystemAgent,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowMessage,
)
from monitor.records.models.agents import LONGEST_INTERVAL, UNDECLARED_INTERVAL


class AgentSerializer(RecordSerializer):
    """An agent."""

    metadata = TableField(required=False)
    heartbeat_interval = serializers.FloatField(
        required=False,
        max_value=LONGEST_INTERVAL,
        validators=[positive],
        help_text=f"seconds from one heartbeat to the next; {UNDECLARED_INTERVAL:.0f} if not said",
    )
    liveness = serializers.SerializerMethodField(
        help_text="How it stands by its heartbeats: alive, late, silent, or exited."
    )

    class Meta:
        model = SystemAgent
        fields = "__all__"
        read_only_fields = ["last_heartbeat"]

    def get_liveness(self, agent: SystemAgent) -> str:
        """Return how an agent stands by its heartbeats."""
        return liveness_of(agent, timezone.now()).value

    def to_representation(self, instance: SystemAgent) -> dict[str, Any]:
        """Return an agent; the health of one that is not alive to say it is UNKNOWN."""
        said: dict[str, Any] = super().to_representation(instance)
        if isinstance(instance, SystemAgent):
            said["status"] = health_of(instance, timezone.now())
        return said


class HeartbeatSerializer(AgentSerializer):
    """The content of a heartbeat; the same instance name comes again with each heartbeat."""

    instance_name = serializers.CharField(max_length=100, validators=[printable])


class SubscriberSerializer(RecordSerializer):
    """A subscriber."""

    class Meta:
        model = Subscriber
        fields = "__all__"


class NamespaceSerializer(RecordSerializer):
    """A namespace."""

    class Meta:
        model = Namespace
        fields = "__all__"


class LogSerializer(RecordSerializer):
    """A log record. One that is sent a second time is not refused, but stored once."""

    record_id = serializers.CharField(max_length=64, required=False, allow_null=True)
    message = serializers.CharField(allow_blank=True, trim_whitespace=False)
    extra_data = TableField(required=False, allow_null=True)

    class Meta:
        model = AppLog
        fields = "__all__"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Copy execution and run from the extra data, where agents put them."""
        extra = attrs.get("extra_data") or {}
        for name, length in (("execution_id", 250), ("run_id", 50)):
            if not attrs.get(name) and extra.get(name):
                attrs[name] = str(extra[name])[:length]
        return attrs


class RunSerializer(RecordSerializer):
    """A run."""

    run_conditions = TableField(required=False)

    class Meta:
        model = Run
        exclude = ["announced_only"]


class RunStateSerializer(RecordSerializer):
    """The state of a run. An existing one is updated, so there is no check for uniqueness."""

    run_number = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    metadata = TableField(required=False)

    class Meta:
        model = RunState
        fields = "__all__"


class StfFileSerializer(RecordSerializer):
    """A super time frame."""

    metadata = TableField(required=False)
    run_number = serializers.IntegerField(source="run.run_number", read_only=True)

    class Meta:
        model = StfFile
        fields = "__all__"


class SampleSerializer(RecordSerializer):
    """A TF sample."""

    stf_file = StfFileField()
    stf_filename = serializers.CharField(source="stf_file.stf_filename", read_only=True)
    run_number = serializers.IntegerField(source="stf_file.run.run_number", read_only=True)
    metadata = TableField(required=False)

    class Meta:
        model = FastMonFile
        fields = "__all__"


class SliceSerializer(RecordSerializer):
    """A TF slice. Its TF sample is named by ``fastmon_file``, or both files' names are given."""

    fastmon_file = serializers.CharField(max_length=255, write_only=True, required=False)
    tf_filename = serializers.CharField(max_length=255, required=False)
    metadata = TableField(required=False)

    class Meta:
        model = TFSlice
        fields = "__all__"
        validators: list[Any] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Look up the TF sample, and refuse a slice that is registered already."""
        sample_name = attrs.pop("fastmon_file", "")
        if sample_name:
            samples: dict[str, Any] = self.context["samples"]
            if sample_name not in samples:
                samples[sample_name] = find_sample(sample_name)
            attrs["tf_filename"] = sample_name
            attrs["stf_filename"] = samples[sample_name].stf_file.stf_filename
        if self.instance is None and not attrs.get("tf_filename"):
            raise serializers.ValidationError(
                {"tf_filename": ["Give fastmon_file, or tf_filename and stf_filename."]}
            )
        return attrs


class SliceChangeSerializer(SliceSerializer):
    """The fields of a slice that may change."""

    class Meta(SliceSerializer.Meta):
        read_only_fields = ["run_number", "slice_id", "tf_filename", "stf_filename"]


class WorkerSerializer(RecordSerializer):
    """A worker in a run. An existing one is updated."""

    worker_id = serializers.CharField(max_length=200, validators=[printable])
    metadata = TableField(required=False)

    class Meta:
        model = Worker
        fields = "__all__"


class EventSerializer(RecordSerializer):
    """An event in the history of a run or an execution."""

    event_data = TableField(required=False)

    class Meta:
        model = SystemStateEvent
        fields = "__all__"


class MessageSerializer(RecordSerializer):
    """A message, as it was received."""

    class Meta:
        model = WorkflowMessage
        fields = "__all__"
