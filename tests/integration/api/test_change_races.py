"""A PATCH and another writer of the same row: neither is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F, Model
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.records.database.write_lock import one_writer
from monitor.records.models import Run, RunState, StfFile, Worker

pytestmark = pytest.mark.django_db(transaction=True)


def written(write: Callable[[], object], *, patiently: bool) -> bool:
    """Write as ingest does, over a connection of its own; tell whether nobody was in the way."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(_written, write, patiently=patiently).result()


def _written(write: Callable[[], object], *, patiently: bool) -> bool:
    sqlite = connection.vendor == "sqlite"
    try:
        if sqlite and not patiently:
            _execute("PRAGMA busy_timeout = 0")
        with transaction.atomic():
            if not (sqlite or patiently):
                # For this transaction: its connection goes back to the pool, for other tests.
                _execute("SET LOCAL lock_timeout = 1")
            with one_writer():
                write()
    except OperationalError:
        return False
    finally:
        connection.close()
    return True


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def patch_meanwhile(
    api: APIClient, path: str, changes: dict[str, Any], model: type[Model], write: Callable[[], Any]
) -> None:
    """Change a row by PATCH; the other writer comes just when its row has been read."""
    done: list[bool] = []

    def interrupt(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if not done and sql.startswith("SELECT") and model._meta.db_table in sql:
            done.append(written(write, patiently=False))
        return result

    with connection.execute_wrapper(interrupt):
        answer = api.patch(path, changes)
    assert answer.status_code == 200, answer.content
    assert done, "the row was not read"
    if not done[0]:  # it had to wait
        assert written(write, patiently=True)


def test_counts_of_a_run_outlive_a_patch_of_its_state(api: APIClient) -> None:
    RunState.objects.create(run_number=100001, phase="imminent")
    rows = RunState.objects.filter(pk=100001)
    patch_meanwhile(
        api,
        "/api/run-states/100001/",
        {"target_worker_count": 5},
        RunState,
        lambda: rows.update(slices_completed=F("slices_completed") + 7, phase="processing"),
    )
    state = RunState.objects.get()
    assert (state.slices_completed, state.phase) == (7, "processing")
    assert state.target_worker_count == 5


def test_a_workers_count_outlives_a_patch(api: APIClient) -> None:
    Worker.objects.create(worker_id="w", run_number=100001, status="idle")
    rows = Worker.objects.filter(pk="w")
    write = lambda: rows.update(slices_completed=3)  # noqa: E731
    patch_meanwhile(api, "/api/workers/w/", {"location": "torre"}, Worker, write)
    worker = Worker.objects.get()
    assert (worker.slices_completed, worker.location) == (3, "torre")


def test_a_runs_execution_outlives_a_patch(api: APIClient, run: Run) -> None:
    rows = Run.objects.filter(pk=run.pk)
    path, changes = f"/api/runs/{run.run_id}/", {"end_time": timezone.now().isoformat()}
    patch_meanwhile(api, path, changes, Run, lambda: rows.update(execution_id="e1"))
    run.refresh_from_db()
    assert run.execution_id == "e1"
    assert run.end_time is not None


def test_a_files_size_outlives_a_patch(api: APIClient, stf_file: StfFile) -> None:
    rows = StfFile.objects.filter(pk=stf_file.pk)
    path, changes = f"/api/stf-files/{stf_file.pk}/", {"status": "processed"}
    patch_meanwhile(api, path, changes, StfFile, lambda: rows.update(file_size_bytes=9))
    stf_file.refresh_from_db()
    assert (stf_file.status, stf_file.file_size_bytes) == ("processed", 9)
    assert RunState.objects.get().stf_files_processed == 1
