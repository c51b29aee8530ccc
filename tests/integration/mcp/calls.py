"""Calling tools: those that must succeed, and those that must refuse."""

from __future__ import annotations

import json
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must succeed, and give its structured content."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    assert "\n" not in text_of(result), "the text is one line"
    return result.structured_content


async def refusal(client: Client, tool: str, /, **arguments: Any) -> str:
    """Call a tool that must refuse, and give what it says."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error, result.structured_content
    return text_of(result)


def text_of(result: object) -> str:
    """Return the one text of a result."""
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def size_of(value: Any) -> int:
    """Return how many bytes an answer's structured content has."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


async def told(client: Client, tool: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """Call a tool that must succeed, and give its line of text and its structured content."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return text_of(result), result.structured_content
