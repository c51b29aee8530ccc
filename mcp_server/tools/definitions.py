"""Workflows that can be started, and their configurations."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.callers import ToolContext, application_of
from mcp_server.definition_view import DefinitionList, Validation, definitions, validated
from mcp_server.results import answer
from mcp_server.tool import TestbedTool, read_tool


async def list_workflow_definitions(
    context: ToolContext,
    workflow_name: Annotated[
        str, Field(max_length=200, description="Only this workflow.", examples=["stf_datataking"])
    ] = "",
    limit: Annotated[int, Field(ge=1, le=200, description="Rows at most.", examples=[20])] = 20,
    cursor: Annotated[
        str, Field(max_length=20, description="next_cursor of the previous page.", examples=["20"])
    ] = "",
) -> Annotated[CallToolResult, DefinitionList]:
    """List the workflows that can be started with their configurations and recorded versions.

    Next: validate_workflow_config for the parameters of one, or start_workflow.
    """
    application = application_of(context)
    found = await application.database(
        definitions, application.settings, workflow_name, limit, cursor
    )
    return answer(found, f"{len(found.items)} of {found.total} workflows")


async def validate_workflow_config(
    context: ToolContext,
    workflow: Annotated[
        str,
        Field(max_length=200, description="As for start_workflow.", examples=["stf_datataking"]),
    ] = "",
    config: Annotated[
        str,
        Field(
            max_length=200,
            description="As for start_workflow.",
            examples=["fast_processing_default"],
        ),
    ] = "",
    namespace: Annotated[
        str, Field(max_length=100, description="As for start_workflow.", examples=["torre1"])
    ] = "",
    parameters: Annotated[
        dict[str, Any] | None,
        Field(description="Overrides by name or section.name.", examples=[{"stf_count": 5}]),
    ] = None,
) -> Annotated[CallToolResult, Validation]:
    """Check a configuration with overrides without starting it.

    Gives every fault, or the resolved values, each with what it means and where it came from.
    Next: start_workflow with the same arguments.
    """
    application = application_of(context)
    result = await application.database(
        validated, application.settings, workflow, config, namespace, parameters or {}
    )
    count = len(result.problems)
    summary = "valid" if result.ok else f"{count} fault{'s' if count > 1 else ''}"
    return answer(result, f"{result.config or config or workflow}: {summary}")


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [
        read_tool(list_workflow_definitions, "List workflows"),
        read_tool(validate_workflow_config, "Validate a configuration"),
    ]
