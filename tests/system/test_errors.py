"""What users read who made a mistake: through every way in, and what it changed (nothing)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack
from tests.system.ways import (
    PROGRAMS,
    SERVERS,
    WORKFLOW,
    Start,
    Way,
    by_form,
    by_message,
    by_run_once,
    changed,
    command,
    rest,
    testbed,
    tool,
)

pytestmark = pytest.mark.system

MISTAKES = {
    "unknown workflow": (Start("stf_datatakng"), ["'stf_datatakng'", "stf_datataking"]),
    "unknown configuration": (
        Start(config="fast_processing_defalt"),
        ["'fast_processing_defalt'", "fast_processing_default"],
    ),
    "unknown parameter": (Start(parameters={"stf_cuont": 3}), ["did you mean stf_count?"]),
    "wrong type": (
        Start(parameters={"stf_count": "many"}),
        ["stf_count = 'many'", "a whole number from 1 to 10000000"],
    ),
    "out of range, and wrong besides": (
        Start(parameters={"stf_interval": -2, "stf_count": 0}),
        ["stf_interval = -2", "a number from 0.001 to 31536000 s", "stf_count = 0"],
    ),
}
EVERY_WAY = (*PROGRAMS, *SERVERS)


def executions(stack: Stack) -> int:
    client = stack.client()
    try:
        return len(client.get_all("workflow-executions/"))
    finally:
        client.session.close()


@pytest.fixture
def nothing_started(running: Stack) -> Iterator[None]:
    before = executions(running)
    yield
    assert executions(running) == before


@pytest.mark.parametrize(
    ("way", "mistake"),
    [
        pytest.param(way, mistake, id=f"{way.__name__}-{mistake}")
        for way in EVERY_WAY
        for mistake, (start, _) in MISTAKES.items()
        # The form offers configurations, not workflows.
        if way is not by_form or start.workflow == WORKFLOW
    ],
)
def test_a_mistake_is_explained(
    running: Stack, nothing_started: None, way: Way, mistake: str
) -> None:
    start, words = MISTAKES[mistake]

    told = way(running, start)

    assert told.refused
    for word in words:
        assert word in told.text


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "orchestrator.cli", "run", "fast_processing"),
        ("workflows/send_workflow_command.py", "run"),
        ("workflows/workflow_runner.py", "--run-once", "stf_datataking"),
    ],
)
def test_a_misspelt_option_is_recognised(running: Stack, words: tuple[str, ...]) -> None:
    told = command(running, *words, "--stf-cuont", "3")

    assert told.status == 2
    assert "unknown option --stf-cuont; did you mean --stf-count?" in told.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"workflw": "stf_datataking"}, "did you mean workflow?"),
        ({"workflow": "stf_datataking", "stf_cuont": 3}, 'did you mean stf_count in "parameters"'),
        ({"workflow": "stf_datataking", "parameters": [1]}, "parameters: Expected a JSON object"),
        ({"workflow": "stf_datataking", "speed": -1}, "speed = -1"),
        ([1], "Expected a dictionary, but got list"),
    ],
)
def test_a_request_with_other_fields_starts_nothing(
    running: Stack, nothing_started: None, body: object, said: str
) -> None:
    told = rest(running, "workflow-executions/start/", body)

    assert told.status == 400
    assert said in told.text


TESTBED_FILES = {
    "empty namespace": ('[testbed]\nnamespace = ""\n', "[testbed] the namespace is empty"),
    "no namespace": ('[testbed]\n[workflow]\nname = "x"\n', "[testbed] namespace is missing"),
    "no TOML": ('[testbed]\nnamespace = "a\n', "line 2, column 15: not valid TOML"),
}


@pytest.fixture(params=TESTBED_FILES)
def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A faulty testbed.toml, and what is said of it."""
    text, said = TESTBED_FILES[request.param]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path, said


def test_programs_refuse_a_faulty_testbed_file(
    running: Stack, nothing_started: None, faulty: tuple[Path, str]
) -> None:
    path, said = faulty
    programs = [
        lambda **environment: testbed(running, "run", **environment),
        lambda **environment: by_message(running, Start(), **environment),
        lambda **environment: by_run_once(running, Start(), **environment),
        lambda **environment: command(running, "agents/data_agent.py", **environment),
    ]
    for program in programs:
        told = program(SWF_TESTBED_CONFIG=str(path))
        assert told.refused
        assert f"{path}" in told.text
        assert said in told.text
        assert "Correct mine.toml" in told.text
    told = testbed(running, "validate", str(path))  # known by what it holds, not by its name
    assert told.status == 1
    assert said in told.text


