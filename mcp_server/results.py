"""What tools give back: structured content, and one line of text that sums it up."""

from __future__ import annotations

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Base of what tools give; what is None is left out."""

    model_config = ConfigDict(extra="forbid")


def answer(result: Result, summary: str) -> CallToolResult:
    """Give ``result`` as compact structured content with ``summary`` as its text."""
    return CallToolResult(
        content=[TextContent(type="text", text=summary)],
        structured_content=result.model_dump(mode="json", exclude_none=True),
    )
