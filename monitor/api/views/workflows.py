"""Workflow definitions and executions."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.authentication import user_name
from monitor.api.finding_serializers import DiagnosisSerializer
from monitor.api.permissions import has_scope
from monitor.api.records import RecordViewSet
from monitor.api.workflow_serializers import (
    ClaimedSerializer,
    ClaimSerializer,
    DefinitionSerializer,
    ExecutionDetailSerializer,
    ExecutionSerializer,
    ListedExecutionSerializer,
    PlanSerializer,
    ReasonSerializer,
    StartSerializer,
)
from monitor.diagnosis.system import diagnose
from monitor.executions import StartRequest, claim, report, request_change, start
from monitor.executions.announcer import announcer
from monitor.executions.control import REPORTED, find
from monitor.executions.plan import make_plan
from monitor.executions.refusals import record_refusal, refusal_recorded
from monitor.executions.workflow_code import digest_of, read_workflow
from monitor.health.look import take_look
from monitor.records.database.sequences import next_run_number
from monitor.records.models import Namespace, WorkflowDefinition, WorkflowExecution
from monitor.records.queries.selections import DEFINITIONS, EXECUTIONS
from monitor.records.states import TERMINAL
from monitor.records.transitions import record_event
from swf_common_lib.errors import Conflict, InvalidRequest, NotAllowed, TestbedError
from swf_common_lib.states import EndCause, TokenScope
from swf_common_lib.text import instant

BEFORE_START = "before_start"
_SOURCE_KEYS = ("org", "repo", "path", "branch")
_FIXED = ("workflow_name", "version", "workflow_type", "definition", "parameter_values")
_FIXED_OF_EXECUTION = (
    "workflow_definition",
    "namespace",
    "parameter_values",
    "options",
    "runner",
)


class DefinitionViewSet(CreateModelMixin, RecordViewSet):
    """Workflow definitions: written once; only the source of the code may be added later."""

    selection = DEFINITIONS
    what = "workflow definition"
    serializer_class = DefinitionSerializer

    def perform_create(self, serializer: Any) -> None:
        """Register a definition. Code that is in no file of this host needs scope ``admin``."""
        values = serializer.validated_data
        text = values["definition"]
        admin = has_scope(self.request.user, self.request.auth, TokenScope.ADMIN)
        if text.strip() and not admin and not _is_on_file(values["workflow_name"], text):
            raise NotAllowed(
                "a definition with code needs a token of scope admin",
                "Or put the code into workflows/<name>.py on the monitor's host: it is registered "
                "when it is first run.",
            )
        serializer.save(
            digest=digest_of(text), created_by=values.get("created_by") or user_name(self.request)
        )

    @extend_schema(request=DefinitionSerializer, responses=DefinitionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Add where the code comes from. Raises Conflict for a change of the code."""
        definition: WorkflowDefinition = self.get_object()
        serializer = self.get_serializer(definition, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        _refuse_changes(definition, said, _FIXED, f"definition {definition}")
        data = cast("dict[str, Any]", request.data)
        flat = {key: str(data[key]) for key in _SOURCE_KEYS if data.get(key)}
        definition.source = {**definition.source, **said.get("source", {}), **flat}
        definition.save(update_fields=["source", "updated_at"])
        return Response(self.get_serializer(definition).data)


class ExecutionViewSet(CreateModelMixin, RecordViewSet):
    """Workflow executions."""

    selection = EXECUTIONS
    what = "execution"
    serializer_class = ExecutionSerializer

    def get_serializer_class(self) -> Any:
        """Return the serializer: all fields for one execution, fewer in a list."""
        forms = {"retrieve": ExecutionDetailSerializer, "list": ListedExecutionSerializer}
        return forms.get(self.action, ExecutionSerializer)

    def get_object(self) -> WorkflowExecution:
        """Return an execution; raise NotFound that names the nearest id."""
        return find(self.kwargs["pk"])

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        """Record an execution that its runner created itself; nothing is announced."""
        values = serializer.validated_data
        user = values.get("executed_by") or user_name(self.request)
        over = values["status"] in TERMINAL
        cause = values.get("end_cause") or EndCause.REPORTED
        execution = serializer.save(
            created_at=timezone.now(), executed_by=user, end_cause=cause if over else ""
        )
        Namespace.objects.get_or_create(name=execution.namespace, defaults={"owner": user})
        record_event(
            execution.execution_id, f"execution_{execution.status}", actor=user, via="rest"
        )

    @extend_schema(request=ExecutionSerializer, responses=ExecutionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Report on an execution: status, metrics, environment, errors."""
        execution = find(pk)
        serializer = ExecutionSerializer(execution, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        _refuse_changes(execution, said, _FIXED_OF_EXECUTION, f"execution {pk}")
        changes = {name: value for name, value in said.items() if name in REPORTED}
        actor = execution.runner or user_name(request)
        return Response(ExecutionSerializer(report(pk, changes, actor=actor, via="rest")).data)

    @extend_schema(request=StartSerializer, responses={201: ExecutionDetailSerializer})
    @action(detail=False, methods=["post"], url_path="start")
    def start(self, request: Request) -> Response:
        """Start a workflow; the answer says what it waits for, if it waits."""
        wanted = _wanted(request, recorded=True)
        begun = start(wanted)
        if wanted.runner:
            return Response(_for_runner(begun.execution, next_run_number()), status=201)
        answer = ExecutionDetailSerializer(begun.execution).data
        status = 200 if begun.repeated else 201
        return Response({**answer, "repeated": begun.repeated}, status=status)

    @extend_schema(
        request=StartSerializer,
        responses=PlanSerializer,
        parameters=[
            OpenApiParameter(
                BEFORE_START, bool, description="a refusal is kept in the history as one of a start"
            )
        ],
    )
    @action(detail=False, methods=["post"], url_path="check")
    def check(self, request: Request) -> Response:
        """Return what such a start would execute, or refuse it. Nothing is started."""
        recorded = request.query_params.get(BEFORE_START) == "true"
        wanted = _wanted(request, recorded=recorded)
        with refusal_recorded(wanted) if recorded else nullcontext():
            plan = make_plan(wanted, settings.TESTBED, wanted.executed_by)
        return Response(PlanSerializer(plan).data)

    @extend_schema(request=ClaimSerializer, responses=ClaimedSerializer)
    @action(detail=True, methods=["post"], url_path="claim")
    def claim(self, request: Request, pk: str) -> Response:
        """Assign a pending execution to one runner, and issue its run number."""
        serializer = ClaimSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():  # one commit for both
            execution = claim(pk, serializer.validated_data["runner"])
            run_number = next_run_number()
        return Response(_for_runner(execution, run_number))

    @extend_schema(responses=DiagnosisSerializer)
    @action(detail=True, methods=["get"], url_path="diagnosis")
    def diagnosis(self, request: Request, pk: str) -> Response:
        """Return what is wrong with an execution, the worst first, as values."""
        look = take_look(announcer().queues, from_outside=False)
        found = diagnose(pk, look)
        return Response(
            {
                "execution_id": found.seen.id,
                "status": found.seen.execution.status,
                "as_of": instant(look.now),
                "findings": [finding.as_json() for finding in found.findings],
            }
        )

    @extend_schema(request=ReasonSerializer, responses={202: ExecutionDetailSerializer})
    @action(detail=True, methods=["post"], url_path="stop")
    def stop(self, request: Request, pk: str) -> Response:
        """Request that an execution stops."""
        return self._change("stop", request, pk)

    @extend_schema(request=ReasonSerializer, responses={202: ExecutionDetailSerializer})
    @action(detail=True, methods=["post"], url_path="pause")
    def pause(self, request: Request, pk: str) -> Response:
        """Request that an execution pauses."""
        return self._change("pause", request, pk)

    @extend_schema(request=ReasonSerializer, responses={202: ExecutionDetailSerializer})
    @action(detail=True, methods=["post"], url_path="resume")
    def resume(self, request: Request, pk: str) -> Response:
        """Request that a paused execution resumes."""
        return self._change("resume", request, pk)

    def _change(self, change: str, request: Request, pk: str) -> Response:
        serializer = ReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        requested = request_change(
            pk,
            change,
            actor=user_name(request),
            via="rest",
            reason=serializer.validated_data["reason"],
        )
        answer = ExecutionDetailSerializer(requested.execution).data
        return Response({**answer, "note": requested.note}, status=202)


def _wanted(request: Request, *, recorded: bool) -> StartRequest:
    """Read what is to be started. Whether a request that is none is a refused start: recorded."""
    serializer = StartSerializer(data=request.data)
    try:
        serializer.is_valid(raise_exception=True)
    except (InvalidRequest, ValidationError) as error:
        if recorded:
            record_refusal(_as_far_as_readable(request), _problems(error))
        raise
    given = {k: v for k, v in serializer.validated_data.items() if v is not None}
    given["executed_by"] = given.get("executed_by") or user_name(request)
    return StartRequest(**{"workflow": None, "through": "rest", **given})


def _as_far_as_readable(request: Request) -> StartRequest:
    data = request.data if isinstance(request.data, dict) else {}
    workflow, config = (str(data.get(name) or "") for name in ("workflow", "config"))
    return StartRequest(workflow=workflow, config=config, executed_by=user_name(request))


def _problems(error: InvalidRequest | ValidationError) -> list[str]:
    if isinstance(error, InvalidRequest):
        return [error.detail]
    found = error.detail
    faults = found.items() if isinstance(found, dict) else enumerate(found)
    return [f"{name}: {fault}" for name, fault in faults]


def _for_runner(execution: WorkflowExecution, run_number: int) -> dict[str, Any]:
    return {**_claimed_form().to_representation(execution), "reserved_run_number": run_number}


@lru_cache(maxsize=1)
def _claimed_form() -> ClaimedSerializer:
    """Return the serializer of claimed executions; making it takes a fifth of a claim's time."""
    return ClaimedSerializer()


def _is_on_file(name: str, text: str) -> bool:
    try:
        return read_workflow(name, settings.TESTBED.swf_home / "workflows").text == text
    except TestbedError:
        return False


def _refuse_changes(record: Any, said: dict[str, Any], fixed: tuple[str, ...], what: str) -> None:
    changed = [name for name in fixed if name in said and said[name] != getattr(record, name)]
    if changed:
        raise Conflict(
            f"{', '.join(changed)} of {what} cannot be changed",
            "A changed definition is a new version; a changed configuration is a new execution.",
        )
