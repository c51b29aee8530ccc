"""What a workflow's description promises: its example is accepted, its parameters are all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from mcp_server.application import Application
from mcp_server.views import definitions
from monitor.executions.plan import PaceReason
from monitor.records.models import WorkflowExecution
from tests.integration.mcp.calls import call, text_of
from tests.integration.mcp.conftest import WORKFLOWS, Connect

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

CODE = "class WorkflowExecutor:\n    def execute(self, env):\n        yield env.timeout(1)\n"
SHIPPED = [
    ("stf_datataking", "fast_processing_default"),
    ("stf_datataking", "stf_datataking_default"),
    ("stf_datataking", "stf_processing_default"),
    ("stf_datataking", "daq_state_machine"),
    ("stf_datataking", ""),
    ("epic_fast_processing", "epic_fast_10_workers"),
    ("epic_fast_processing", "epic_fast_25_workers"),
    ("epic_fast_processing", "epic_fast_50_workers"),
    ("epic_fast_processing", "epic_fast_processing_default"),
    ("epic_fast_processing", ""),
    ("", ""),
]
ODD = {
    "bare": None,
    "empty": "",
    "magnet": "[magnet]\ncurrent = 3.5\nramp = 'slow'\n",
    "legacy": "[parameters]\nworker_count = 7\nstf_interval_sec = 3\n",
    "twice": "[magnet]\ncurrent = 1\n[cooling]\ncurrent = 2\n",
    "misplaced": "[magnet]\nstf_count = 3\n[daq_state_machine]\nstf_interval = 3\n",
}


def test_every_shipped_configuration_is_tried() -> None:
    assert {path.stem for path in WORKFLOWS.glob("*.toml")} == {c for _, c in SHIPPED if c}


async def tried(client: Client, workflow: str, config: str) -> dict[str, Any]:
    """Check and start what the example shows; give the description."""
    shown = await call(client, "get_workflow_definition", workflow=workflow, config=config)
    example = shown["example"]
    count = example.get("stf_count")
    good = await call(
        client,
        "validate_workflow_config",
        workflow=example["workflow"],
        config=example.get("config", ""),
        parameters={} if count is None else {"stf_count": count},
    )
    assert good["problems"] == []
    assert good["ok"] is True
    started = await call(client, "start_workflow", **example)
    assert started["workflow"] == shown["workflow"]
    assert started["speed"] == 0
    return shown


@pytest.mark.parametrize(("workflow", "config"), SHIPPED)
async def test_the_example_of_a_shipped_workflow_is_accepted(
    connect: Connect, workflow: str, config: str
) -> None:
    async with connect() as client:
        shown = await tried(client, workflow, config)
    assert shown["example"]["stf_count"] == 5
    assert not config or shown["example"]["config"] == config


@pytest.fixture
def write(home: Path) -> Callable[[str], None]:
    """Writes one of the odd workflows."""

    def written(name: str) -> None:
        (home / "workflows" / f"{name}.py").write_text(CODE)
        text = ODD[name]
        if text is not None:
            header = f'[workflow]\nname = "{name}"\n'
            (home / "workflows" / f"{name}_default.toml").write_text(header + text)

    return written


@pytest.mark.parametrize(
    ("name", "takes_stf_count", "expected"),
    [
        ("bare", False, {}),
        ("empty", False, {}),
        ("magnet", False, {"current": 3.5, "ramp": "slow"}),
        ("legacy", True, {"target_worker_count": 7, "stf_interval": 3, "slices_per_sample": 15}),
        ("twice", False, {"magnet.current": 1, "cooling.current": 2}),
        ("misplaced", True, {"magnet.stf_count": 3, "stf_interval": 3}),
    ],
)
async def test_the_example_of_an_odd_workflow_is_accepted(
    connect: Connect,
    write: Callable[[str], None],
    name: str,
    takes_stf_count: bool,
    expected: dict[str, Any],
) -> None:
    write(name)
    async with connect() as client:
        shown = await tried(client, name, "")
    assert ("stf_count" in shown["example"]) is takes_stf_count
    assert ("config" in shown) is (ODD[name] is not None)
    values = {one["name"]: one["default"] for one in shown["parameters"]}
    assert expected.items() <= values.items()
    assert len(values) == len(shown["parameters"])


async def test_a_configuration_without_its_workflow_has_no_example(
    connect: Connect, home: Path
) -> None:
    (home / "workflows" / "ghost_default.toml").write_text('[workflow]\nname = "ghost"\n')
    async with connect() as client:
        shown = await call(client, "get_workflow_definition", workflow="ghost")
        checked = await call(client, "validate_workflow_config", workflow="ghost")
    assert "example" not in shown
    assert shown["parameters"] == []
    assert shown["problems"][0].startswith("there is no workflow 'ghost'")
    assert checked["ok"] is False


async def test_several_configurations_and_no_default_show_one_that_can_be_started(
    connect: Connect, home: Path
) -> None:
    (home / "workflows" / "pair.py").write_text(CODE)
    for number in (1, 2):
        text = '[workflow]\nname = "pair"\n[magnet]\ncurrent = 1\n'
        (home / "workflows" / f"some_{number}.toml").write_text(text)
    (home / "workflows" / "some_1.toml").write_text('[workflow]\nname = "pair"\nincludes = 3\n')
    async with connect() as client:
        shown = await tried(client, "pair", "")
    assert shown["example"]["config"] == "some_2"
    assert "several configurations" in shown["problems"][0]


async def test_each_parameter_is_listed_once_with_the_value_that_a_start_has(
    connect: Connect,
) -> None:
    async with connect() as client:
        shown = await call(
            client, "get_workflow_definition", workflow="stf_datataking", config="fast_processing"
        )
    listed = {one["name"]: one for one in shown["parameters"]}
    assert len(listed) == len(shown["parameters"])
    assert listed["physics_period_count"]["default"] == 1
    unset = ("slice_failure_rate", "activemq_streams", "node_parallelism", "retry_max_attempts")
    assert [listed[name]["default"] for name in unset] == [None, 1, 0, 3]
    assert listed["target_worker_count"]["older_name"] == "worker_count"


@pytest.mark.parametrize(
    ("pace", "speed", "why"),
    [
        ("realtime = true", 1.0, "realtime"),
        ("realtime = false", 0.0, "realtime"),
        ("", None, "realtime"),
        ("speed = 25", 25.0, "speed"),
        ("realtime = true\nspeed = 4", 4.0, "speed"),
    ],
)
async def test_the_speed_of_a_start_is_said_and_kept(
    connect: Connect, application: Application, home: Path, pace: str, speed: float | None, why: str
) -> None:
    with (home / "testbed.toml").open("a") as file:
        file.write(f"{pace}\n")

    def kept(execution_id: str) -> float:
        return float(WorkflowExecution.objects.get(pk=execution_id).options["speed"])

    async with connect() as client:
        result = await client.call_tool("get_workflow_definition", {})
        shown = getattr(result, "structured_content", None) or {}
        bare = await call(client, "start_workflow")
        named = await call(client, "start_workflow", workflow="stf_datataking")
        other = await call(client, "get_workflow_definition", workflow="epic_fast_processing")
    of_bare = shown["speed"]["bare"]
    assert of_bare["speed"] == await application.database(kept, bare["execution_id"])
    assert speed is None or of_bare["speed"] == speed
    assert of_bare["why"] == f"[workflow] {why} in testbed.toml"
    assert shown["speed"]["named"]["speed"] == 0
    assert await application.database(kept, named["execution_id"]) == 0
    assert list(other["speed"]) == ["named"]
    assert f"bare start: speed {of_bare['speed']:g}" in text_of(result)


def test_each_reason_of_a_pace_has_its_text() -> None:
    assert set(definitions._WHY_SO_FAST) == set(PaceReason)
