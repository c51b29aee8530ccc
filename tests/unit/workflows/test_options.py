"""What a command line says about the execution that it starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.errors import ConfigurationError
from swf_common_lib.messages import parse_message
from swf_common_lib.settings import Settings, load_settings
from workflows import send_workflow_command
from workflows.runner.options import RunRequest, add_run_options
from workflows.runner.record import start_body

TESTBED = """
[testbed]
namespace = "torre1"
[workflow]
name = "stf_datataking"
config = "fast_processing_default"
realtime = true
[parameters]
stf_count = 7
[daq_state_machine]
standby_duration = 3
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "testbed.toml").write_text(TESTBED)
    return load_settings(tmp_path, {})


def request(settings: Settings, workflow: str | None, *arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--testbed-config", type=Path)
    parser.add_argument("--namespace")
    add_run_options(parser)
    return RunRequest.from_options(parser.parse_args(arguments), workflow, settings).fields


def test_nothing_said_runs_what_testbed_toml_says(settings: Settings) -> None:
    assert request(settings, None) == {
        "workflow": "stf_datataking",
        "config": "fast_processing_default",
        "namespace": "torre1",
        "realtime": True,
        "duration": 0.0,
        "parameters": {},
        "testbed_name": "testbed.toml",
        "testbed_text": TESTBED,
    }


def test_a_named_workflow_is_fast_and_has_its_own_default(settings: Settings) -> None:
    fields = request(settings, "stf_datataking")
    assert fields["realtime"] is False
    assert "config" not in fields


def test_every_option(settings: Settings) -> None:
    fields = request(
        settings,
        "stf_datataking",
        *("--workflow-config", "stf_processing_default", "--namespace", "mine"),
        *("--stf-count", "5", "--physics-period-count", "2", "--physics-period-duration", "20"),
        *("--stf-interval", "1.5", "--duration", "60", "--no-realtime", "--speed", "10"),
        *("--set", "daq_state_machine.standby_duration=4", "--set", "label=night"),
    )
    assert fields == {
        "workflow": "stf_datataking",
        "config": "stf_processing_default",
        "namespace": "mine",
        "realtime": False,
        "speed": 10.0,
        "duration": 60.0,
        "parameters": {
            "stf_count": 5,
            "physics_period_count": 2,
            "physics_period_duration": 20.0,
            "stf_interval": 1.5,
            "daq_state_machine.standby_duration": 4,
            "label": "night",
        },
        "testbed_name": "testbed.toml",
        "testbed_text": TESTBED,
    }


def test_another_testbed_toml_is_sent_as_it_is(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(TESTBED.replace("torre1", "torre2"))
    fields = request(settings, "stf_datataking", "--testbed-config", str(other), "--stf-count", "9")
    assert fields["namespace"] == "torre2"
    assert fields["parameters"] == {"stf_count": 9}
    assert (fields["testbed_name"], fields["testbed_text"]) == ("other.toml", other.read_text())


def test_a_command_on_the_queue_brings_it_along(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(TESTBED.replace("torre1", "torre2"))
    words = ["--testbed-config", str(other), "run", "--workflow", "stf_datataking"]
    command = send_workflow_command._body(
        send_workflow_command._parser().parse_args(words), settings
    )
    body = start_body(parse_message(command), "", "")
    assert body["namespace"] == "torre2"
    assert (body["testbed_name"], body["testbed_text"]) == ("other.toml", other.read_text())


def test_a_file_of_ones_own_is_sent_as_text(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[workflow]\nname = 'stf_datataking'\n")
    fields = request(settings, "stf_datataking", "--workflow-config", str(path))
    assert fields["config"] == "mine"
    assert fields["config_text"] == path.read_text()


@pytest.mark.parametrize("arguments", [["--workflow-config", "no/such.toml"], ["--set", "novalue"]])
def test_what_cannot_be_meant(settings: Settings, arguments: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        request(settings, "stf_datataking", *arguments)


def test_no_namespace_is_an_error(settings: Settings) -> None:
    settings.swf_testbed_config.write_text("[testbed]\nnamespace = ''\n")
    with pytest.raises(ConfigurationError, match="namespace"):
        request(settings, "stf_datataking")


def test_no_workflow_at_all(settings: Settings) -> None:
    settings.swf_testbed_config.write_text("[testbed]\nnamespace = 'torre1'\n")
    with pytest.raises(ConfigurationError, match="no workflow is named"):
        request(settings, None)
