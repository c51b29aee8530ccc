"""Trouble with executions, made for real, all at once; every surface tells of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from swf_common_lib.errors import TestbedError
from swf_common_lib.findings import FindingCode, Remedy, SubjectKind
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.health.answers import (
    Answers,
    of_execution,
    start,
    wait_for,
    wait_status,
)
from tests.system.health.own_workflows import BROKEN, add_workflows
from tests.system.health.surfaces import Shown, found, rest, shown, tool
from tests.waiting import wait_until

pytestmark = pytest.mark.system

FOREIGN = "foreign-0001"
"""An execution that somebody's own agent records, with values that nobody checked."""


@dataclass
class Troubled:
    """An installation in which executions of all kinds are in trouble."""

    stack: Stack
    ids: dict[str, str] = field(default_factory=dict)
    answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self.answers = Answers(self.stack)

    def begin(self, name: str, workflow: str = "", **body: object) -> None:
        self.ids[name] = start(self.stack, workflow or name, **body)

    def change(self, name: str, change: str) -> None:
        self.stack.client().post(f"workflow-executions/{self.ids[name]}/{change}/", {})


ENDED = {
    "raises": (FindingCode.WORKFLOW_RAISED, Remedy.MEND_WORKFLOW),
    "lacks": (FindingCode.CONFIGURATION_UNUSABLE, Remedy.MEND_CONFIGURATION),
    "killed": (FindingCode.RUNNER_LOST, Remedy.START_AGAIN),
    "unclaimed": (FindingCode.NEVER_CLAIMED, Remedy.START_AGENTS_THEN_AGAIN),
    "makes_none": (FindingCode.STFS_MISSING, Remedy.MEND_CONFIGURATION),
    "foreign": (FindingCode.CONFIGURATION_UNUSABLE, Remedy.MEND_CONFIGURATION),
}
HANGING = {
    "sleeps": (FindingCode.CLOCK_STANDS_STILL, Remedy.RESTART_RUNNER),
    "sleeps_paced": (FindingCode.CLOCK_STANDS_STILL, Remedy.RESTART_RUNNER),
    "computes": (FindingCode.STOP_NOT_HONOURED, Remedy.RESTART_RUNNER),
    "not_paused": (FindingCode.PAUSE_NOT_HONOURED, Remedy.RESTART_RUNNER),
}
ENDLESS = {"endless": (FindingCode.ENDLESS_AT_FULL_SPEED, Remedy.STOP_EXECUTION)}
WELL = ("waits", "paused")
"""Executions whose simulated clocks go on, or stand because somebody wanted it."""


def expected(troubled: Troubled, name: str) -> Shown:
    code, remedy = {**ENDED, **HANGING, **ENDLESS}[name]
    return of_execution(code, troubled.ids[name], remedy)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    """All of it, and the answers of every surface once all of it is there."""
    stack = Stack.create(
        tmp_path_factory.mktemp("s"),
        settings={"SWF_PENDING_TIMEOUT": 3, "SWF_HEARTBEAT_INTERVAL": 1},
    )
    add_workflows(stack)
    try:
        stack.start()
        yield _in_trouble(Troubled(stack))
    finally:
        ended(stack)


def _in_trouble(made: Troubled) -> Troubled:
    stack = made.stack
    made.begin("unclaimed", "waits")
    wait_status(stack, made.ids["unclaimed"], "terminated", "failed")
    stack.run(["start-agents"])
    made.begin("killed", "waits", realtime=True)
    wait_status(stack, made.ids["killed"], "running")
    killed = stack.kill("workflow-runner")
    wait_until(lambda: stack.pid("workflow-runner") not in (0, killed))
    for name in ("raises", "lacks", "makes_none", "sleeps", "computes"):
        made.begin(name)
    made.begin("sleeps_paced", "sleeps", realtime=True)
    made.begin("not_paused", "sleeps")
    for name in WELL:
        made.begin(name, "waits", realtime=True)
    _record_foreign(made)
    for name in ("computes", "sleeps", "sleeps_paced", "not_paused", "paused"):
        wait_status(stack, made.ids[name], "running")
    made.change("computes", "stop")
    made.change("not_paused", "pause")
    made.change("paused", "pause")
    with pytest.raises(TestbedError):
        start(stack, "raises", parameters={"delaay": 1})
    wait_for(stack, {expected(made, name) for name in (*ENDED, *HANGING)})
    made.begin("endless", "stf_datataking", config="daq_state_machine", parameters=NO_END)
    wait_for(stack, {expected(made, name) for name in (*ENDED, *HANGING, *ENDLESS)})
    for name in ("REST", "MCP", "page", "terminal"):
        made.answers.of(name)
        made.answers.of(name, made.ids["endless"])
    made.change("endless", "stop")
    return made


