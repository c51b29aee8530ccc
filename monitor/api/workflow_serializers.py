"""Workflow definitions and executions as JSON, and the body of a request to start one."""

from __future__ import annotations

from typing import Any, cast

from django.utils import timezone
from rest_framework import serializers

from monitor.api.fields import RecordSerializer, TableField, TimeField, printable
from monitor.executions.control import LEASE, LONGEST_REASON
from monitor.executions.plan import Plan
from monitor.executions.request import StartRequest
from monitor.health.wait_text import wait_text
from monitor.health.waiting import waiting_for
from monitor.records.models import RunState, WorkflowDefinition, WorkflowExecution
from monitor.records.progress import Progress, progress_of
from monitor.records.states import ExecutionStatus
from monitor.records.statistics import run_statistics
from swf_common_lib.config import PARAMETERS, nearest
from swf_common_lib.errors import InvalidRequest


class DefinitionSerializer(RecordSerializer):
    """A workflow definition."""

    definition = serializers.CharField(trim_whitespace=False, allow_blank=True)
    parameter_values = TableField(required=False)
    source = TableField(required=False)  # type: ignore[assignment]
    created_at = TimeField(default=timezone.now)
    created_by = serializers.CharField(max_length=100, required=False)

    class Meta:
        model = WorkflowDefinition
        fields = "__all__"
        read_only_fields = ["digest"]


class ExecutionSerializer(RecordSerializer):
    """A workflow execution; ``workflow_definition`` is the definition's id."""

    workflow_name = serializers.CharField(read_only=True)
    workflow_version = serializers.CharField(source="workflow_definition.version", read_only=True)
    duration_seconds = serializers.FloatField(read_only=True)
    parameter_values = TableField(required=False)
    options = TableField(required=False)
    performance_metrics = TableField(required=False, allow_null=True)
    execution_environment = TableField(required=False, allow_null=True)
    status = serializers.ChoiceField(ExecutionStatus.choices, default=ExecutionStatus.RUNNING)
    executed_by = serializers.CharField(max_length=100, required=False)
    error_message = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    stack_trace = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, trim_whitespace=False
    )
    source = serializers.SerializerMethodField()  # type: ignore[assignment]

    class Meta:
        model = WorkflowExecution
        exclude = ["end_unannounced", "idempotency_scope", "request_digest"]
        read_only_fields = [
            "lease_expires_at",
            "expires_at",
            "announced_at",
            "created_at",
            "idempotency_key",
            "ended_by",
            "requested_change",
            "change_requested_at",
            "change_requested_by",
            "simulation_tick",
            "tick_changed_at",
        ]

    def get_source(self, execution: WorkflowExecution) -> dict[str, Any]:
        """Return where the code came from, without the code."""
        return {key: value for key, value in execution.source.items() if key != "text"}

    def validate_execution_id(self, value: str) -> str:
        """Return the id; raise ValidationError for one that nobody could type or link to."""
        printable(value)
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Replace null by an empty value."""
        for name in ("performance_metrics", "execution_environment"):
            if name in attrs and attrs[name] is None:
                attrs[name] = {}
        for name in ("error_message", "stack_trace"):
            if name in attrs and attrs[name] is None:
                attrs[name] = ""
        return attrs


class ExecutionListSerializer(serializers.ListSerializer[WorkflowExecution]):
    """Executions with their progress, which is read for all of them at once."""

    def to_representation(self, data: Any) -> Any:
        """Return the executions in the form of their items."""
        rows = list(data)
        cast("dict[str, Any]", self.context)["progress"] = progress_of(rows, count_messages=False)
        return super().to_representation(rows)


class ListedExecutionSerializer(ExecutionSerializer):
    """A workflow execution as a list shows it."""

    progress = serializers.SerializerMethodField()

    class Meta(ExecutionSerializer.Meta):
        list_serializer_class = ExecutionListSerializer

    def get_progress(self, execution: WorkflowExecution) -> dict[str, int | None]:
        """Return its counts so far; null is what nobody asked for or counted."""
        known = self.context.get("progress") or progress_of([execution])
        return cast("Progress", known[execution.execution_id]).as_dict()


class ExecutionDetailSerializer(ListedExecutionSerializer):
    """A workflow execution with all that is known of it."""

    waiting_for = serializers.SerializerMethodField()
    statistics = serializers.SerializerMethodField()

    def get_source(self, execution: WorkflowExecution) -> dict[str, Any]:
        """Return where the code came from, with the code where it differs from the definition's."""
        return dict(execution.source)

    def get_waiting_for(self, execution: WorkflowExecution) -> str:
        """Return what a pending execution waits for; an empty text when it does not wait."""
        return wait_text(waiting_for(execution))

    def get_statistics(self, execution: WorkflowExecution) -> dict[str, Any] | None:
        """Return the statistics of its run; None before it has one."""
        run_number = run_number_of(execution)
        return None if run_number is None else run_statistics(run_number).as_dict()


