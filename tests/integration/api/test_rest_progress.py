"""How far executions are, over REST: asked for, made, done, failed, left."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from monitor.records.models import RunState, WorkflowExecution
from tests.integration.web import rows

pytestmark = pytest.mark.django_db

LIST = "/api/workflow-executions/"


def progress_in_both(client: APIClient, execution: WorkflowExecution) -> dict[str, int | None]:
    """Read the progress from the list and from the record, which say the same."""
    (listed,) = client.get(LIST).json()
    alone = client.get(f"{LIST}{execution.pk}/").json()["progress"]
    assert {**alone, "messages": None} == listed["progress"], "a list counts no messages"
    told: dict[str, int | None] = alone
    return told


def asked_for(execution: WorkflowExecution, **fast: object) -> WorkflowExecution:
    execution.parameter_values["fast_processing"].update(fast)
    execution.save()
    return execution


def test_a_run_that_was_stopped_early_half_of_it_failed(admin: APIClient) -> None:
    done = asked_for(rows.whole_run(47, 15, "terminated"), stf_count=200)
    RunState.objects.update(slices_completed=345, slices_failed=350, stf_files_registered=40)
    assert progress_in_both(admin, done) == {
        "stf_files_requested": 200,
        "stf_files_announced": 47,
        "stf_files_registered": 40,
        "stf_files_processed": 0,
        "tf_samples": 47,
        "slices_made": 705,
        "slices_done": 345,
        "slices_failed": 350,
        "slices_unfinished": 10,
        "messages": 50,
    }


@pytest.mark.parametrize(
    ("fast", "requested"),
    [
        ({"stf_count": 2, "physics_period_count": 3}, 6),
        ({"stf_count": 2, "physics_period_count": 0}, None),
        ({"stf_count": None}, None),
        ({"stf_count": "six"}, None),
        ({"stf_count": [6]}, None),
    ],
)
def test_what_was_asked_for(
    admin: APIClient, fast: dict[str, object], requested: int | None
) -> None:
    done = asked_for(rows.whole_run(1), **fast)
    assert progress_in_both(admin, done)["stf_files_requested"] == requested


def test_an_execution_without_a_run_says_what_it_will_make(admin: APIClient) -> None:
    told = progress_in_both(admin, rows.execution(1, "pending"))
    assert (told["stf_files_requested"], told["stf_files_announced"]) == (10, 0)
    assert (told["slices_made"], told["slices_unfinished"]) == (0, 0)


def test_a_list_asks_once_for_all_of_them(admin: APIClient) -> None:
    rows.execution(1)
    with CaptureQueriesContext(connection) as of_one:
        admin.get(LIST)
    for number in range(2, 20):
        rows.execution(number)
        RunState.objects.create(run_number=number)
        WorkflowExecution.objects.filter(execution_id__endswith=f"{number:04d}").update(
            run_number=number
        )
    with CaptureQueriesContext(connection) as of_many:
        assert len(admin.get(LIST).json()) == 19
    assert len(of_many) <= len(of_one) + 1


def test_statistics_say_the_unit_and_the_moment(admin: APIClient) -> None:
    rows.whole_run(10, 15)
    told = admin.get(f"/api/runs/{rows.RUN}/statistics/").json()
    assert (told["keeps_up"], told["basis"], told["over"]) == (False, "measured", True)
    assert (told["workers_to_keep_up"], told["nominal_workers"]) == (205, 225)
    assert (told["backlog_slices"], told["at_tick"]) == (150, 40.0)
    assert told["measured_slices_per_s"] == pytest.approx(150 / (9 * 2.0 + 2.2), rel=1e-6)