NO_END = {"physics_period_count": 0, "physics_period_duration": 10}


def _record_foreign(made: Troubled) -> None:
    client = made.stack.client()
    named = {"workflow_name": "foreign", "version": "1.0"}
    definition = client.post(
        "workflow-definitions/",
        {**named, "workflow_type": "own", "definition": "", "parameter_values": {}},
    )
    record = {
        "execution_id": FOREIGN,
        "workflow_definition": definition["id"],
        "namespace": "foreign",
        "parameter_values": {"daq_state_machine": {"stf_interval": "soon"}},
        "status": "running",
    }
    client.post("workflow-executions/", record)
    made.ids["foreign"] = FOREIGN


@pytest.mark.parametrize("name", [*ENDED, *HANGING, *ENDLESS])
def test_every_surface_tells_of_each(troubled: Troubled, name: str) -> None:
    troubled.answers.check(expected(troubled, name), "")


@pytest.mark.parametrize("name", ["raises", "killed", "computes", "endless"])
def test_every_surface_tells_what_is_wrong_with_one(troubled: Troubled, name: str) -> None:
    troubled.answers.check(expected(troubled, name), troubled.ids[name])


@pytest.mark.parametrize("name", WELL)
def test_a_clock_that_has_to_wait_is_no_trouble(troubled: Troubled, name: str) -> None:
    of_all = [one.subject for one in troubled.answers.of("REST")]
    assert f"execution {troubled.ids[name]}" not in of_all
    told = rest(troubled.stack, troubled.ids[name])
    codes = [one.code for one in told if one.subject.kind is SubjectKind.EXECUTION]
    assert codes == [FindingCode.EXECUTION_PAUSED] * (name == "paused")


def test_what_is_said_of_them(troubled: Troubled) -> None:
    lacks = found(
        troubled.stack, FindingCode.CONFIGURATION_UNUSABLE, execution_id=troubled.ids["lacks"]
    )
    assert lacks.fact("missing_parameter") == "'dela'"
    none = found(troubled.stack, FindingCode.STFS_MISSING, execution_id=troubled.ids["makes_none"])
    assert (none.fact("made"), none.fact("requested")) == (0, 6)
    lost = found(troubled.stack, FindingCode.RUNNER_LOST, execution_id=troubled.ids["killed"])
    assert str(lost.fact("runner")).startswith("workflow_runner-agent-")


def test_a_file_that_is_broken_and_a_start_that_was_refused(troubled: Troubled) -> None:
    for code, subject, remedy in (
        (FindingCode.CONFIGURATION_BROKEN, f"file {BROKEN}", Remedy.MEND_FILE),
        (FindingCode.START_REFUSED, None, Remedy.MEND_CONFIGURATION),
    ):
        finding = found(troubled.stack, code)
        assert finding.remedy is remedy
        assert subject in (None, shown(finding).subject)
        troubled.answers.check(shown(finding), "")
    refused = found(troubled.stack, FindingCode.START_REFUSED)
    assert "delaay" in str(refused.fact("problem"))


@pytest.mark.parametrize("workflow", ["makes_none", "stf_datataking", "epic_fast_processing"])
def test_the_example_of_a_definition_is_accepted(troubled: Troubled, workflow: str) -> None:
    example = tool(troubled.stack, "get_workflow_definition", workflow=workflow)["example"]
    started = tool(troubled.stack, "start_workflow", **example)
    assert started["execution_id"].startswith(workflow)
    # It may have come to its end meanwhile.
    troubled.stack.run(["stop-workflow", started["execution_id"]], check=False)


def test_the_remedy_helps(troubled: Troubled) -> None:
    """The runner is started again: what hung is over, and nothing hangs any more."""
    troubled.stack.run(["stop-agents", "runner"])
    troubled.stack.run(["start-agents", "runner"])
    for name in HANGING:
        assert troubled.stack.execution(troubled.ids[name])["status"] == "terminated"
    codes = {code for code, _ in (*HANGING.values(), *ENDLESS.values())}
    assert not codes & {one.code for one in rest(troubled.stack)}
