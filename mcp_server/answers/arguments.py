"""Arguments that several tools take, each described once.

An assistant reads them in every session, and that costs tokens. So the bounds of texts are enforced
but not published (see ``schemas.py``), and the server's instructions say what all lists share.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mcp_server.answers.truncation import MOST_DEEP

_LARGEST_BITS = 63

Name = Annotated[str, Field(max_length=250)]
"""A name to filter by, or several separated by commas."""
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
    Field(max_length=200, examples=[{"stf_count": 5}]),
]


def text_problem(text: str) -> str:
    """Return why no database can store ``text``; an empty text when it can."""
    if "\0" in text:
        return "has a NUL character (\\u0000); leave it out"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair, which is no character; leave it out"
    return ""


def problem_of(value: Any, depth: int = MOST_DEEP) -> str:
    """Return why an argument can be neither stored nor shown again; an empty text when it can."""
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
        return "is larger than any number here"
    if not isinstance(value, list | dict):
        return ""
    if depth <= 0:
        return f"is nested deeper than {MOST_DEEP} levels; make it flatter"
    parts = value if isinstance(value, list) else [*value, *value.values()]
    return next((problem for part in parts if (problem := problem_of(part, depth - 1))), "")
