"""On PostgreSQL whoever listens is told which execution was changed, whatever changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions.announcer import note_announcement
from monitor.records.database.notify import CHANNEL
from monitor.records.models import Run, RunState, WorkflowExecution
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "trial-tester-0001"
STF = "swf.100001.000001.stf"
SAMPLE = "swf.100001.000001_tf_000.tf"
FRAMES = {"tf_first": 0, "tf_last": 9, "tf_count": 10}
_LAST = "that was all"

Told = Callable[[], set[str]]


@pytest.fixture
def told(transactional_db: None) -> Iterator[Told]:
    """Yield a function that returns the executions notified since its last call."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite tells nobody")
    where = connection.get_connection_params()
    address = {name: where[name] for name in ("host", "port", "user", "password", "dbname")}
    with psycopg.connect(**address, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}")

        def heard() -> set[str]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, _LAST])
            words: set[str] = set()
            for word in listener.notifies(timeout=PATIENCE):
                if word.payload == _LAST:
                    return words
                words.add(word.payload)
            raise AssertionError("PostgreSQL does not tell of changes")

        yield heard


@pytest.fixture
def execution(new_execution: Callable[..., WorkflowExecution], run: Run) -> WorkflowExecution:
    """An execution with a run."""
    RunState.objects.update(execution_id=NAME)
    return new_execution()


def test_changes_through_rest(
    told: Told, api: APIClient, execution: WorkflowExecution, run: Run
) -> None:
    def done(method: Callable[..., Any], path: str, body: Any) -> Any:
        answer = method(f"/api/{path}/", body)
        assert answer.status_code in (200, 201), answer.content
        assert told() == {NAME}, f"{path}: {answer.json()}"
        return answer.json()

    assert told() == set()
    file = done(api.post, "stf-files", {"run": run.run_id, "stf_filename": STF, "tf_count": 100})
    done(api.patch, f"stf-files/{file['file_id']}", {"status": "processed"})
    done(api.post, "fastmon-files", {"stf_file": STF, "tf_filename": SAMPLE, **FRAMES})
    slice_ = {"slice_id": 0, "run_number": 100001, "tf_filename": SAMPLE, "stf_filename": STF}
    registered = done(api.post, "tf-slices", [{**slice_, **FRAMES, "status": "queued"}])
    done(api.patch, f"tf-slices/{registered[0]['id']}", {"status": "processing"})
    done(api.post, "run-states", {"run_number": 100001, "target_worker_count": 3})
    done(api.patch, "run-states/100001", {"phase": "processing"})
    event = {"event_type": "seen", "execution_id": NAME, "timestamp": timezone.now().isoformat()}
    done(api.post, "system-state-events", event)
    done(api.patch, f"workflow-executions/{NAME}", {"status_reason": "so"})


def test_announcement(told: Told, execution: WorkflowExecution) -> None:
    note_announcement(execution, timezone.now())
    assert told() == {NAME}
