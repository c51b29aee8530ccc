"""Results of tools: structured content, and one line of text that sums it up."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, model_validator

from mcp_server.answers.truncation import fitted, shallow

_LONGEST_SUMMARY = 500


class Result(BaseModel):
    """Base class of the tools' results; fields that are None are left out of the answer."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _not_too_deep(cls, fields: Any) -> Any:
        """Leave out what is nested too deeply for JSON: values from messages may have any depth."""
        if not isinstance(fields, dict):
            return fields  # one that is made already
        return {name: shallow(value) for name, value in fields.items()}


def answer(result: Result, summary: str) -> CallToolResult:
    """Return ``result`` as compact structured content with ``summary`` as its text.

    Where that is too long for one answer, its longest parts are shortened.
    """
    line = " ".join(summary.split())
    if len(line) > _LONGEST_SUMMARY:
        line = f"{line[:_LONGEST_SUMMARY]} ..."
    return CallToolResult(
        content=[TextContent(type="text", text=line)],
        structured_content=fitted(result.model_dump(mode="json", exclude_none=True)),
    )
