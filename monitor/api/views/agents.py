"""Agents and their heartbeats, namespaces, subscribers."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import user_name
from monitor.api.records import ChangeableViewSet, RecordViewSet
from monitor.api.serializers import (
    AgentSerializer,
    HeartbeatSerializer,
    NamespaceSerializer,
    SubscriberSerializer,
)
from monitor.executions.control import renew_leases
from monitor.records.models import Namespace, SystemAgent
from monitor.records.models.agents import UNDECLARED_INTERVAL
from monitor.records.queries.selections import AGENTS, NAMESPACES, SUBSCRIBERS
from swf_common_lib.config.testbed_file import namespace_problem

MOST_EXECUTIONS = 1000
"""Executions that a heartbeat may name."""
MOST_TICKS = 1e15


class AgentViewSet(RecordViewSet):
    """Agents; the first heartbeat of an agent creates its row."""

    selection = AGENTS
    what = "agent"
    serializer_class = AgentSerializer

    def get_object(self) -> SystemAgent:
        """Find an agent by its id or its name."""
        if not self.kwargs["pk"].isdecimal():
            self.lookup_field, self.lookup_url_kwarg = "instance_name", "pk"
        found: SystemAgent = super().get_object()
        return found

    @extend_schema(request=HeartbeatSerializer, responses=AgentSerializer)
    @action(detail=False, methods=["post"], url_path="heartbeat")
    def heartbeat(self, request: Request) -> Response:
        """Record an agent's heartbeat; renew the leases of a runner's executions."""
        said = HeartbeatSerializer(data=request.data, partial=True)
        said.is_valid(raise_exception=True)
        declared = said.validated_data.get("heartbeat_interval", UNDECLARED_INTERVAL)
        values = {
            **said.validated_data,
            "last_heartbeat": timezone.now(),
            "heartbeat_interval": declared,
        }
        if isinstance(sent := values.get("metadata", {}).get("clock"), int | float):
            ahead = sent - values["last_heartbeat"].timestamp()
            values["metadata"] = {**values["metadata"], "clock_offset_seconds": round(ahead, 2)}
        name = values.pop("instance_name", "")
        executions = values.get("metadata", {}).get("executions")
        with transaction.atomic():
            agents = SystemAgent.objects.filter(instance_name=name)
            created = False
            if not (name and agents.update(**values)):
                # The first heartbeat must have all fields that a new row needs.
                HeartbeatSerializer(data=request.data).is_valid(raise_exception=True)
                created = _create(name, values)
            lost = renew_leases(name, _ticks(executions)) if executions else []
            answer = said.to_representation(agents.get())
        answer["lost_executions"] = lost
        return Response(answer, status=201 if created else 200)


def _create(name: str, values: dict[str, Any]) -> bool:
    try:
        with transaction.atomic():
            SystemAgent.objects.create(instance_name=name, **values)
    except IntegrityError:  # another heartbeat of it created the row first
        SystemAgent.objects.filter(instance_name=name).update(**values)
        return False
    return True


def _ticks(value: Any) -> dict[str, float | None]:
    """Return the executions that a heartbeat names, by id, with how far their clocks are.

    Each is an id, or a table with ``execution_id`` and ``tick``.
    """
    ticks: dict[str, float | None] = {}
    for item in value[:MOST_EXECUTIONS] if isinstance(value, list) else []:
        if isinstance(item, dict):
            tick = item.get("tick")
            ticks[str(item.get("execution_id"))] = (
                float(tick) if isinstance(tick, int | float) and abs(tick) < MOST_TICKS else None
            )
        else:
            ticks[str(item)] = None
    return ticks


class SubscriberViewSet(CreateModelMixin, ChangeableViewSet):
    """Consumers of STF announcements that registered themselves."""

    selection = SUBSCRIBERS
    what = "subscriber"
    serializer_class = SubscriberSerializer


class NamespaceViewSet(RecordViewSet):
    """Namespaces, by their names."""

    selection = NAMESPACES
    what = "namespace"
    serializer_class = NamespaceSerializer
    lookup_field = "name"

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"], url_path="ensure")
    def ensure(self, request: Request) -> Response:
        """Create a namespace unless it exists; an existing one stays as it is."""
        data = request.data if isinstance(request.data, dict) else {}
        name = data.get("name")
        problem = None
        if not isinstance(name, str) or not name.strip():
            problem = "name is required"
        else:
            problem = namespace_problem(name)
        texts = {key: data.get(key) or "" for key in ("owner", "description")}
        for key, value in texts.items():
            if not isinstance(value, str) or "\0" in value or (key == "owner" and len(value) > 100):
                problem = problem or f"{key} is not a text of the right length"
        if problem:
            return Response({"status": "error", "error": problem}, status=400)
        texts["owner"] = texts["owner"] or user_name(request)
        namespace, created = Namespace.objects.get_or_create(name=name, defaults=texts)
        return Response(
            {
                "status": "success",
                "name": namespace.name,
                "owner": namespace.owner,
                "description": namespace.description,
                "created": created,
            }
        )
