"""An assistant's session with the server: what is called, and how much there is to read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent, Tool

from tests.stack import Stack

_PATIENCE = 120
"""Seconds that the HTTP client waits for an answer; wait_for_workflow takes up to a minute."""


@dataclass
class Session:
    """Calls tools, and keeps count."""

    client: Client
    calls: list[str] = field(default_factory=list)
    bytes: int = 0
    """Of all answers together."""
    read: str = ""
    """All that was answered."""

    async def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Call a tool and give its structured content; of a refusal, its text as ``refused``."""
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        answer = result.model_dump_json(by_alias=True, exclude_none=True)
        self.calls.append(tool)
        self.bytes += len(answer.encode())
        self.read += f"\n{answer}"
        if result.is_error:
            return {"refused": " ".join(text_of(result))}
        return result.structured_content or {}

    async def tools(self) -> list[Tool]:
        """Return the server's tools."""
        return (await self.client.list_tools()).tools

    def again(self) -> Session:
        """Return a session over the same connection that has read nothing yet."""
        return Session(self.client)


def text_of(result: CallToolResult) -> list[str]:
    """Return the texts of a result."""
    return [part.text for part in result.content if isinstance(part, TextContent)]


@asynccontextmanager
async def opened(url: str, token: str) -> AsyncIterator[Session]:
    """Connect to a server over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=_PATIENCE) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield Session(client)


def address_of(stack: Stack) -> tuple[str, str]:
    """Return URL and key of an installation's server."""
    return stack.settings.swf_mcp_url, stack.settings.swf_api_token
