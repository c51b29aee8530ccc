"""The selections of all tables: defined once, used by REST, web UI and MCP."""

from __future__ import annotations

import dataclasses
import logging

from django.db.models import Exists, OuterRef, Q

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
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.queries.selection import (
    QueryParameter,
    Selection,
    choice,
    flag,
    name_of_file,
    number,
    read_number,
    since_until,
    text,
)
from monitor.records.states import (
    ExecutionStatus,
    FileStatus,
    RunPhase,
    SliceStatus,
    WorkerStatus,
)


def _read_level(value: str) -> int:
    named = logging.getLevelName(value.upper())
    if isinstance(named, int):
        return named
    try:
        return read_number(value)
    except ValueError:
        raise ValueError("expected DEBUG, INFO, WARNING, ERROR, CRITICAL or a number") from None


def _contains(column: str, description: str) -> QueryParameter:
    return QueryParameter(lambda part: Q(**{f"{column}__icontains": part}), str, description)


def _of_namespaces(names: list[str]) -> Q:
    """Return the condition that selects run states by the namespace of their execution or run."""
    executions = WorkflowExecution.objects.filter(
        execution_id=OuterRef("execution_id"), namespace__in=names
    )
    runs = Run.objects.filter(run_number=OuterRef("run_number"), namespace__in=names)
    return Q(Exists(executions)) | Q(Exists(runs))


_run_number = number("run_number", "run number")
_namespace = text("namespace", "namespace")
_execution = text("execution_id", "execution id")

DEFINITIONS: Selection[WorkflowDefinition] = Selection(
    "workflow definitions",
    WorkflowDefinition.objects.all,
    {
        "workflow_name": text("workflow_name", "workflow's name"),
        "version": text("version", "version"),
        "workflow_type": text("workflow_type", "type"),
        "created_by": text("created_by", "who registered it"),
        **since_until("created_at"),
    },
    newest=("id",),
    orderings={"workflow_name": ("workflow_name", "id")},
)
EXECUTIONS: Selection[WorkflowExecution] = Selection(
    "workflow executions",
    lambda: WorkflowExecution.objects.select_related("workflow_definition"),
    {
        "execution_id": _execution,
        "workflow_name": text("workflow_definition__workflow_name", "workflow's name"),
        "workflow_definition": number("workflow_definition", "definition's id"),
        "status": choice("status", ExecutionStatus.values, "status"),
        "namespace": _namespace,
        "executed_by": text("executed_by", "who started it"),
        "runner": text("runner", "runner that executes it"),
        "run_number": _run_number,
        **since_until("created_at"),
    },
    newest=("created_at", "execution_id"),
    orderings={"execution_id": ("execution_id",)},
)
IN_EXECUTION = ("sent_at", "id")
"""The order of an execution's messages, in which the index of their execution has them."""

