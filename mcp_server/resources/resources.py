"""Resources: what an assistant may read, and subscribe to, without calling a tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_server.answers.error_text import bounded
from mcp_server.answers.results import Result
from mcp_server.answers.truncation import MOST_BYTES, fitted, that_fit
from mcp_server.application import Application
from mcp_server.resources.documents import document
from mcp_server.views.definitions import definition
from mcp_server.views.executions import execution_detail
from mcp_server.views.logs import log_items
from mcp_server.views.status import current_status
from monitor.executions.control import find
from monitor.records.models import AppLog
from swf_common_lib.errors import NotFound, TestbedError
from swf_common_lib.text import middle_cut

_JSON = "application/json"
_TEXT = "text/plain"
_LOG_LINES = 500
_LONGEST_RECORD = 4_000


def add_resources(server: MCPServer[Application], application: Application) -> None:
    """Add the resources to ``server``. Whoever can reach the server may read them."""
    settings = application.settings

    @server.resource(
        "testbed://status",
        title="System status",
        description="What needs a hand and what to do, services, agents, executions. Subscribable.",
        mime_type=_JSON,
    )
    async def status() -> str:
        found, line = await current_status(application, evidence=True)
        return _as_json(found, summary=line)

    @server.resource(
        "testbed://workflows/{name}",
        title="A workflow",
        description="Configurations, parameters with bounds, versions, code. Subscribable.",
        mime_type=_JSON,
    )
    async def workflow(name: str) -> str:
        return _as_json(await _read(application, definition, settings, name, "", True))

    @server.resource(
        "testbed://executions/{execution_id}",
        title="A workflow execution",
        description="Status, progress, statistics, history, configuration. Subscribable: pushed "
        "when it changes.",
        mime_type=_JSON,
    )
    async def execution(execution_id: str) -> str:
        return _as_json(await _read(application, execution_detail, execution_id, True))

    @server.resource(
        "testbed://executions/{execution_id}/log",
        title="Log of an execution",
        description="The newest log records of runner and agents about it, oldest first.",
        mime_type=_TEXT,
    )
    async def execution_log(execution_id: str) -> str:
        text: str = await _read(application, _log, execution_id)
        return text

    @server.resource(
        "testbed://docs/{topic}",
        title="Documentation",
        description="architecture, operations, messages, production, mcp, and the decisions.",
        mime_type="text/markdown",
    )
    async def documentation(topic: str) -> str:
        text: str = await _read(application, document, settings, topic)
        return text


async def _read(application: Application, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return await application.database(function, *arguments)
    except NotFound as error:
        raise ResourceNotFoundError(bounded(str(error))) from error
    except TestbedError as error:
        raise ResourceError(bounded(str(error))) from error


def _as_json(result: Result, **first: Any) -> str:
    """Return a result as JSON, with further fields before its own."""
    told = fitted({**first, **result.model_dump(mode="json", exclude_none=True)})
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _log(execution_id: str) -> str:
    """Return an execution's log, one line a record; the oldest that do not fit are left out."""
    find(execution_id)
    rows = AppLog.objects.filter(execution_id=execution_id).order_by("-id")[:_LOG_LINES]
    lines = (_line(item) for item in log_items(list(rows), detailed=True))
    return "\n".join(reversed(that_fit(lines, MOST_BYTES)))


def _line(item: Mapping[str, Any]) -> str:
    said = middle_cut(item.get("message", ""), _LONGEST_RECORD)
    return f"{item['at']} {item['level']} {item['source']}: {said}"
