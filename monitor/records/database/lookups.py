"""The lookup ``among``: one of many texts, as a question that costs little to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import CharField
from django.db.models.lookups import In

if TYPE_CHECKING:
    AnyIn = In[Any]
else:
    AnyIn = In  # a class of many types to the type checker alone


class Among(AnyIn):
    """``IN``; on PostgreSQL one array instead of a place for each of thousands of values."""

    lookup_name = "among"
    prepare_rhs = False

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Give the condition and its parameters."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list(self.rhs)]


def register() -> None:
    """Make it known for text columns."""
    CharField.register_lookup(Among)
