"""The lists: an entry for each, by its address and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils import timezone

from monitor.health.liveness import is_current
from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    WorkflowDefinition,
    WorkflowExecution,
)
from monitor.records.progress import progress_of
from monitor.records.queries import selections
from monitor.records.queries.selection import QueryParameter, choice
from monitor.web.choices import agent_names, message_types, namespaces
from monitor.web.listing import SINCE, Filter, ListPage
from swf_common_lib.config import list_configurations

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

RUN = Filter("run_number", "Run")
EXECUTION = Filter("execution_id", "Execution")
NAMESPACE = Filter("namespace", "Namespace", suggestions=namespaces)
STATUS = Filter("status", "Status")


def _samples(rows: list[StfFile]) -> dict[str, dict[object, int]]:
    samples = (
        FastMonFile.objects.filter(stf_file__in=[row.pk for row in rows])
        .values_list("stf_file_id")
        .annotate(Count("pk"))
    )
    return {"samples": dict(samples)}


def _states(rows: list[Run]) -> dict[str, dict[int, RunState]]:
    return {"states": RunState.objects.in_bulk([row.run_number for row in rows])}


def _progress(rows: list[WorkflowExecution]) -> dict[str, Any]:
    return {"progress": progress_of(rows)}


def _use(rows: list[WorkflowDefinition]) -> dict[str, Any]:
    used = (
        WorkflowExecution.objects.filter(workflow_definition__in=rows)
        .values("workflow_definition_id")
        .annotate(count=Count("pk"), last=Max("created_at"))
    )
    return {
        "use": {row["workflow_definition_id"]: row for row in used},
        "configurations": list_configurations(settings.TESTBED.swf_home / "workflows"),
    }


def _order_of_messages(params: Mapping[str, str]) -> Sequence[str]:
    return selections.IN_EXECUTION if params.get("execution_id") else ()


def _agents_shown(which: list[str]) -> Q:
    return Q() if "all" in which else is_current(timezone.now())


AGENTS = replace(
    selections.AGENTS,
    parameters={
        **selections.AGENTS.parameters,
        "show": QueryParameter(
            _agents_shown,
            choice("", ("current", "all"), "").read,
            "those that are current, or all: those too that ended or were replaced",
            choices=("current", "all"),
        ),
    },
)
"""With what only the page has."""

LISTS: Mapping[str, ListPage[Any]] = MappingProxyType(
    {
        "workflows": ListPage(
            selections.DEFINITIONS,
            "workflows.html",
            [Filter("workflow_name", "Workflow"), Filter("version", "Version")],
            refine=lambda rows: rows.defer("definition"),
            complete=_use,
        ),
        "executions": ListPage(
            selections.EXECUTIONS,
            "executions.html",
            [
                STATUS,
                Filter("workflow_name", "Workflow"),
                NAMESPACE,
                Filter("executed_by", "User"),
                SINCE,
            ],
            complete=_progress,
        ),
        "runs": ListPage(
            selections.RUNS, "runs.html", [RUN, EXECUTION, NAMESPACE], complete=_states
        ),
        "run-states": ListPage(
            selections.RUN_STATES, "run_states.html", [RUN, Filter("phase", "Phase"), EXECUTION]
        ),
        "messages": ListPage(
            selections.MESSAGES,
            "messages.html",
            [
                NAMESPACE,
                EXECUTION,
                Filter("run_id", "Run"),
                Filter("sender_agent", "Sender", suggestions=agent_names),
                Filter("message_type", "Type", suggestions=message_types),
                SINCE,
            ],
            key=_order_of_messages,
        ),
        "agents": ListPage(
            AGENTS,
            "agents.html",
            [
                Filter("show", "Show", choices=("all",), unchosen="those that are current"),
                NAMESPACE,
                Filter("agent_type", "Type"),
                Filter("operational_state", "State"),
                Filter("status", "Health"),
            ],
            unless_chosen=MappingProxyType({"show": "current"}),
        ),
        "workers": ListPage(selections.WORKERS, "workers.html", [RUN, STATUS]),
        "stf-files": ListPage(
            selections.STF_FILES,
            "stf_files.html",
            [RUN, Filter("stf_filename", "File name"), STATUS],
            key=lambda params: ["stf_filename"],
            complete=_samples,
        ),
        "tf-samples": ListPage(
            selections.SAMPLES,
            "tf_samples.html",
            [RUN, Filter("stf_filename", "STF file"), Filter("tf_filename", "File name"), STATUS],
            key=lambda params: ["tf_filename"],
        ),
        "slices": ListPage(
            selections.SLICES,
            "slices.html",
            [RUN, Filter("tf_filename", "TF sample"), STATUS, Filter("assigned_worker", "Worker")],
        ),
        "events": ListPage(
            selections.EVENTS,
            "events.html",
            [RUN, EXECUTION, Filter("event_type", "Type"), SINCE],
        ),
        "logs": ListPage(
            selections.LOGS,
            "logs.html",
            [
                Filter("level", "Level, at least", choices=LEVELS),
                Filter("instance_name", "Instance", suggestions=agent_names),
                EXECUTION,
                Filter("text", "Text"),
                SINCE,
            ],
        ),
    }
)
