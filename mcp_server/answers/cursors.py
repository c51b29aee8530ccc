"""Cursors that say which list they belong to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from swf_common_lib.errors import InvalidRequest

_LENGTH = 8


@dataclass(frozen=True)
class ListCursors:
    """The cursors of one list: a place in it, behind a mark that other lists do not have.

    A cursor that is used with other filters would quietly leave rows out.
    """

    mark: str

    @classmethod
    def of(cls, *question: Any) -> ListCursors:
        """Return the cursors of the list that ``question``, as JSON has it, asks for."""
        text = json.dumps(question, sort_keys=True)
        return cls(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH])

    def at(self, place: str) -> str:
        """Return the cursor of a place."""
        return f"{self.mark}.{place}"

    def place(self, cursor: str) -> str:
        """Return the place of a cursor; raise InvalidRequest for one of another list."""
        mark, dot, place = cursor.partition(".")
        if not dot or len(mark) != _LENGTH:
            raise no_cursor(cursor)
        if mark != self.mark:
            raise InvalidRequest(
                "this cursor belongs to a list with other filters or another order",
                "Repeat the filters of the call that gave it (its applied_filters names them), "
                "or leave cursor out for the first page of these.",
            )
        return place


def no_cursor(cursor: str) -> InvalidRequest:
    """Return the error for a text that is a cursor of no list."""
    return InvalidRequest(
        f"cursor {cursor[:80]!r} is not one of this list",
        "Pass next_cursor of the page before unchanged, or leave it out for the first page.",
    )
