"""What an assistant sees of log records and namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Max

from mcp_server.answers.truncation import shallow
from monitor.records.models import AppLog, Namespace, SystemAgent, WorkflowExecution
from swf_common_lib.text import given, instant, short

_LINE = 160

Item = dict[str, Any]


def log_items(records: Sequence[AppLog], detailed: bool) -> list[Item]:
    """Return log records as items: each in one line, or complete."""
    return [_log_item(record, detailed) for record in records]


def namespace_items(namespaces: Sequence[Namespace]) -> list[Item]:
    """Return namespaces with owner, number of executions, last execution and last heartbeat."""
    names = [namespace.name for namespace in namespaces]
    ran = WorkflowExecution.objects.filter(namespace__in=names).order_by()
    counts = {
        row["namespace"]: row
        for row in ran.values("namespace").annotate(count=Count("pk"), last=Max("created_at"))
    }
    seen = SystemAgent.objects.filter(namespace__in=names).order_by().values_list("namespace")
    heard = dict(seen.annotate(Max("last_heartbeat")))
    return [
        given(
            name=namespace.name,
            owner=namespace.owner,
            description=namespace.description,
            executions=counts.get(namespace.name, {}).get("count", 0),
            last_execution=instant(counts.get(namespace.name, {}).get("last")),
            last_heartbeat=instant(heard.get(namespace.name)),
        )
        for namespace in namespaces
    ]


def _log_item(record: AppLog, detailed: bool) -> Item:
    item = given(
        at=instant(record.timestamp, "milliseconds"),
        level=record.levelname,
        source=record.instance_name,
        message=record.message if detailed else short(record.message, _LINE),
    )
    if not detailed:
        return item
    return item | given(
        app_name=record.app_name,
        execution_id=record.execution_id,
        run_id=record.run_id,
        module=record.module,
        function=record.funcname,
        line=record.lineno,
        process=record.process,
        extra_data=shallow(record.extra_data),
    )
