"""The configurations that are shipped, and what workflows and agents read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.config import (
    PARAMETERS,
    FastProcessing,
    data_taking,
    expand,
    fast_processing,
    list_configurations,
    load_testbed_file,
)
from swf_common_lib.roles import ROLES, RUNNER

ROOT = Path(__file__).parents[3]
WORKFLOWS = ROOT / "workflows"

DAQ = {
    "no_beam_not_ready_delay": 10,
    "broadcast_delay": 1,
    "beam_not_ready_delay": 5,
    "beam_ready_delay": 2,
    "physics_period_count": 3,
    "physics_period_duration": 180,
    "standby_duration": 30,
    "beam_not_ready_end_delay": 5,
    "stf_interval": 2,
    "stf_generation_time": 0.1,
}


def sections(config: str | None, workflow: str | None = None) -> dict[str, dict[str, Any]]:
    return expand(
        config, workflow=workflow, workflows_dir=WORKFLOWS, testbed=None, namespace="ns"
    ).sections


def test_every_shipped_configuration_expands() -> None:
    summaries = list_configurations(WORKFLOWS)
    assert {summary.name for summary in summaries} >= {
        "daq_state_machine",
        "epic_fast_10_workers",
        "epic_fast_25_workers",
        "epic_fast_50_workers",
        "fast_processing_default",
        "stf_processing_default",
    }
    for summary in summaries:
        assert summary.problem == ""
        assert summary.version
        assert summary.description
        expanded = expand(
            summary.name, workflow=None, workflows_dir=WORKFLOWS, testbed=None, namespace="ns"
        )
        assert expanded.workflow_name == summary.workflow_name
        assert expanded.notes == []


def test_daq_values() -> None:
    assert sections("daq_state_machine")["daq_state_machine"] == DAQ
    assert fast_processing(sections("daq_state_machine")) is None


def test_standard_processing() -> None:
    found = sections("stf_processing")
    assert found["stf_processing"] == {}
    assert data_taking(found) == DAQ
    assert fast_processing(found) is None


def test_fast_processing() -> None:
    found = sections("fast_processing")
    assert data_taking(found).items() >= {**DAQ, "physics_period_count": 1, "stf_count": 10}.items()
    assert fast_processing(found) == FastProcessing(
        target_worker_count=30,
        stf_sampling_rate=0.05,
        slices_per_sample=15,
        slice_processing_time=30,
        worker_rampup_time=300,
        worker_rampdown_time=60,
        activemq_streams=1,
        node_parallelism=0,
        retry_max_attempts=3,
        stf_interval=2,
    )


@pytest.mark.parametrize("workers", [10, 25, 50])
def test_older_form(workers: int) -> None:
    found = sections(f"epic_fast_{workers}_workers")
    fast = fast_processing(found)
    assert fast is not None
    assert (fast.target_worker_count, fast.stf_sampling_rate) == (workers, 0.1)
    assert (fast.slice_processing_time, fast.stf_interval) == (30, 2.0)
    assert (fast.activemq_streams, fast.node_parallelism) == (workers, workers)
    assert fast.retry_max_attempts == 3
    daq = data_taking(found)
    assert (daq["physics_period_duration"], daq["physics_period_count"]) == (3600, 1)
    assert daq["stf_interval"] == 2.0
    assert "stf_count" not in daq


@pytest.mark.parametrize("workflow", ["stf_datataking", "epic_fast_processing"])
def test_a_workflow_named_alone_has_a_configuration(workflow: str) -> None:
    assert fast_processing(sections(None, workflow)) is not None


def test_repository_testbed_file() -> None:
    loaded = load_testbed_file(ROOT / "testbed.toml")
    expanded = expand(None, workflow=None, workflows_dir=WORKFLOWS, testbed=loaded)
    assert expanded.config_name == "fast_processing_default"
    assert set(loaded.agents) == ROLES.keys() - {RUNNER.agent_type}
    assert all(entry.enabled for entry in loaded.agents.values())


def test_views_of_partial_configurations() -> None:
    assert data_taking({}) == DAQ
    assert data_taking({"daq_state_machine": None, "parameters": 3}) == DAQ
    assert fast_processing({}) is None
    assert fast_processing({"parameters": {"stf_interval_sec": 1, "anything": 2}}) is None
    default = fast_processing({"fast_processing": {}})
    assert default is not None
    assert default.target_worker_count == 30
    both = fast_processing(
        {"parameters": {"worker_count": 4, "target_worker_count": 5, "retry_max_attempts": 1}}
    )
    assert both is not None
    assert (both.target_worker_count, both.retry_max_attempts) == (5, 1)


def test_shipped_values_are_the_table_defaults() -> None:
    """The table that documents the parameters cannot drift from the files."""
    for config in ("daq_state_machine", "fast_processing"):
        for name, value in sections(config)[
            "daq_state_machine" if config.startswith("daq") else "fast_processing"
        ].items():
            if name not in ("stf_count",) and not (
                config == "fast_processing" and name == "physics_period_count"
            ):
                assert PARAMETERS[name].default == value


def test_the_table_is_sound() -> None:
    for name, parameter in PARAMETERS.items():
        assert parameter.name == name
        assert parameter.doc.endswith(".")
        assert parameter.minimum <= parameter.maximum
        if parameter.default is not None:
            assert parameter.accepts(parameter.default)
        if parameter.legacy_of:
            assert parameter.legacy_of in PARAMETERS
