"""Runs, their states, their workers and their events."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.records import ChangeableViewSet, RecordViewSet
from monitor.api.serializers import (
    EventSerializer,
    RunSerializer,
    RunStateSerializer,
    WorkerSerializer,
)
from monitor.records.database.notify import notify_changed, notify_runs_changed
from monitor.records.database.write_lock import one_writer
from monitor.records.models import Run, RunState, SystemStateEvent, Worker
from monitor.records.queries.selection import read_number
from monitor.records.queries.selections import EVENTS, RUN_STATES, RUNS, WORKERS
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound

_COUNTS = [
    field.name
    for field in RunState._meta.concrete_fields
    if field.name.startswith(("slices_", "stf_")) or field.name == "active_worker_count"
]


class RunViewSet(CreateModelMixin, ChangeableViewSet):
    """Runs, by ``run_id`` (not the run number)."""

    selection = RUNS
    what = "run with run_id"
    serializer_class = RunSerializer

    @one_writer()
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Register a run, also one that is known from messages only."""
        number = request.data.get("run_number") if isinstance(request.data, dict) else None
        announced = None
        if isinstance(number, int | str) and str(number).isdecimal() and len(str(number)) < 19:
            announced = Run.objects.filter(run_number=int(number), announced_only=True).first()
        serializer = self.get_serializer(announced, data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save(announced_only=False)
        return Response(serializer.data, status=201)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="statistics")
    def statistics(self, request: Request, pk: str) -> Response:
        """Return the statistics of a run, by its run number."""
        try:
            number = read_number(pk)
        except ValueError:
            raise NotFound(f"there is no run {pk[:100]!r}") from None
        return Response(run_statistics(number).as_dict())


class _UpdatedWhenThere(CreateModelMixin, ChangeableViewSet):
    """Records that ingest creates too: a POST for an existing one updates it."""

    model: type[Model]
    key: str

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the record (201), or update the existing one (200)."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        with one_writer():
            present = self.model._default_manager.filter(pk=values[self.key]).first()
            if present is None:
                serializer.save()
                return Response(serializer.data, status=201)
            for name, value in self.changed_fields(values).items():
                setattr(present, name, value)
            present.save()
        return Response(self.get_serializer(present).data)

    def changed_fields(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what a POST changes in an existing record."""
        return values


class RunStateViewSet(_UpdatedWhenThere):
    """The states of runs, by run number."""

    selection = RUN_STATES
    what = "run state of run"
    serializer_class = RunStateSerializer
    model = RunState
    key = "run_number"

    def changed_fields(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what a POST changes; counts of zero, with which agents begin, change nothing."""
        return {
            name: value for name, value in values.items() if not (name in _COUNTS and not value)
        }

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create the state, or update the existing one."""
        answer = super().create(request, *args, **kwargs)
        notify_runs_changed([answer.data["run_number"]])
        return answer

    def perform_update(self, serializer: Any) -> None:
        """Change the state; a new phase or state gets the present time unless one is given."""
        values = serializer.validated_data
        moved = {"phase", "state", "substate"} & set(values)
        if moved and "state_changed_at" not in values:
            serializer.save(state_changed_at=timezone.now())
        else:
            serializer.save()
        notify_runs_changed([serializer.instance.run_number])


class WorkerViewSet(_UpdatedWhenThere):
    """Workers, by ``worker_id``."""

    selection = WORKERS
    what = "worker"
    serializer_class = WorkerSerializer
    model = Worker
    key = "worker_id"


class EventViewSet(CreateModelMixin, RecordViewSet):
    """Events: what changed the state of runs and executions. Never modified."""

    selection = EVENTS
    what = "event"
    serializer_class = EventSerializer

    def perform_create(self, serializer: Any) -> None:
        """Record it."""
        event: SystemStateEvent = serializer.save()
        notify_changed([event.execution_id])
