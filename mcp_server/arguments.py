"""Arguments that several tools take, each described once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

ExecutionId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=250,
        description="Id that start_workflow gave or list_workflow_executions shows.",
        examples=["stf_datataking-maria-0007"],
    ),
]
Reason = Annotated[
    str,
    Field(max_length=500, description="Why; kept in the history.", examples=["wrong rate"]),
]
Limit = Annotated[int, Field(ge=1, le=200, description="Rows at most.", examples=[20])]
Cursor = Annotated[
    str,
    Field(
        max_length=1000,
        description="next_cursor of the previous page, same filters.",
        examples=["WzQyXQ"],
    ),
]
Since = Annotated[
    str,
    Field(
        max_length=40,
        description="Not before: ISO 8601, or relative as -30m, -2h, -7d.",
        examples=["-2h"],
    ),
]
Until = Annotated[
    str,
    Field(max_length=40, description="Not after, as since.", examples=["2026-03-01T12:00Z"]),
]
Format = Annotated[
    Literal["concise", "detailed"],
    Field(description="detailed: all fields.", examples=["concise"]),
]
NamespaceFilter = Annotated[
    str, Field(max_length=100, description="Only this namespace.", examples=["torre1"])
]
