"""The state of the whole, and links that open a browser session."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import user_name
from monitor.records.status import system_status
from monitor.records.tokens import LOGIN_LINK_LIFE, create_login_link


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def status(request: Request) -> Response:
    """Give services, agents, executions, and problems with what to do about each."""
    return Response(system_status())


@extend_schema(request=None, responses={201: OpenApiTypes.OBJECT})
@api_view(["POST"])
def login_links(request: Request) -> Response:
    """Make a link that opens one browser session for the caller, once."""
    key = create_login_link(user_name(request))
    return Response(
        {
            "url": f"{settings.TESTBED.swf_monitor_url}/login/{key}/",
            "expires_in_seconds": int(LOGIN_LINK_LIFE.total_seconds()),
        },
        status=201,
    )
