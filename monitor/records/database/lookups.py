"""The lookup ``in_array``: equal to one of many texts, as a cheap query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import CharField
from django.db.models.lookups import In

if TYPE_CHECKING:
    AnyIn = In[Any]
else:
    AnyIn = In  # generic for the type checker only


class InArray(AnyIn):
    """``IN``; on PostgreSQL one array instead of a placeholder for each of thousands of values."""

    lookup_name = "in_array"
    prepare_rhs = False

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return the SQL condition and its parameters."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list(self.rhs)]


def register() -> None:
    """Register the lookup for text columns."""
    CharField.register_lookup(InArray)
