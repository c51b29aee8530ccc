"""Arguments that several tools take, each described once.

What an assistant reads of them is paid for with each session: bounds of texts are enforced and not
published (see ``schemas.py``), and what all lists share is said in the server's instructions.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

Name = Annotated[str, Field(max_length=250)]
"""A name to select by, or several separated by commas."""
ExecutionId = Annotated[
    str, Field(min_length=1, max_length=250, examples=["stf_datataking-maria-0007"])
]
Reason = Annotated[str, Field(max_length=500)]
Limit = Annotated[int, Field(ge=1, le=200)]
Cursor = Annotated[str, Field(max_length=2000)]
Since = Annotated[str, Field(max_length=40, examples=["-2h"])]
Until = Annotated[str, Field(max_length=40)]
Format = Literal["concise", "detailed"]
RunNumber = Annotated[int | None, Field(ge=1, le=2**63 - 1, examples=[100012])]
Workflow = Annotated[
    str, Field(max_length=200, description="Empty: the default.", examples=["stf_datataking"])
]
Config = Annotated[str, Field(max_length=200, examples=["fast_processing_default"])]
IdempotencyKey = Annotated[str, Field(max_length=200, description="Same key: starts once.")]
Overrides = Annotated[
    dict[str, Any] | None,
    Field(examples=[{"stf_count": 5}]),
]
