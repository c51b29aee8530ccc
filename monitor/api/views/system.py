"""The state of the whole system, and links that open a browser session."""

from __future__ import annotations

from django.conf import settings
from django.db import Error
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import user_name
from monitor.api.finding_serializers import HealthSerializer
from monitor.api.permissions import scope_of
from monitor.diagnosis.status import is_healthy, system_status
from monitor.diagnosis.system import system_findings
from monitor.executions.announcer import announcer
from monitor.health.database import database_state
from monitor.health.look import take_look
from monitor.records.tokens import LOGIN_LINK_LIFE, create_login_link
from swf_common_lib.errors import Unavailable
from swf_common_lib.text import instant


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def status(request: Request) -> Response:
    """Return services, agents, executions, and what needs a hand."""
    look = take_look(announcer().queues, from_outside=False)
    return Response(system_status(look, system_findings(look)))


@extend_schema(responses=HealthSerializer)
@api_view(["GET"])
def health(request: Request) -> Response:
    """Return what needs a hand in the whole testbed, the worst first, as values."""
    look = take_look(announcer().queues, from_outside=False)
    findings = system_findings(look)
    return Response(
        {
            "as_of": instant(look.now),
            "healthy": is_healthy(findings),
            "findings": [finding.as_json() for finding in findings],
        }
    )


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def installation(request: Request) -> Response:
    """Return the caller's name and scope, and the database's state: for `testbed doctor`."""
    caller = {"user": user_name(request), "scope": scope_of(request.user, request.auth)}
    try:
        database = database_state()
    except Error as error:
        raise Unavailable(f"the monitor's database does not answer: {error}") from error
    return Response({"caller": caller, "database": database})


@extend_schema(request=None, responses={201: OpenApiTypes.OBJECT})
@api_view(["POST"])
def login_links(request: Request) -> Response:
    """Create a link that opens one browser session for the caller."""
    key = create_login_link(user_name(request))
    return Response(
        {
            "url": f"{settings.TESTBED.public_url}/login/{key}/",
            "expires_in_seconds": int(LOGIN_LINK_LIFE.total_seconds()),
        },
        status=201,
    )