def test_servers_refuse_with_a_faulty_testbed_file(
    running: Stack, nothing_started: None, faulty: tuple[Path, str]
) -> None:
    path, said = faulty
    own = running.home / "testbed.toml"
    good = own.read_text()
    own.write_text(path.read_text())
    try:
        for way in SERVERS:
            told = way(running, Start())
            assert told.refused
            assert str(own) in told.text
            assert said in told.text
        assert said in tool(running, "get_system_status").text
        assert said in testbed(running, "status").text
    finally:
        own.write_text(good)


def test_a_default_that_cannot_run_is_found_by_validate(running: Stack, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for line, said in (
        ('config = "fast_procesing"', "did you mean fast_processing_default?"),
        ('name = "stf_datatakng"', "did you mean stf_datataking?"),
    ):
        path.write_text(f'[testbed]\nnamespace = "me"\n[workflow]\n{line}\n')
        told = testbed(running, "validate", str(path))
        assert told.status == 1
        assert str(path) in told.text or "stf_datatakng" in told.text
        assert said in told.text


@pytest.fixture(scope="module")
def finished(running: Stack) -> str:
    """An execution that has completed."""
    script = "workflows/workflow_runner.py"
    done = running.execute(
        [sys.executable, script, "--run-once", "stf_datataking", "--stf-count", "1"]
    )
    return done.stdout.split()[0]


CHANGES = {
    "command line": ("stop", "resume"),
    "message": ("stop", "pause"),
    "rest": ("stop", "pause", "resume"),
    "mcp": ("stop", "pause", "resume"),
    "form": ("stop", "pause", "resume"),
}


@pytest.mark.parametrize("way", CHANGES)
def test_a_change_of_what_is_not_or_is_over(running: Stack, finished: str, way: str) -> None:
    for change in CHANGES[way]:
        over = changed(running, way, change, finished)
        assert over.refused
        assert f"{finished} is completed already" in over.text
        assert change in over.text

        unknown = changed(running, way, change, f"{finished[:-4]}9999")
        assert unknown.refused
        assert "there is no execution" in unknown.text
        assert "Nearest: " in unknown.text


@pytest.mark.parametrize("way", ["command line", "message", "mcp"])
@pytest.mark.parametrize("execution_id", ["", "../runs?a=b#c"])
def test_what_is_no_id_at_all(running: Stack, way: str, execution_id: str) -> None:
    told = changed(running, way, "stop", execution_id)

    assert told.refused
    assert "<" not in told.text.replace("<string>", "")


def test_an_address_without_an_id_is_told_as_json(running: Stack) -> None:
    told = rest(running, "workflow-executions//stop/", {})

    assert told.status == 404
    assert "there is nothing at /api/workflow-executions//stop/" in told.text


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SWF_MONITOR_URL": "nonsense"}, "SWF_MONITOR_URL in the environment: 'nonsense'"),
        ({"ACTIVEMQ_PORT": "many"}, "ACTIVEMQ_PORT in the environment: 'many'"),
        ({"SWF_API_TOKEN": "wrong"}, "the token is unknown"),
    ],
)
def test_settings_that_cannot_be_right(
    running: Stack, environment: dict[str, str], said: str
) -> None:
    told = testbed(running, "run", **environment)

    assert told.status == 1
    assert said in told.text


def test_a_wrong_password_and_what_is_not_the_monitor(running: Stack) -> None:
    refused = by_run_once(running, Start(), ACTIVEMQ_PASSWORD="wrong")
    assert refused.status == 1
    assert "refuses user" in refused.text
    assert "wrong" in refused.text

    elsewhere = running.settings.swf_mcp_url.removesuffix("/mcp")
    told = testbed(running, "status", SWF_MONITOR_URL=elsewhere)
    assert told.status == 1
    assert f"{elsewhere} answers 404" in told.text
    assert "SWF_MONITOR_URL" in told.text


def test_the_form_keeps_to_what_it_offers(running: Stack, nothing_started: None) -> None:
    told = by_form(running, Start(config="../../etc/passwd"))

    assert told.status == 400
    assert "is not the name of a configuration" in told.text
