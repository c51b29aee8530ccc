"""Numbers that are issued once."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.records.database.sequences import (
    next_agent_id,
    next_execution_sequence,
    next_run_number,
)


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def agent_id(request: Request) -> Response:
    """Issue the next agent number."""
    return Response({"status": "success", "agent_id": next_agent_id()})


@extend_schema(request=None, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def run_number(request: Request) -> Response:
    """Issue the next run number."""
    return Response({"status": "success", "run_number": next_run_number()})


@extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
@api_view(["POST"])
def execution_sequence(request: Request) -> Response:
    """Issue the next number for an execution of ``workflow_name``."""
    name = request.data.get("workflow_name") if isinstance(request.data, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 200 or "\0" in name:
        return Response({"status": "error", "error": "workflow_name is required"}, status=400)
    return Response({"status": "success", "sequence": next_execution_sequence(name)})
