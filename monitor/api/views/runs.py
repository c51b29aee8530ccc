"""Runs, where they stand, their workers and their events."""

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
from monitor.records.database.notify import tell_changed, tell_runs_changed
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
        """Register a run. One that is known from messages alone is registered by it."""
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
        """Give a run in numbers, by its run number."""
        try:
            number = read_number(pk)
        except ValueError:
            raise NotFound(f"there is no run {pk[:100]!r}") from None
        return Response(run_statistics(number).as_dict())


class _UpdatedWhenThere(CreateModelMixin, ChangeableViewSet):
    """Records that ingest makes too: a POST for one that is there updates it."""

    model: type[Model]
    key: str

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make the record (201), or update the one that is there (200)."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        with one_writer():
            present = self.model._default_manager.filter(pk=values[self.key]).first()
            if present is None:
                serializer.save()
                return Response(serializer.data, status=201)
            for name, value in self.changes(values).items():
                setattr(present, name, value)
            present.save()
        return Response(self.get_serializer(present).data)

    def changes(self, values: dict[str, Any]) -> dict[str, Any]:
        """Give what a POST changes of a record that is there."""
        return values


class RunStateViewSet(_UpdatedWhenThere):
    """Where runs stand, by run number."""

    selection = RUN_STATES
    what = "run state of run"
    serializer_class = RunStateSerializer
    model = RunState
    key = "run_number"

    def changes(self, values: dict[str, Any]) -> dict[str, Any]:
        """Give what a POST changes: counts that begin at zero are no news for a run under way."""
        return {
            name: value for name, value in values.items() if not (name in _COUNTS and not value)
        }

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make it, or update the one that is there."""
        answer = super().create(request, *args, **kwargs)
        tell_runs_changed([answer.data["run_number"]])
        return answer

    def perform_update(self, serializer: Any) -> None:
        """Change it; a new phase or state gets the present time unless one is given."""
        values = serializer.validated_data
        moved = {"phase", "state", "substate"} & set(values)
        if moved and "state_changed_at" not in values:
            serializer.save(state_changed_at=timezone.now())
        else:
            serializer.save()
        tell_runs_changed([serializer.instance.run_number])


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
        tell_changed([event.execution_id])
