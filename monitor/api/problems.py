"""Errors as REST answers: problem JSON, and REST framework's own form for fields."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from swf_common_lib.errors import (
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TestbedError,
    Unavailable,
)
from swf_common_lib.remedies import Remedy

PROBLEM_JSON = "application/problem+json"
API = "/api/"

logger = logging.getLogger(__name__)


class ServerFault(TestbedError):
    """Something went wrong inside the monitor."""

    code = "server-error"


class MethodNotAllowed(TestbedError):
    """A method that an address does not have."""

    code = "method-not-allowed"
    http_status = 405


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer for an exception in a view (REST framework's EXCEPTION_HANDLER)."""
    if isinstance(exc, exceptions.ValidationError):
        return exception_handler(exc, context)
    problem = as_testbed_error(exc)
    if problem is None:
        return None
    if isinstance(problem, Unavailable):
        logger.warning("answered 503: %s", problem.detail)
    headers = {}
    for header, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait")):
        if value := getattr(exc, attribute, None):
            headers[header] = str(value)
    if problem.http_status == 401:
        headers.setdefault("WWW-Authenticate", "Token")
    body = problem.problem()
    if isinstance(exc, exceptions.APIException):
        body["status"] = exc.status_code
    return Response(
        body,
        status=body["status"],
        headers=headers,
        content_type=PROBLEM_JSON,
    )


def as_testbed_error(exc: BaseException) -> TestbedError | None:
    """Return the testbed's error for an exception; None for an unexpected one."""
    if isinstance(exc, TestbedError):
        return exc
    if isinstance(exc, OperationalError | InterfaceError):
        return Unavailable(
            f"the database does not answer: {exc}",
            "Try again in a moment. If it stays away: `testbed start-local` on the monitor's host.",
            Remedy.START_SERVICES,
            {"service": "database"},
        )
    if isinstance(exc, IntegrityError):
        # The checks before found nothing wrong, so somebody wrote the row after them.
        return InvalidRequest(f"there is such a record already: {exc}", "Read it first.")
    if isinstance(exc, DataError | RecursionError):
        return InvalidRequest(f"the values cannot be stored: {exc}")
    if isinstance(exc, Http404):
        return NotFound(str(exc) or "there is nothing at this address")
    if isinstance(exc, PermissionDenied):
        return NotAllowed(str(exc) or "this is not permitted")
    if isinstance(exc, exceptions.APIException):
        return _of_framework(exc)
    return None


def _of_framework(exc: exceptions.APIException) -> TestbedError:
    detail = str(exc.detail)
    if isinstance(exc, exceptions.MethodNotAllowed):
        return MethodNotAllowed(detail, "The Allow header names the methods that it has.")
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return NotAuthenticated(detail)
    if isinstance(exc, exceptions.PermissionDenied):
        return NotAllowed(detail)
    if isinstance(exc, exceptions.NotFound):
        return NotFound(detail)
    if isinstance(exc, exceptions.ParseError | exceptions.UnsupportedMediaType):
        return InvalidRequest(detail, "Send JSON, with Content-Type: application/json.")
    return InvalidRequest(detail) if exc.status_code < 500 else ServerFault(detail)


@csrf_exempt  # it changes nothing, and a POST should get this error, not one about CSRF
def unknown_address(request: HttpRequest) -> HttpResponse:
    """Return the answer for an unknown address below ``/api/``."""
    hint = "/api/ lists what there is, /api/docs/ describes it."
    if not request.path.endswith("/"):
        hint = f"A slash belongs to the end of every address: {request.path}/. {hint}"
    return as_json(NotFound(f"there is nothing at {request.path}", hint))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the answer for a request that is refused before its address is read (handler400)."""
    if isinstance(exception, DisallowedHost):
        host = request.META.get("HTTP_HOST", "")
        problem = InvalidRequest(
            f"the monitor takes no requests under the host name {host!r}",
            "On the monitor's host SWF_PUBLIC_URL or SWF_ALLOWED_HOSTS names those that it takes; a"
            " reverse proxy has to pass on the header Host.",
        )
    elif isinstance(exception, RequestDataTooBig):
        problem = InvalidRequest("the form is too large", "Send less: at most 2.5 MB.")
    else:
        problem = InvalidRequest(f"the request cannot be used: {exception}")
    if request.path.startswith(API):
        return as_json(problem)
    return HttpResponse(render_to_string("400.html", {"problem": problem}), status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the answer for an unexpected error, which is in the monitor's log (handler500)."""
    error = sys.exc_info()[1]
    problem = as_testbed_error(error) if error is not None else None
    if problem is None:
        hint = "Its log says more: `testbed logs web`."
        problem = ServerFault("the monitor failed at this request", hint)
    if request.path.startswith(API):
        return as_json(problem)
    page = render_to_string("500.html", {"problem": problem})
    return HttpResponse(page, status=problem.http_status)


def as_json(error: TestbedError) -> JsonResponse:
    """Return an error as a JSON answer, for use outside of REST framework's views."""
    response = JsonResponse(error.problem(), status=error.http_status, content_type=PROBLEM_JSON)
    if error.http_status == 401:
        response.headers["WWW-Authenticate"] = "Token"
    return response
