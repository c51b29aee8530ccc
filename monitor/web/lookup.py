"""What to say of something that does not exist."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from swf_common_lib.config import nearest
from swf_common_lib.errors import NotFound

_COMPARED = 500
"""Names that a wrong one is compared with: the newest."""


def unknown(noun: str, name: str, rows: QuerySet[Any], column: str) -> NotFound:
    """Give the error for a ``noun`` that does not exist, with the nearest of ``rows`` to it."""
    known = [str(value) for value in rows.values_list(column, flat=True)[:_COMPARED]]
    match = nearest(name, known)
    if match is not None:
        hint = f"Did you mean {match}?"
    elif known:
        hint = f"The latest: {', '.join(known[:5])}."
    else:
        hint = f"There is no {noun} yet."
    return NotFound(f"There is no {noun} {name}.", hint)
