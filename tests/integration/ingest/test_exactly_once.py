"""However often messages come, and however they are cut into batches: the same tables."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, models
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest import batch as batch_module
from monitor.ingest.entry import Incoming
from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowMessage,
)
from tests.integration.ingest.conftest import make_execution
from tests.integration.ingest.run_messages import (
    FastRun,
    as_incoming,
    in_batches,
    record_batch,
    rolled_back,
)

pytestmark = pytest.mark.django_db

TABLES: list[type[models.Model]] = [
    FastMonFile,
    Run,
    RunState,
    StfFile,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowMessage,
]
MADE_HERE = {
    "id",
    "run_id",
    "run",
    "file_id",
    "tf_file_id",
    "stf_file",
    "created_at",
    "updated_at",
    "received_at",
    "state_changed_at",
}
"""Columns that hold what differs from one recording to the next: keys and wall times."""
RUN = FastRun(stf_count=2, slices_per_sample=3, failing=frozenset({(1, 2)}))
CONFIGURATION = {
    "fast_processing": {"slices_per_sample": 3, "stf_sampling_rate": 0.05},
    "daq_state_machine": {},
}


def tables() -> dict[str, list[str]]:
    return {model.__name__: sorted(map(str, _rows(model))) for model in TABLES}


def _rows(model: type[models.Model]) -> list[dict[str, Any]]:
    names = [
        field.name
        for field in model._meta.concrete_fields
        if field.name not in MADE_HERE or (model is WorkflowMessage and field.name == "run_id")
    ]
    rows = list(model._default_manager.values(*names))
    for row in rows:
        if row.get("event_type") == "run_completed":
            row["timestamp"] = None
    return rows


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Incoming]]:
    """Cut the run into batches; each may come again, whole or in part, before the next does."""
    rest = RUN.incoming()
    batches: list[list[Incoming]] = []
    while rest:
        size = draw(st.integers(1, len(rest)))
        piece, rest = rest[:size], rest[size:]
        batches.append(piece)
        if draw(st.booleans()):
            # The acknowledgement got lost: from some message on, everything comes once more.
            batches.append(piece[draw(st.integers(0, len(piece) - 1)) :])
        if draw(st.booleans()):
            batches[-1] = [twin for one in batches[-1] for twin in (one, one)]
    return batches


@given(deliveries())
def test_redelivery_changes_nothing(batches: list[list[Incoming]]) -> None:
    with rolled_back():
        make_execution(CONFIGURATION)
        in_batches(RUN.incoming(), 1000)
        expected = tables()

    with rolled_back():
        make_execution(CONFIGURATION)
        for batch in batches:
            record_batch(batch)
        assert tables() == expected
        assert RunState.objects.get().phase == "completed"


def test_commit_without_acknowledgement_and_again() -> None:
    make_execution(CONFIGURATION)
    incoming = RUN.incoming()
    first = record_batch(incoming)
    before = tables()

    again = record_batch(incoming)

    assert (first.new, first.repeated) == (len(incoming), 0)
    assert (again.new, again.repeated) == (0, len(incoming))
    assert tables() == before


def test_identity_of_the_broker_when_the_body_has_none() -> None:
    body = {"msg_type": "something", "run_id": "7"}
    for identity in ("ID:broker-1:2:3", "ID:broker-1:2:3", "ID:broker-1:2:4"):
        record_batch([as_incoming(body, **{"message-id": identity})])
    assert list(WorkflowMessage.objects.order_by("id").values_list("message_id", flat=True)) == [
        "ID:broker-1:2:3",
        "ID:broker-1:2:4",
    ]


def test_nothing_remains_of_a_batch_that_the_database_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_execution(CONFIGURATION)

    def full(*_arguments: object) -> None:
        raise DatabaseError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(batch_module, "_insert", full)
        with pytest.raises(DatabaseError):
            record_batch(RUN.incoming())
    assert not RunState.objects.exists()
    assert not WorkflowMessage.objects.exists()

    record_batch(RUN.incoming())
    assert RunState.objects.get().phase == "completed"
