"""Pages that list the rows of one table, with filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from monitor.records.queries.selection import Selection
from monitor.web.pages import page, show
from monitor.web.paging import AFTER, BEFORE, LinkedPage, paginate
from swf_common_lib.errors import TestbedError

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Filter:
    """A field of a list's filter form; its name is that of the selection's parameter."""

    name: str
    label: str
    choices: Sequence[str] = ()
    """Values to choose from; empty: those of the selection's parameter, else any text."""
    suggestions: Callable[[], Iterable[str]] = tuple
    """Returns the values that are offered while a text is typed."""
    example: str = ""
    """Shown in the empty field."""
    unchosen: str = "any"
    """Shown of choices of which none is taken."""


SINCE = Filter("since", "Since", example="-2h")


@dataclass(frozen=True)
class ListPage(Generic[M]):
    """A page that lists the rows of a selection, newest first."""

    selection: Selection[M]
    template: str
    filters: Sequence[Filter]
    unless_chosen: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Filters that hold where the address has no value for them."""
    key: Callable[[Mapping[str, str]], Sequence[str]] = lambda params: ()
    """Returns the columns that replace the selection's own order, for some of the filters."""
    refine: Callable[[QuerySet[M]], QuerySet[M]] = lambda rows: rows
    """What to read of each row."""
    complete: Callable[[list[M]], Mapping[str, Any]] = lambda rows: {}
    """Returns what the template needs besides, for the rows of one page."""

    def show(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the rows that the filters select.

        A filter that is unknown or ill-formed shows the form as it was filled in, with the error,
        and no rows.
        """
        params = _chosen(request)
        error: TestbedError | None = None
        try:
            rows = self.refine(self.selection.select({**self.unless_chosen, **params}))
            shown: LinkedPage[M] = paginate(
                request, rows, self.key(params) or self.selection.newest
            )
        except TestbedError as fault:
            shown, error = LinkedPage(), fault
        context = {
            "page": shown,
            "filters": [
                _field(item, self.selection, params.get(item.name, "")) for item in self.filters
            ],
            "filtered": bool(params),
            **self.complete(shown.rows),
        }
        return show(request, self.template, context, error=error)

    @property
    def view(self) -> Callable[[HttpRequest], HttpResponseBase]:
        """The page as a view: for a session only, read with GET or HEAD."""
        return page(self.show)


def _chosen(request: HttpRequest) -> dict[str, str]:
    """Return the filters in the page's address that hold a value."""
    return {
        name: value.strip()
        for name, value in request.GET.items()
        if name not in (BEFORE, AFTER) and isinstance(value, str) and value.strip()
    }


def _field(item: Filter, selection: Selection[M], value: str) -> dict[str, Any]:
    """Return what the template shows of a filter, its value too when it is no choice."""
    choices = list(item.choices or selection.parameters[item.name].choices)
    if choices and value and value not in choices:
        choices.append(value)
    return {
        "name": item.name,
        "label": item.label,
        "choices": choices,
        "suggestions": item.suggestions(),
        "example": item.example,
        "unchosen": item.unchosen,
        "value": value,
    }
