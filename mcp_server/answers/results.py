"""What tools give back: structured content, and one line of text that sums it up."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, model_validator

from mcp_server.answers.truncation import fitted, shallow

_LONGEST_SUMMARY = 500


class Result(BaseModel):
    """Base of what tools give; what is None is left out."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _not_too_deep(cls, fields: Any) -> Any:
        """Leave out what is nested deeper than can be written: others' values come as they are."""
        if not isinstance(fields, dict):
            return fields  # one that is made already
        return {name: shallow(value) for name, value in fields.items()}


def answer(result: Result, summary: str) -> CallToolResult:
    """Give ``result`` as compact structured content with ``summary`` as its text.

    What would be too much to read is shortened where it is longest.
    """
    line = " ".join(summary.split())
    if len(line) > _LONGEST_SUMMARY:
        line = f"{line[:_LONGEST_SUMMARY]} ..."
    return CallToolResult(
        content=[TextContent(type="text", text=line)],
        structured_content=fitted(result.model_dump(mode="json", exclude_none=True)),
    )
