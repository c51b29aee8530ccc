"""STF files, TF samples and TF slices."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from monitor.api.records import ChangeableViewSet
from monitor.api.serializers import (
    SampleSerializer,
    SliceChangeSerializer,
    SliceSerializer,
    StfFileSerializer,
)
from monitor.ingest.projections.run_completion import complete_finished_runs
from monitor.records.database.notify import notify_runs_changed
from monitor.records.database.write_lock import one_writer
from monitor.records.models import FastMonFile, RunState, StfFile, TFSlice
from monitor.records.queries.selections import SAMPLES, SLICES, STF_FILES
from monitor.records.slices import change_slice, register_slices
from monitor.records.states import FileStatus

_Key = tuple[int, str, int]
_FINAL = (FileStatus.PROCESSED, FileStatus.FAILED, FileStatus.DONE)


def _count(run_number: int, counter: str) -> None:
    RunState.objects.filter(pk=run_number).update(**{counter: F(counter) + 1})
    notify_runs_changed([run_number])


class StfFileViewSet(CreateModelMixin, ChangeableViewSet):
    """Super time frames."""

    selection = STF_FILES
    what = "STF file"
    serializer_class = StfFileSerializer

    @one_writer()
    def perform_create(self, serializer: Any) -> None:
        """Register a file and count it in its run."""
        file: StfFile = serializer.save()
        _count(file.run.run_number, "stf_files_registered")

    def perform_update(self, serializer: Any) -> None:
        """Change a file; one that becomes processed is counted in its run."""
        was_final = serializer.instance.status in _FINAL
        file: StfFile = serializer.save()
        if file.status in _FINAL and not was_final:
            _count(file.run.run_number, "stf_files_processed")
            complete_finished_runs([file.run.run_number])


class SampleViewSet(CreateModelMixin, ChangeableViewSet):
    """TF samples, which are taken for fast monitoring."""

    selection = SAMPLES
    what = "TF sample"
    serializer_class = SampleSerializer

    @one_writer()
    def perform_create(self, serializer: Any) -> None:
        """Register a sample and count it in its run."""
        sample: FastMonFile = serializer.save()
        _count(sample.stf_file.run.run_number, "stf_samples_received")


class SliceViewSet(ChangeableViewSet):
    """TF slices; an array of them is registered at once."""

    selection = SLICES
    what = "TF slice"
    serializer_class = SliceSerializer

    def get_serializer_class(self) -> type[SliceSerializer]:
        """Return the serializer; in a PATCH the slice's sample, run and time frames are fixed."""
        return SliceChangeSerializer if self.request.method == "PATCH" else SliceSerializer

    def create(self, request: Request) -> Response:
        """Register one slice or an array of them: all, or none when one is faulty."""
        many = isinstance(request.data, list)
        # The samples that the slices name: each is looked up once.
        context = {**self.get_serializer_context(), "samples": {}}
        serializer = SliceSerializer(data=request.data, many=many, context=context)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data if many else [serializer.validated_data]
        rows = [TFSlice(**row) for row in values]
        with one_writer():
            _refuse_known(rows, many=many)
            notify_runs_changed(register_slices(rows))
            rows = _as_registered(rows)
        answer = SliceSerializer(rows if many else rows[0], many=many)
        return Response(answer.data, status=201)

    def perform_update(self, serializer: Any) -> None:
        """Change a slice together with the counts of its run; its status only moves forward."""
        row = change_slice(serializer.instance.pk, serializer.validated_data)
        complete_finished_runs([row.run_number])
        notify_runs_changed([row.run_number])
        serializer.instance = row


def _refuse_known(rows: list[TFSlice], *, many: bool) -> None:
    """Raise ValidationError, in REST framework's form, for slices that are registered already."""
    keys = [_key(row) for row in rows]
    known: set[_Key] = set()
    for run_number, tf_filename in {key[:2] for key in keys}:
        found = TFSlice.objects.filter(run_number=run_number, tf_filename=tf_filename)
        known.update((run_number, tf_filename, n) for n in found.values_list("slice_id", flat=True))
    faults: dict[str, Any] = {}
    for index, key in enumerate(keys):
        if key in known:
            message = "The fields run_number, tf_filename, slice_id must make a unique set."
            faults[str(index)] = {"non_field_errors": [message]}
        known.add(key)
    if faults:
        raise ValidationError(faults if many else faults["0"])


def _as_registered(rows: list[TFSlice]) -> list[TFSlice]:
    """Return the rows with their primary keys, in the same order."""
    found: dict[_Key, TFSlice] = {}
    for run_number, tf_filename in {_key(row)[:2] for row in rows}:
        slices = TFSlice.objects.filter(run_number=run_number, tf_filename=tf_filename)
        found.update((_key(row), row) for row in slices)
    return [found[_key(row)] for row in rows]


def _key(row: TFSlice) -> _Key:
    return row.run_number, row.tf_filename, row.slice_id
