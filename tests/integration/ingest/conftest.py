"""What the tests of ingest share."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.utils import timezone

from monitor.records.models import WorkflowDefinition, WorkflowExecution


@pytest.fixture
def fast_execution(db: None) -> WorkflowExecution:
    """A running execution with fast processing: 2 workers, 4 slices a sample, 30 s a slice."""
    return make_execution(
        {
            "daq_state_machine": {"stf_interval": 2.0},
            "fast_processing": {
                "stf_count": 3,
                "target_worker_count": 2,
                "stf_sampling_rate": 0.05,
                "slices_per_sample": 4,
                "slice_processing_time": 30.0,
                "worker_rampup_time": 0.0,
                "worker_rampdown_time": 0.0,
            },
        }
    )


def make_execution(
    sections: Mapping[str, object], execution_id: str = "stf_datataking-tester-0001"
) -> WorkflowExecution:
    """Create the record of a running execution with a configuration."""
    definition, _ = WorkflowDefinition.objects.get_or_create(
        workflow_name="stf_datataking",
        version="1.0",
        defaults={
            "workflow_type": "daq",
            "definition": "",
            "created_by": "tester",
            "created_at": timezone.now(),
        },
    )
    execution: WorkflowExecution = WorkflowExecution.objects.create(
        execution_id=execution_id,
        workflow_definition=definition,
        namespace="tests",
        parameter_values=dict(sections),
        status="running",
        created_at=timezone.now(),
        executed_by="tester",
        performance_metrics={"messages_sent": 12},
    )
    return execution
