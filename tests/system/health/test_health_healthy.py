"""No false alarm: runs of all that is shipped, looked at until the last slice is processed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.health.answers import is_processed, start
from tests.system.health.surfaces import SURFACES, Shown, trouble
from tests.waiting import wait_until

pytestmark = pytest.mark.system

AFTERWARDS = 3
"""Looks at a run that is processed."""
FEW_SLICES: dict[str, Any] = {"stf_count": 2, "physics_period_count": 1}
SHORT = {"physics_duration_min": 0.2}
"""Minutes: six STFs."""
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "fast": ("stf_datataking", {"config": "fast_processing_default"}),
    "fast, 40 STFs": (
        "stf_datataking",
        {
            "config": "fast_processing_default",
            "parameters": {"stf_count": 40, **{"target_worker_count": 206}},
        },
    ),
    "fast, 206 workers": (
        "stf_datataking",
        {"config": "fast_processing_default", "parameters": {"target_worker_count": 206}},
    ),
    "default": ("stf_datataking", {"config": "stf_datataking_default"}),
    "standard": ("stf_datataking", {"config": "stf_processing_default", "parameters": FEW_SLICES}),
    "machine alone": (
        "stf_datataking",
        {"config": "daq_state_machine", "parameters": {"physics_period_duration": 20}},
    ),
    "10 workers": (
        "epic_fast_processing",
        {"config": "epic_fast_10_workers", "parameters": SHORT},
    ),
    "25 workers": (
        "epic_fast_processing",
        {"config": "epic_fast_25_workers", "parameters": SHORT},
    ),
    "50 workers": (
        "epic_fast_processing",
        {"config": "epic_fast_50_workers", "parameters": SHORT},
    ),
    "paced": (
        "stf_datataking",
        {
            "config": "fast_processing_default",
            "speed": 10,
            "parameters": {"stf_count": 3, "worker_rampup_time": 30},
        },
    ),
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack.create(tmp_path_factory.mktemp("s"))
    try:
        stack.start(agents=True)
        yield stack
    finally:
        ended(stack)


def looks(stack: Stack, execution_id: str) -> dict[str, list[Shown]]:
    """Return what REST and MCP find of all and of the execution; nothing is left out."""
    found = {"all": trouble(stack), "one": trouble(stack, execution_id)}
    return {what: told for what, told in found.items() if told}


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_found_while_it_runs_nor_afterwards(stack: Stack, name: str) -> None:
    workflow, body = RUNS[name]
    execution_id = start(stack, workflow, **body)

    def processed() -> bool:
        assert looks(stack, execution_id) == {}, stack.execution(execution_id)["progress"]
        return is_processed(stack, execution_id)

    wait_until(processed)

    for _ in range(AFTERWARDS):
        assert looks(stack, execution_id) == {}


def test_nothing_is_found_by_any_surface_when_all_is_over(stack: Stack) -> None:
    assert {name: ask(stack) for name, ask in SURFACES.items() if ask(stack)} == {}
