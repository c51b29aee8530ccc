"""Pages that list the rows of one table, with filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from monitor.records.queries.selection import Selection
from monitor.web.pages import show
from monitor.web.paging import AFTER, BEFORE, Page, paginate
from swf_common_lib.errors import TestbedError

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Filter:
    """A field of a list's filter form; its name is that of the selection's parameter."""

    name: str
    label: str
    choices: Sequence[str] = ()
    """Values to choose from; empty: those of the selection's parameter, else any text."""
    suggestions: Iterable[str] = ()
    """Values offered while typing a text."""
    example: str = ""
    """Shown in the empty field."""


SINCE = Filter("since", "Since", example="-2h")


def show_list(
    request: HttpRequest,
    template: str,
    selection: Selection[M],
    filters: Sequence[Filter],
    *,
    key: Sequence[str] = (),
    refine: Callable[[QuerySet[M]], QuerySet[M]] = lambda rows: rows,
    complete: Callable[[list[M]], Mapping[str, Any]] = lambda rows: {},
) -> HttpResponse:
    """Show one page of the rows of ``selection``, newest first.

    ``key`` replaces the selection's own columns of order (see ``paginate``), ``refine`` says what
    to read of each row, ``complete`` adds to the context what belongs to the page's rows. A
    filter that is unknown or ill-formed shows the form as it was filled in, with the error, and
    no rows.
    """
    params = _chosen(request)
    error: TestbedError | None = None
    try:
        rows = refine(selection.select(params))
        page: Page[M] = paginate(request, rows, key or selection.newest)
    except TestbedError as fault:
        page, error = Page(), fault
    context = {
        "page": page,
        "filters": [_field(item, selection, params.get(item.name, "")) for item in filters],
        "filtered": bool(params),
        **complete(page.rows),
    }
    return show(request, template, context, error=error)


def _chosen(request: HttpRequest) -> dict[str, str]:
    """Give the filters in the page's address that hold a value."""
    return {
        name: value.strip()
        for name, value in request.GET.items()
        if name not in (BEFORE, AFTER) and isinstance(value, str) and value.strip()
    }


def _field(item: Filter, selection: Selection[M], value: str) -> dict[str, Any]:
    """Give what the template shows of a filter; a value that is no choice is shown all the same."""
    choices = list(item.choices or selection.parameters[item.name].choices)
    if choices and value and value not in choices:
        choices.append(value)
    return {
        "name": item.name,
        "label": item.label,
        "choices": choices,
        "suggestions": item.suggestions,
        "example": item.example,
        "value": value,
    }
