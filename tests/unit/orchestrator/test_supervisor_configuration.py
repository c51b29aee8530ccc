from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.supervisord.configuration import SupervisorConfiguration
from swf_common_lib.errors import ConfigurationError

CHECKOUT = Path(__file__).parents[3]
GOOD = """
[unix_http_server]
file=%(here)s/run/x.sock
[supervisord]
pidfile=%(here)s/run/x.pid ; its id
environment=PATH="%(here)s/bin:%(ENV_PATH)s"
[program:one]
command=python agents/one.py --fast
stopwaitsecs=3
[program:two]
command=python agents/two.py
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.conf"
    path.write_text(GOOD)
    return path


def test_paths_are_relative_to_the_file(file):
    configuration = SupervisorConfiguration.read(file)

    assert configuration.socket == file.parent / "run/x.sock"
    assert configuration.pid_file == file.parent / "run/x.pid"


def test_programs_know_their_script_and_patience(file):
    configuration = SupervisorConfiguration.read(file)

    assert list(configuration.programs) == ["one", "two"]
    assert configuration.programs["one"].runs("agents/one.py")
    assert not configuration.programs["one"].runs("agents/one")
    assert configuration.stop_wait("one") == 3
    assert configuration.stop_wait("two") == configuration.stop_wait("unknown") == 10


@pytest.mark.parametrize("text", ["", "[supervisord]\n", "no section", "[unix_http_server]\n"])
def test_a_file_that_lacks_its_sections_is_an_error_naming_it(file, text):
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=r"x\.conf"):
        SupervisorConfiguration.read(file)


def test_a_file_that_is_not_there_is_an_error_naming_it(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.conf"):
        SupervisorConfiguration.read(tmp_path / "absent.conf")


@pytest.mark.parametrize(
    ("name", "programs"),
    [
        ("supervisord.conf", ["postgres", "broker", "web", "ingest", "mcp"]),
        (
            "agents.supervisord.conf",
            [
                "workflow-runner",
                "data-agent",
                "processing-agent",
                "fastmon-agent",
                "fast-processing-agent",
                "fast-processing-worker",
            ],
        ),
    ],
)
def test_the_shipped_files_have_their_programs(name, programs):
    configuration = SupervisorConfiguration.read(CHECKOUT / name)

    assert list(configuration.programs) == programs
    assert configuration.socket.parent == CHECKOUT / ".testbed"
