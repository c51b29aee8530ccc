"""What an assistant sees of runs, files and slices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.forms.models import model_to_dict

from mcp_server.answers.results import Result
from monitor.records.models import FastMonFile, Run, RunState, StfFile, TFSlice, Worker
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound
from swf_common_lib.text import given, instant, rounded

Item = dict[str, Any]

_SAMPLES = 10
_SLICE_TIMES = ("created_tick", "started_tick", "finished_tick")


class RunDetail(Result):
    """A run as a whole."""

    run_number: int
    execution_id: str | None = None
    namespace: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    dataset: str | None = None
    state: Item
    statistics: Item | None = None
    workers: dict[str, int] = {}
    """The number of workers in each status."""
    tf_samples: dict[str, int] = {}
    newest_samples: list[Item] = []
    conditions: Item = {}
    next: str


def run_items(runs: Sequence[Run]) -> list[Item]:
    """Return runs as items of a list."""
    states = RunState.objects.in_bulk([run.run_number for run in runs])
    return [_run_item(run, states.get(run.run_number)) for run in runs]


def run_detail(run_number: int) -> RunDetail:
    """Return everything about a run; raise NotFound, with the newest runs, for an unknown one."""
    run = Run.objects.filter(run_number=run_number).first()
    if run is None:
        raise no_run(run_number)
    state = RunState.objects.filter(run_number=run_number).first()
    told = run_statistics(run_number).as_dict() if state else None
    samples = FastMonFile.objects.filter(stf_file__run=run).order_by("-created_at", "-tf_filename")
    return RunDetail(
        run_number=run_number,
        execution_id=run.execution_id or None,
        namespace=run.namespace or None,
        start_time=instant(run.start_time),
        end_time=instant(run.end_time),
        dataset=run.dataset or None,
        state=_state(state) if state else {},
        statistics=told,
        workers=counted(Worker.objects.filter(run_number=run_number), "status"),
        tf_samples=counted(samples, "status"),
        newest_samples=[_sample_item(sample) for sample in samples[:_SAMPLES]],
        conditions=run.run_conditions if isinstance(run.run_conditions, dict) else {},
        next="list_stf_files, list_tf_slices, list_messages with run_id.",
    )


def stf_items(files: Sequence[StfFile], detailed: bool) -> list[Item]:
    """Return STF files as items of a list."""
    return [_stf_item(file, detailed) for file in files]


def slice_items(slices: Sequence[TFSlice], detailed: bool) -> list[Item]:
    """Return TF slices as items of a list; ticks are simulated seconds."""
    return [_slice_item(one, detailed) for one in slices]


def counted(rows: Any, column: str) -> dict[str, int]:
    """Count rows by the values of a column, the most frequent first."""
    counts = rows.order_by().values_list(column).annotate(count=Count("pk"))
    return dict(sorted(counts, key=lambda pair: -pair[1])[:40])


def _run_item(run: Run, state: RunState | None) -> Item:
    return given(
        run_number=run.run_number,
        execution_id=run.execution_id,
        namespace=run.namespace,
        start_time=instant(run.start_time),
        wall_seconds=_span(run.start_time, run.end_time),
        phase=state.phase if state else None,
        stf_files=state.stf_files_generated if state else None,
        slices_made=state.slices_created if state else None,
        slices_done=state.slices_completed if state else None,
        slices_failed=state.slices_failed or None if state else None,
    )


def _stf_item(file: StfFile, detailed: bool) -> Item:
    item = given(
        stf_filename=file.stf_filename,
        status=file.status,
        run_number=file.run.run_number,
        size_bytes=file.file_size_bytes,
        tf_count=file.tf_count,
    )
    if not detailed:
        return item
    samples = [s.tf_filename for s in file.samples.all()[:20]]
    return item | given(
        file_id=str(file.file_id),
        sequence=file.sequence,
        checksum=file.checksum,
        machine_state=file.machine_state,
        created_at=instant(file.created_at, "milliseconds"),
        tf_samples=samples,
        metadata=file.metadata,
    )


def _sample_item(sample: FastMonFile) -> Item:
    return given(
        tf_filename=sample.tf_filename,
        tf_first=sample.tf_first,
        tf_last=sample.tf_last,
        status=sample.status,
    )


def _slice_item(one: TFSlice, detailed: bool) -> Item:
    item = given(
        tf_filename=one.tf_filename,
        slice_id=one.slice_id,
        status=one.status,
        worker=one.assigned_worker,
        waiting_seconds=_ticks(one.created_tick, one.started_tick),
        processing_seconds=_ticks(one.started_tick, one.finished_tick),
        retries=one.retries or None,
        error=one.error[:120],
    )
    if not detailed:
        return item
    return item | given(
        id=one.pk,
        run_number=one.run_number,
        stf_filename=one.stf_filename,
        tf_first=one.tf_first,
        tf_last=one.tf_last,
        tf_count=one.tf_count,
        **{name: getattr(one, name) for name in _SLICE_TIMES},
        processing_start_at=instant(one.processing_start_at, "milliseconds"),
        processed_at=instant(one.processed_at, "milliseconds"),
        error=one.error,
        metadata=one.metadata,
    )


def _state(state: RunState) -> Item:
    shown = model_to_dict(state, exclude=["metadata", "execution_id", "run_number"])
    shown["state_changed_at"] = instant(state.state_changed_at)
    return {name: value for name, value in shown.items() if value is not None}


def _span(begin: datetime, end: datetime | None) -> float | None:
    return None if end is None else rounded((end - begin).total_seconds())


def _ticks(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(end - begin, 3)


def no_run(run_number: int | None) -> NotFound:
    """Return the error for an unknown run; it names the newest runs."""
    newest = Run.objects.order_by("-run_number").values_list("run_number", flat=True)[:3]
    known = ", ".join(str(number) for number in newest)
    return NotFound(
        f"there is no run {run_number}",
        f"The newest are {known}; list_runs lists all." if known else "There are no runs yet.",
    )
