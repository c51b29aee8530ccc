from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.agents import chosen_programs, enabled_programs, stop_agents
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import ConfigurationError, NotFound
from swf_common_lib.settings import load_settings

CHECKOUT = Path(__file__).parents[3]
ENTRY = '[agents.{name}]\nenabled = {enabled}\nscript = "{script}"\n'


@pytest.fixture
def settings(tmp_path):
    shutil.copy(CHECKOUT / "agents.supervisord.conf", tmp_path)
    return load_settings(tmp_path, {})


def file_with(settings, *entries):
    text = '[testbed]\nnamespace = "n"\n' + "".join(
        ENTRY.format(name=name, enabled=enabled, script=script) for name, enabled, script in entries
    )
    settings.swf_testbed_config.write_text(text)
    return load_testbed_file(settings.swf_testbed_config)


def test_the_runner_comes_with_the_enabled_agents_and_no_others(settings):
    testbed = file_with(
        settings,
        ("data", "true", "agents/data_agent.py"),
        ("fastmon", "false", "agents/fastmon_agent.py"),
        ("crunch", "true", "agents/worker.py"),
    )

    assert enabled_programs(settings, testbed) == [
        "workflow-runner",
        "data-agent",
        "fast-processing-worker",
    ]


def test_scripts_that_no_program_runs_are_all_told(settings):
    testbed = file_with(
        settings,
        ("one", "true", "agents/one.py"),
        ("two", "true", "agents/two.py"),
        ("off", "false", "agents/off.py"),
    )

    with pytest.raises(ConfigurationError) as caught:
        enabled_programs(settings, testbed)

    assert len(caught.value.problems) == 2
    assert "[agents.one] script = 'agents/one.py'" in caught.value.problems[0]
    assert "agents.supervisord.conf" in caught.value.hint


def test_a_program_of_ones_own_counts(settings):
    with (settings.swf_home / "agents.supervisord.conf").open("a") as file:
        file.write("[program:my-agent]\ncommand=python agents/mine.py --fast\n")
    testbed = file_with(settings, ("mine", "true", "agents/mine.py"))

    assert enabled_programs(settings, testbed) == ["workflow-runner", "my-agent"]


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("data", "data-agent"),
        ("data-agent", "data-agent"),
        ("Fast_Processing", "fast-processing-agent"),
        ("worker", "fast-processing-worker"),
        ("runner", "workflow-runner"),
        ("workflow_runner", "workflow-runner"),
        ("processing", "processing-agent"),
    ],
)
def test_agents_are_known_by_the_names_that_people_use(settings, name, program):
    assert chosen_programs(settings, [name]) == [program]


def test_a_name_that_fits_several_agents_is_none(settings):
    with pytest.raises(NotFound, match="'agent'"):
        chosen_programs(settings, ["agent"])


def test_an_unknown_agent_is_told_with_those_there_are(settings):
    with pytest.raises(NotFound, match="'dat'") as caught:
        chosen_programs(settings, ["dat"])
    assert "data-agent" in caught.value.hint


def test_stopping_where_nothing_runs_stops_nothing(settings):
    assert stop_agents(settings) == []