class ClaimedSerializer(ExecutionSerializer):
    """A workflow execution as its runner needs it: the code, and a run number for its run.

    The run number comes with the claim: a second request for it would delay the first broadcast.
    """

    reserved_run_number = serializers.IntegerField(read_only=True)
    source_text = serializers.SerializerMethodField()
    source_path = serializers.SerializerMethodField()
    lease_seconds = serializers.SerializerMethodField()
    waiting_for = serializers.SerializerMethodField()

    def get_source_text(self, execution: WorkflowExecution) -> str:
        """Return the code that is to run."""
        return execution.source.get("text") or execution.workflow_definition.definition

    def get_source_path(self, execution: WorkflowExecution) -> str:
        """Return the path of the code's file, for stack traces."""
        path = execution.source.get("path") or execution.workflow_definition.source.get("path")
        return path or f"workflows/{execution.workflow_name}.py"

    def get_lease_seconds(self, execution: WorkflowExecution) -> float:
        """Return how many seconds the lease lasts without a heartbeat."""
        return LEASE.total_seconds()

    def get_waiting_for(self, execution: WorkflowExecution) -> str:
        """Return what it waits for: an empty text once it is claimed."""
        return wait_text(waiting_for(execution))


class StartSerializer(serializers.Serializer[StartRequest]):
    """What to start and how."""

    workflow = serializers.CharField(max_length=200, required=False, allow_null=True)
    config = serializers.CharField(max_length=200, required=False, allow_null=True)
    namespace = serializers.CharField(max_length=100, required=False, allow_blank=True)
    parameters = TableField(required=False)
    realtime = serializers.BooleanField(required=False)
    speed = serializers.FloatField(required=False, allow_null=True)
    duration = serializers.FloatField(required=False)
    executed_by = serializers.CharField(max_length=100, required=False, allow_blank=True)
    through = serializers.CharField(max_length=20, required=False)
    idempotency_key = serializers.CharField(max_length=200, required=False, allow_null=True)
    runner = serializers.CharField(max_length=100, required=False, allow_blank=True)
    config_text = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    testbed_text = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="a testbed.toml that counts instead of the monitor's own",
    )
    testbed_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    version = serializers.CharField(max_length=50, required=False, allow_null=True)
    from_definition = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse unknown fields: to ignore one would start something else than was meant."""
        unknown = [name for name in self.initial_data if name not in self.fields]
        if unknown:
            raise InvalidRequest(
                "; ".join(
                    f"{str(name)[:100]} is no field of a start{_instead(str(name))}"
                    for name in unknown
                ),
                'Nothing was started. Values of a configuration go into "parameters": '
                '{"stf_count": 5}.',
            )
        return attrs


class PlanSerializer(serializers.Serializer[Plan]):
    """What a start would execute."""

    workflow_name = serializers.CharField(source="definition.workflow_name")
    version = serializers.CharField(source="definition.version")
    parameter_values = TableField(source="expanded.sections")
    options = TableField()
    notes = serializers.ListField(source="expanded.notes", child=serializers.CharField())


def _instead(name: str) -> str:
    near = nearest(name, [*StartSerializer().fields, *PARAMETERS])
    if near is None:
        return ""
    return (
        f'; did you mean {near} in "parameters"?'
        if near in PARAMETERS
        else (f"; did you mean {near}?")
    )


class ClaimSerializer(serializers.Serializer[Any]):
    """The body of a claim: the runner's name."""

    runner = serializers.CharField(max_length=100)


class ReasonSerializer(serializers.Serializer[Any]):
    """The body of a stop, pause or resume: the reason."""

    reason = serializers.CharField(
        max_length=LONGEST_REASON, required=False, allow_blank=True, default=""
    )


def run_number_of(execution: WorkflowExecution) -> int | None:
    """Return the number of an execution's run; None before the run's state is recorded."""
    rows = RunState.objects.filter(execution_id=execution.execution_id)
    number: int | None = rows.values_list("run_number", flat=True).first()
    return number
