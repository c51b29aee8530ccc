"""The table of roles agrees with everything that a role consists of."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest
import tomli

from agents.worker import WorkerAgent
from orchestrator.installation import prepare
from orchestrator.supervisord.configuration import SupervisorConfiguration
from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.config import load_testbed_file
from swf_common_lib.messages import MESSAGE_TYPES, RunImminentWorker
from swf_common_lib.messaging import BROADCAST
from swf_common_lib.roles import ROLES, RUNNER, Role, role_of_program, role_of_queue
from swf_common_lib.settings import load_settings
from workflows.runner.agent import START_COMMANDS, RunnerAgent

CHECKOUT = Path(__file__).parents[3]

ANNOUNCEMENT = {
    "msg_type": "run_imminent_worker",
    "run_id": "100001",
    "target_worker_count": 2,
    "worker_rampup_time": 0,
    "worker_rampdown_time": 0,
    "slice_processing_time": 30,
}

every_role = pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)


def agent_class(role: Role) -> type[BaseAgent]:
    """Return the class of the agent that a role's script runs."""
    if role is RUNNER:
        return RunnerAgent
    module = importlib.import_module(role.script.removesuffix(".py").replace("/", "."))
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BaseAgent)
        and value.__module__ == module.__name__
    )
    return found


def heard_by(agent: BaseAgent) -> set[str]:
    """Return the destinations that an agent subscribes to; a worker's when it hears of a run."""
    heard = {str(wanted.destination) for wanted in agent.subscriptions()}
    if isinstance(agent, WorkerAgent):
        agent.on_run_imminent_worker(RunImminentWorker.model_validate(ANNOUNCEMENT))
        (run,) = agent._runs.values()
        heard |= {str(subscription.destination) for subscription in run.subscriptions}
    return heard


@every_role
def test_its_script_runs_an_agent_of_its_type(role):
    assert (CHECKOUT / role.script).is_file()
    assert agent_class(role).agent_type == role.agent_type


def test_every_agent_of_the_checkout_has_a_role():
    scripts = {f"agents/{file.name}" for file in (CHECKOUT / "agents").glob("*.py")}
    runnable = {name for name in scripts if "__main__" in (CHECKOUT / name).read_text()}
    assert runnable == {role.script for role in ROLES.values() if role is not RUNNER}


@every_role
def test_it_may_not_import_other_agents(role):
    contracts = tomli.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (kept,) = (each for each in contracts["contracts"] if each["type"] == "independence")
    name = role.script.removesuffix(".py").replace("/", ".")
    assert {name, name.partition(".")[0]} & set(kept["modules"])


@every_role
def test_it_has_a_handler_for_the_messages_that_it_consumes(role):
    assert callable(getattr(agent_class(role), f"on_{role.consumes}"))
    if role is RUNNER:  # a command, which is no message of a run
        assert f"msg_type='{role.consumes}'" == START_COMMANDS
    else:
        assert role.consumes in MESSAGE_TYPES


@every_role
def test_its_program_runs_its_script(role):
    programs = SupervisorConfiguration.read(CHECKOUT / "agents.supervisord.conf").programs
    assert programs[role.program].runs(role.script)
    assert programs[role.program].stop_wait == role.stop_wait
    assert role_of_program(role.program) is role


@every_role
def test_it_subscribes_to_its_queue_and_to_the_broadcasts_that_it_hears(role, tmp_path):
    heard = heard_by(agent_class(role)(load_settings(tmp_path, {}), "n"))
    assert {name for name in heard if name.startswith("/queue/")} == {role.queue} - {""}
    assert (str(BROADCAST) in heard) == role.hears_broadcasts


@every_role
def test_nobody_else_consumes_its_queue(role):
    if role.queue:
        assert role_of_queue(role.queue) is role
        assert role_of_queue(f"{role.queue}.3") is role
    assert role_of_queue(f"{role.queue}x") is None


def test_the_testbed_file_of_the_checkout_has_an_agent_for_each_role():
    assert tables(CHECKOUT / "testbed.toml") == DEFAULT_TABLES


def test_a_new_testbed_file_has_an_agent_for_each_role(tmp_path, monkeypatch):
    shutil.copytree(CHECKOUT / "workflows", tmp_path / "workflows")
    settings = load_settings(tmp_path, {"SWF_SERVICES": "elsewhere", "SWF_API_TOKEN": "t"})
    prepare(settings)
    assert tables(settings.swf_testbed_config) == DEFAULT_TABLES
    assert load_testbed_file(settings.swf_testbed_config).agents.keys() == DEFAULT_TABLES.keys()


DEFAULT_TABLES = {
    role.agent_type: {"enabled": True, "script": role.script}
    for role in ROLES.values()
    if role is not RUNNER
}


def tables(file: Path) -> dict[str, object]:
    return tomli.loads(file.read_text())["agents"]
