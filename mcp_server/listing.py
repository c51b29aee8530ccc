"""Pages of rows for an assistant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model

from mcp_server.results import Result
from monitor.records.filtering import Selection
from monitor.records.pages import take_page

M = TypeVar("M", bound=Model)
R = TypeVar("R", bound=Result)


class ListResult(Result):
    """What every list gives besides its ``items``."""

    total: int
    """Rows on all pages."""
    next_cursor: str | None = None
    applied_filters: dict[str, str]


@dataclass(frozen=True)
class Rows(Generic[R]):
    """One page, made ready on the database's thread."""

    items: list[R]
    total: int
    next_cursor: str | None
    applied_filters: dict[str, str]

    def summary(self, noun: str) -> str:
        """Say in a line how many there are."""
        text = f"{len(self.items)} of {self.total} {noun}"
        if self.applied_filters:
            text += f" ({', '.join(f'{k}={v}' for k, v in self.applied_filters.items())})"
        return text + ("; more with next_cursor" if self.next_cursor else "")


def read_rows(
    selection: Selection[M],
    params: Mapping[str, Any],
    limit: int,
    cursor: str,
    shown: Callable[[Sequence[M]], list[R]],
) -> Rows[R]:
    """Read one page of ``selection``; ``shown`` turns its rows into what is given back.

    Parameters without a value select nothing out. Raises InvalidRequest for values that cannot
    be used.
    """
    given = {name: str(value) for name, value in params.items() if value not in ("", None)}
    page = take_page(selection, given, limit, cursor or None)
    filters = {name: value for name, value in given.items() if name != "ordering"}
    return Rows(shown(page.items), page.total, page.next_cursor, filters)
