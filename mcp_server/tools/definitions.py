"""Workflows that can be started, and their configurations."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Config, Cursor, Limit, Name, Overrides, Workflow
from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.definitions import (
    Definition,
    DefinitionList,
    Validation,
    definition,
    definitions,
    validated,
)
from swf_common_lib.text import short


async def list_workflow_definitions(
    context: ToolContext, workflow_name: Name = "", limit: Limit = 20, cursor: Cursor = ""
) -> Annotated[CallToolResult, DefinitionList]:
    """List the workflows that can be started, with their configurations.

    Next: get_workflow_definition, start_workflow.
    """
    application = application_of(context)
    found = await application.database(
        definitions, application.settings, workflow_name, limit, cursor
    )
    return answer(found, found.note or f"{len(found.items)} of {found.total} workflows")


async def get_workflow_definition(
    context: ToolContext,
    workflow: Workflow = "",
    config: Config = "",
    code: Annotated[bool, Field(description="With its Python source.")] = False,
) -> Annotated[CallToolResult, Definition]:
    """Get a workflow's configurations, versions, parameters (meaning, default, bounds) and speed.

    Next: start_workflow as its example shows.
    """
    application = application_of(context)
    found = await application.database(definition, application.settings, workflow, config, code)
    of_config = f" of {found.config}" if found.config else ""
    paces = "; ".join(
        f"{kind} start: speed {pace['speed']:g}" for kind, pace in found.speed.items()
    )
    text = f"{found.workflow}: {len(found.parameters)} parameters{of_config}; {paces} (0: fastest)"
    return answer(found, "; ".join([text, *found.problems]))


async def validate_workflow_config(
    context: ToolContext,
    workflow: Workflow = "",
    config: Config = "",
    namespace: Name = "",
    parameters: Overrides = None,
) -> Annotated[CallToolResult, Validation]:
    """Check a configuration with overrides, starting nothing: every fault, or each resolved value
    and where it came from. Next: start_workflow with the same arguments.
    """
    application = application_of(context)
    result = await application.database(
        validated, application.settings, workflow, config, namespace, parameters or {}
    )
    count = len(result.problems)
    faults = f"{count} fault{'s' if count > 1 else ''}: {'; '.join(result.problems)}"
    summary = "; ".join(["valid", *result.notes]) if result.ok else short(faults, 300)
    return answer(result, f"{result.config or config or workflow}: {summary}")


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_workflow_definitions, "List workflows"),
        read_tool(get_workflow_definition, "Get a workflow"),
        read_tool(validate_workflow_config, "Check a configuration"),
    ]
