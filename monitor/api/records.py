"""Base of the endpoints of all tables: lists by key, one record, OpenAPI descriptions."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Model
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.mixins import UpdateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.viewsets import GenericViewSet

from monitor.records.database.write_lock import one_writer
from monitor.records.queries.pages import take_page
from monitor.records.queries.selection import Selection, read_number
from swf_common_lib.errors import InvalidRequest, NotFound

DEFAULT_LIMIT = 200
MOST = 10_000

_TYPES: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool}


class RecordSchema(AutoSchema):
    """Describes the filters of a list as its selection defines them."""

    def get_override_parameters(self) -> list[Any]:
        """Return the OpenAPI parameters of a list."""
        selection = getattr(self.view, "selection", None)
        if selection is None or getattr(self.view, "action", "") != "list":
            return []
        described = [
            OpenApiParameter(
                name,
                _TYPES[parameter.kind],
                description=parameter.description,
                enum=parameter.choices or None,
            )
            for name, parameter in selection.parameters.items()
        ]
        orders = ["newest", *selection.orderings]
        return [
            *described,
            OpenApiParameter(
                "ordering", str, description="order; - before the name reverses it", enum=orders
            ),
            OpenApiParameter("limit", int, description=f"rows at most (default {DEFAULT_LIMIT})"),
            OpenApiParameter("cursor", str, description="from the Link header of the page before"),
        ]


class RecordViewSet(GenericViewSet[Any]):
    """Lists a table, newest first, and shows one record of it."""

    schema = RecordSchema()
    selection: ClassVar[Selection[Any]]
    what: ClassVar[str]
    """What a record is called in error texts."""
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> Any:
        """Return all rows."""
        return self.selection.rows()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the records that the parameters select."""
        params = self.list_parameters(request)
        limit, cursor = _paging(params)
        page = take_page(self.selection, params, limit, cursor)
        response = Response(self.get_serializer(page.items, many=True).data)
        if page.next_cursor is not None or cursor:
            response["X-Total-Count"] = str(page.total)
        if page.next_cursor is not None:
            address = request.build_absolute_uri()
            address = replace_query_param(address, "cursor", page.next_cursor)
            response["Link"] = f'<{address}>; rel="next"'
        return response

    def list_parameters(self, request: Request) -> dict[str, str]:
        """Return the parameters of the request's address."""
        return {name: str(value) for name, value in request.query_params.items()}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show one record."""
        return Response(self.get_serializer(self.get_object()).data)

    def get_object(self) -> Any:
        """Return the record that the address names; raise NotFound."""
        key = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        found: Model | None = None
        # A text that cannot be the key of any row, such as an ill-formed UUID, raises these.
        with contextlib.suppress(ValueError, ValidationError):
            found = self.get_queryset().filter(**{self.lookup_field: key}).first()
        if found is None:
            raise NotFound(f"there is no {self.what} {str(key)[:250]!r}")
        return found


class ChangeableViewSet(UpdateModelMixin, RecordViewSet):
    """A table whose records a PATCH changes; each row is locked meanwhile.

    Ingest counts in the same rows: without a lock a PATCH would overwrite its latest counts.
    """

    http_method_names = ["get", "post", "patch", "head", "options"]

    def get_queryset(self) -> Any:
        """Return all rows; for a PATCH they are locked against other writers."""
        rows = super().get_queryset()
        changing = getattr(self, "action", "") == "partial_update"
        return rows.select_for_update(of=("self",)) if changing else rows

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read, check and change the record in one transaction."""
        _ = request.data  # read the body before taking the lock, so that nobody waits for it
        with one_writer():
            return super().update(request, *args, **kwargs)


def _paging(params: Mapping[str, str]) -> tuple[int, str | None]:
    text = params.get("limit") or str(DEFAULT_LIMIT)
    try:
        limit = read_number(text)
    except ValueError as error:
        raise InvalidRequest(f"limit={text}: {error}") from error
    if not 1 <= limit <= MOST:
        raise InvalidRequest(f"limit={text}: expected 1 to {MOST}")
    return limit, params.get("cursor") or None