MESSAGES: Selection[WorkflowMessage] = Selection(
    "messages",
    WorkflowMessage.objects.all,
    {
        "execution_id": _execution,
        "run_id": text("run_id", "run number, as messages carry it"),
        "namespace": _namespace,
        "sender_agent": text("sender_agent", "sender"),
        "message_type": text("message_type", "type of message"),
        "message_id": text("message_id", "identity given by the sender"),
        "destination": text("destination", "topic or queue"),
        "faulty": QueryParameter(
            lambda faulty: ~Q(problem="") if faulty else Q(problem=""),
            flag("", "").read,
            "whether it could not be understood",
            kind="boolean",
        ),
        **since_until("sent_at"),
    },
    newest=("id",),
    orderings={"sent_at": ("sent_at", "id")},
)
AGENTS: Selection[SystemAgent] = Selection(
    "agents",
    SystemAgent.objects.all,
    {
        "instance_name": text("instance_name", "name"),
        "agent_type": text("agent_type", "type"),
        "status": choice("status", SystemAgent.Status.values, "health"),
        "operational_state": choice(
            "operational_state", SystemAgent.OperationalState.values, "what it is doing"
        ),
        "namespace": _namespace,
        "hostname": text("hostname", "host"),
        "workflow_enabled": flag("workflow_enabled", "whether it takes part in workflows"),
        **since_until("last_heartbeat"),
    },
    newest=("id",),
    orderings={"instance_name": ("instance_name",)},
)
RUNS: Selection[Run] = Selection(
    "runs",
    Run.objects.all,
    {
        "run_number": _run_number,
        "execution_id": _execution,
        "namespace": _namespace,
        **since_until("start_time"),
    },
    newest=("run_number",),
    orderings={"start_time": ("start_time", "run_id")},
)
RUN_STATES: Selection[RunState] = Selection(
    "run states",
    RunState.objects.all,
    {
        "run_number": _run_number,
        "execution_id": _execution,
        "namespace": dataclasses.replace(_namespace, condition=_of_namespaces),
        "phase": choice("phase", RunPhase.values, "where the run stands"),
        "state": text("state", "machine state"),
        "substate": text("substate", "machine substate"),
        **since_until("state_changed_at"),
    },
    newest=("run_number",),
)
STF_FILES: Selection[StfFile] = Selection(
    "STF files",
    lambda: StfFile.objects.select_related("run"),
    {
        "stf_filename": name_of_file("stf_filename", "file name"),
        "run_number": number("run__run_number", "run number"),
        "run": number("run", "run's id"),
        "status": choice("status", FileStatus.values, "status"),
        "machine_state": text("machine_state", "machine state"),
        **since_until("created_at"),
    },
    newest=("created_at", "file_id"),
    orderings={"stf_filename": ("stf_filename",)},
)
SAMPLES: Selection[FastMonFile] = Selection(
    "TF samples",
    lambda: FastMonFile.objects.select_related("stf_file__run"),
    {
        "tf_filename": name_of_file("tf_filename", "file name"),
        "stf_filename": name_of_file("stf_file__stf_filename", "STF's file name"),
        "run_number": number("stf_file__run__run_number", "run number"),
        "status": choice("status", FileStatus.values, "status"),
        **since_until("created_at"),
    },
    newest=("created_at", "tf_file_id"),
    orderings={"tf_filename": ("tf_filename",)},
)
SLICES: Selection[TFSlice] = Selection(
    "TF slices",
    TFSlice.objects.all,
    {
        "run_number": _run_number,
        "slice_id": number("slice_id", "number within its TF sample"),
        "tf_filename": name_of_file("tf_filename", "TF sample's file name"),
        "stf_filename": name_of_file("stf_filename", "STF's file name"),
        "status": choice("status", SliceStatus.values, "status"),
        "assigned_worker": text("assigned_worker", "worker"),
        **since_until("created_at"),
    },
    newest=("id",),
)
WORKERS: Selection[Worker] = Selection(
    "workers",
    Worker.objects.all,
    {
        "worker_id": text("worker_id", "worker's id"),
        "run_number": _run_number,
        "status": choice("status", WorkerStatus.values, "life cycle"),
        "location": text("location", "where it runs"),
        "panda_job": text("panda_job", "PanDA job"),
        **since_until("started_at"),
    },
    newest=("worker_id",),
)
EVENTS: Selection[SystemStateEvent] = Selection(
    "events",
    SystemStateEvent.objects.all,
    {
        "run_number": _run_number,
        "execution_id": _execution,
        "event_type": text("event_type", "type of event"),
        "state": text("state", "machine state"),
        "substate": text("substate", "machine substate"),
        "actor": text("actor", "who caused it"),
        "via": text("via", "through what"),
        **since_until("timestamp"),
    },
    newest=("id",),
    orderings={"timestamp": ("timestamp", "id")},
)
LOGS: Selection[AppLog] = Selection(
    "log records",
    AppLog.objects.all,
    {
        "level": QueryParameter(
            lambda level: Q(level__gte=level), _read_level, "at least this level, name or number"
        ),
        "levelname": text("levelname", "exactly this level"),
        "app_name": text("app_name", "program"),
        "instance_name": text("instance_name", "agent or service"),
        "execution_id": _execution,
        "run_id": text("run_id", "run number"),
        "module": text("module", "Python module"),
        "text": _contains("message", "part of the message"),
        **since_until("timestamp"),
    },
    newest=("id",),
    orderings={"timestamp": ("timestamp", "id")},
)
NAMESPACES: Selection[Namespace] = Selection(
    "namespaces",
    Namespace.objects.all,
    {
        "name": text("name", "name"),
        "owner": text("owner", "owner"),
        **since_until("created_at"),
    },
    newest=("id",),
    orderings={"name": ("name",)},
)
SUBSCRIBERS: Selection[Subscriber] = Selection(
    "subscribers",
    Subscriber.objects.all,
    {
        "subscriber_name": text("subscriber_name", "name"),
        "is_active": flag("is_active", "whether it is active"),
    },
    newest=("id",),
)
