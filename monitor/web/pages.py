"""Common parts of all pages: session, the fragment for live updates, errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swf_common_lib.config import nearest
from swf_common_lib.errors import NotFound, TestbedError

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

FRAGMENT_HEADER = "X-Fragment"
"""A request with this header gets only the part of the page that changes."""


def signed_in(view: View[P]) -> View[P]:
    """Return a view that needs a session, and shows errors of the testbed as a page.

    A request for a fragment without a session is answered with 401, not with the login page: so
    the open page can show that its session has ended.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if wants_fragment(request):
                return HttpResponse("The session has ended.", status=401, content_type="text/plain")
            return redirect_to_login(request.get_full_path())
        try:
            return view(request, *args, **kwargs)
        except TestbedError as error:
            return show_error(request, error)

    return guarded


def page(view: View[P]) -> View[P]:
    """Return a view as a page: it needs a session, and GET or HEAD."""
    return require_safe(signed_in(view))


def wants_fragment(request: HttpRequest) -> bool:
    """Return whether the request is only for the live part of a page."""
    return FRAGMENT_HEADER in request.headers


def show(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    error: TestbedError | None = None,
) -> HttpResponse:
    """Render a page, or only its live part if that was requested.

    With ``error`` the page says what is wrong and what to do, and has the error's status code.
    """
    base = "web/fragment.html" if wants_fragment(request) else "web/base.html"
    return render(
        request,
        f"web/{template}",
        {**context, "base": base, "problem": error},
        status=error.http_status if error else 200,
    )


def show_error(request: HttpRequest, error: TestbedError) -> HttpResponse:
    """Render an error as a page of its own."""
    return show(request, "error.html", {}, error=error)


_COMPARED = 500
"""How many of the newest names an unknown one is compared with."""


def unknown(noun: str, name: str, rows: QuerySet[Any], column: str) -> NotFound:
    """Return the error for a ``noun`` that does not exist, with the nearest of ``rows`` to it."""
    known = [str(value) for value in rows.values_list(column, flat=True)[:_COMPARED]]
    match = nearest(name, known)
    if match is not None:
        hint = f"Did you mean {match}?"
    elif known:
        hint = f"The latest: {', '.join(known[:5])}."
    else:
        hint = f"There is no {noun} yet."
    return NotFound(f"There is no {noun} {name}.", hint)
