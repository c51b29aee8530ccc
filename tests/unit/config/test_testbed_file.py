"""Reading ``testbed.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common_lib.config import AgentEntry, WorkflowDefault, load_testbed_file, parse_assignment
from swf_common_lib.errors import ConfigurationError

GOOD = """
[testbed]
namespace = "torre1"
[workflow]
name = "stf_datataking"
config = "fast_processing_default"
realtime = true
[agents.data]
enabled = false
script = "agents/data_agent.py"
[agents.worker]
script = "agents/worker.py"
[fast_processing]
stf_count = 5
[parameters]
stf_interval = 3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "testbed.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_testbed_file(write(folder, text))
    return caught.value.problems


def test_good_file(tmp_path: Path) -> None:
    loaded = load_testbed_file(write(tmp_path, GOOD))
    assert loaded.namespace == "torre1"
    assert loaded.workflow == WorkflowDefault("stf_datataking", "fast_processing_default", True)
    assert loaded.agents == {
        "data": AgentEntry("data", False, "agents/data_agent.py"),
        "worker": AgentEntry("worker", True, "agents/worker.py"),
    }
    assert loaded.sections == {"fast_processing": {"stf_count": 5}}
    assert loaded.parameters == {"stf_interval": 3}


def test_byte_order_mark_is_taken(tmp_path: Path) -> None:
    assert load_testbed_file(write(tmp_path, "\ufeff" + GOOD)).namespace == "torre1"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file") as caught:
        load_testbed_file(tmp_path / "testbed.toml")
    assert "testbed init" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[testbed]\n",
        '[testbed]\nnamespace = ""\n',
        '[testbed]\nnamespace = "  "\n',
        '[workflow]\nname = "x"\n',
    ],
)
def test_no_namespace(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert "namespace" in problem
    assert 'namespace = "your-name"' in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[testbed]\nnamespace = 3\n", "[testbed] namespace = 3: expected text in quotes"),
        ('[testbed]\nnamespace = "a"\nnamspace = "b"\n', "did you mean namespace?"),
        ('testbed = "x"\n', "testbed = 'x': expected a table"),
        ('[testbed]\nnamespace = "it\'s"\n', "expected up to 100 letters"),
    ],
)
def test_bad_testbed_table(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in "\n".join(problems(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[workflow]\nnaem = 'x'\n", "[workflow] has no naem; did you mean name?"),
        ("[workflow]\nrealtime = 1\n", "[workflow] realtime = 1: expected true or false"),
        ("[workflow]\nspeed = -1\n", "[workflow] speed = -1: expected a number"),
        ("[workflow]\nspeed = nan\n", "[workflow] speed = nan: expected a number"),
        ("[workflow]\nspeed = true\n", "[workflow] speed = True: expected a number"),
        ("[agents.data]\nenabeld = true\nscript = 'x'\n", "did you mean enabled?"),
        ("[agents.data]\nenabled = 'yes'\nscript = 'x'\n", "expected true or false"),
        ("[agents.data]\nenabled = true\n", "script is missing"),
        ("[agents]\ndata = true\n", "agents.data = True: expected a table"),
        ("[agents.'a b']\n", "not a name for an agent"),
        ("[parameters]\nstf_count = '5'\n", "[parameters] stf_count = '5': expected a whole"),
        ("[fast_processing]\nstf_count = 0\n", "stf_count = 0: expected a whole number from 1"),
        ("[sim]\nstart = 2020-01-01\n", "[sim] start"),
        ("parameters = 3\n", "parameters = 3: expected a table"),
    ],
)
def test_bad_entries(tmp_path: Path, text: str, expected: str) -> None:
    head = "testbed = { namespace = 'a' }\n"
    found = problems(tmp_path, head + text)
    assert expected in found[0]
    assert len(found) == 1


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "stf_count = 3\n[testbed]\nnamespace = ''\n[workflow]\nrealtime = 'x'\n"
        "[agents.a]\nsript = 's'\n[parameters]\nstf_interval = -1\n"
    )
    assert len(problems(tmp_path, text)) == 6


def test_syntax_error(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[testbed]\nnamespace = "x\n')
    assert "testbed.toml, line 2" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stf_count=5", ("stf_count", 5)),
        (" a.b = 2.5 ", ("a.b", 2.5)),
        ("x=true", ("x", True)),
        ('x="text"', ("x", "text")),
        ("x=bare text", ("x", "bare text")),
        ("x=", ("x", "")),
        ("x=[1, 2]", ("x", [1, 2])),
        ("x={a = 1}", ("x", {"a": 1})),
        ("x=1\nvalue2=3", ("x", "1\nvalue2=3")),
        ("x=a=b", ("x", "a=b")),
    ],
)
def test_assignment(text: str, expected: tuple[str, object]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["", "stf_count", "=3", " = "])
def test_no_assignment(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an assignment"):
        parse_assignment(text)
