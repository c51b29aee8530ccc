"""Log records of agents and services."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitor.api.networks import comes_from
from monitor.api.permissions import ScopePermission
from monitor.api.records import RecordViewSet
from monitor.api.serializers import LogSerializer
from monitor.records.models import AppLog
from monitor.records.queries.selections import LOGS


class LogPermission(BasePermission):
    """Accepts records without a token from named networks; otherwise needs a scope as usual."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True for a permitted caller; raise NotAuthenticated or NotAllowed for others."""
        anonymous = not (request.user and request.user.is_authenticated)
        if (
            request.method == "POST"
            and anonymous
            and comes_from(request, settings.TESTBED.swf_log_networks)
        ):
            return True
        return ScopePermission().has_permission(request, view)


class LogViewSet(RecordViewSet):
    """Log records; an array of them is taken at once."""

    selection = LOGS
    what = "log record"
    serializer_class = LogSerializer
    permission_classes = [LogPermission]

    def create(self, request: Request) -> Response:
        """Store one record, or an array of them: all, or none when one is faulty."""
        many = isinstance(request.data, list)
        serializer = LogSerializer(data=request.data, many=many)
        if not serializer.is_valid():
            raise ValidationError(_faults(serializer.errors) if many else serializer.errors)
        values = serializer.validated_data if many else [serializer.validated_data]
        # A record that was sent before, with the same id, is not stored again.
        rows = [AppLog(**row) for row in values]
        if many or rows[0].record_id:
            AppLog.objects.bulk_create(rows, ignore_conflicts=True)
        else:
            rows[0].save()
        if many:
            return Response({"status": "success", "count": len(rows)}, status=201)
        if rows[0].record_id:
            rows = [AppLog.objects.get(record_id=rows[0].record_id)]
        return Response(LogSerializer(rows[0]).data, status=201)


def _faults(errors: Any) -> Any:
    """Return the faults by record; REST framework has a list or, in later versions, a table."""
    numbered = enumerate(errors) if isinstance(errors, list) else errors.items()
    return {
        f"record {index}" if str(index).isdecimal() else index: fault
        for index, fault in numbered
        if fault
    }
