"""``/readyz`` and ``/metrics``."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitor.api.authentication import token_of
from monitor.api.networks import comes_from
from monitor.api.permissions import require_scope
from monitor.api.problems import as_json, as_testbed_error
from monitor.probes.metrics import Metrics
from monitor.probes.readiness import readiness
from swf_common_lib.errors import TestbedError
from swf_common_lib.states import TokenScope

SCOPE_KEY = "monitor.metrics"
"""Where a request's ASGI scope has the figures of the server that answers it."""


@csrf_exempt  # it changes nothing, and a POST should get 405
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 when database, broker and ingest are there, else 503; why, in either case."""
    checks = readiness()
    ready = not any(check.problem for check in checks)
    parts = {
        check.name: {"ready": False, "problem": check.problem} if check.problem else {"ready": True}
        for check in checks
    }
    return JsonResponse({"ready": ready, "checks": parts}, status=200 if ready else 503)


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures of this server for Prometheus."""
    try:
        _require_reader(request)
    except (TestbedError, DatabaseError) as error:
        problem = as_testbed_error(error)
        if problem is None:
            raise
        return as_json(problem)
    figures, content_type = _metrics_of(request).exposition(request.headers.get("Accept", ""))
    return HttpResponse(figures, content_type=content_type)


def _require_reader(request: HttpRequest) -> None:
    if comes_from(request, settings.TESTBED.swf_metrics_networks):
        return
    token = token_of(request)
    require_scope(token.user if token else request.user, token, TokenScope.READ)


def _metrics_of(request: HttpRequest) -> Metrics:
    return cast("Metrics", cast("ASGIRequest", request).scope[SCOPE_KEY])
