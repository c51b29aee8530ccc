"""Resources: the state of the testbed and of single executions, to be read by their address."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_server.application import Application
from mcp_server.execution_view import execution_detail
from mcp_server.results import Result
from mcp_server.tools.status import read_status
from swf_common_lib.errors import NotFound, TestbedError

_JSON = "application/json"


def add_resources(server: MCPServer[Application], application: Application) -> None:
    """Add the resources to ``server``. Whoever can reach the server may read them."""

    @server.resource(
        "testbed://status",
        title="System status",
        description="Health of the testbed: services, agents, executions, problems.",
        mime_type=_JSON,
    )
    async def status() -> str:
        return await _read(application, read_status)

    @server.resource(
        "testbed://executions/{execution_id}",
        title="A workflow execution",
        description="Status, progress, statistics, history and configuration of one execution.",
        mime_type=_JSON,
    )
    async def execution(execution_id: str) -> str:
        return await _read(application, execution_detail, execution_id, True)


async def _read(application: Application, function: Any, *arguments: Any) -> str:
    try:
        result: Result = await application.database(function, *arguments)
    except NotFound as error:
        raise ResourceNotFoundError(str(error)) from error
    except TestbedError as error:
        raise ResourceError(str(error)) from error
    return result.model_dump_json(exclude_none=True)
