"""Where code comes from, what it must be, and configurations written as TOML."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from monitor.executions.git_source import source_of
from monitor.executions.plan import configuration_text
from monitor.executions.request import StartRequest
from monitor.executions.workflow_code import check_code, read_workflow, workflow_names
from swf_common_lib.errors import ConfigurationError, InvalidRequest, NotFound
from tests.waiting import PATIENCE

CODE = "class WorkflowExecutor:\n    pass\n"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


@pytest.fixture(autouse=True)
def _git_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.executions.git_source._TIMEOUT", PATIENCE)


def test_the_work_tree_is_described(tmp_path: Path) -> None:
    path = tmp_path / "workflows" / "w.py"
    path.parent.mkdir()
    path.write_text(CODE)
    git(tmp_path, "init", "-q", "-b", "trunk")
    git(
        tmp_path,
        "remote",
        "add",
        "origin",
        "https://user:secret@github.com/BNLNPPS/swf-testbed.git",
    )
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "v1")
    source = source_of(path)
    assert (source["org"], source["repo"]) == ("BNLNPPS", "swf-testbed")
    assert (source["branch"], source["tag"], source["dirty"]) == ("trunk", "v1", False)
    assert source["path"] == "workflows/w.py"
    assert len(source["commit"]) == 40
    assert "secret" not in str(source)


def test_a_changed_work_tree_is_dirty(tmp_path: Path) -> None:
    path = tmp_path / "w.py"
    path.write_text(CODE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    path.write_text(CODE + "#")
    source = source_of(path)
    assert source["dirty"] is True
    assert "org" not in source


def test_a_workflow_that_git_does_not_know_is_dirty(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "/somewhere/else/here.git")
    git(tmp_path, "commit", "-q", "-m", "first", "--allow-empty")
    path = tmp_path / "w.py"
    path.write_text(CODE)
    source = source_of(path)
    assert source["dirty"] is True
    assert "org" not in source


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_of(tmp_path / "w.py") == {}
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("PATH", str(other))
    assert source_of(other / "w.py") == {}


@pytest.mark.parametrize("name", ["../w", "w/x", "/etc/passwd", "", "w.py", "1w", "w\n", "a" * 200])
def test_a_workflow_is_a_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "w.py").write_text(CODE)
    with pytest.raises(NotFound):
        read_workflow(name, tmp_path)
    assert read_workflow("w", tmp_path).text == CODE
    assert workflow_names(tmp_path) == ["w"]


@pytest.mark.parametrize(
    "code", [CODE, "from other import X as WorkflowExecutor\n", "WorkflowExecutor = print\n"]
)
def test_good_code(code: str) -> None:
    check_code(code, "w.py")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "WorkflowExecutor"),
        ("def f(): WorkflowExecutor = 1", "WorkflowExecutor"),
        ("print(WorkflowExecutor)", "WorkflowExecutor"),
        ("x = 1\nclass (", "line 2"),
        ("return 1", "not valid Python"),
        ("\0", "not valid Python"),
    ],
)
def test_faulty_code(code: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_code(code, "w.py")


_scalars = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
_values = st.one_of(
    _scalars, st.lists(_scalars, max_size=3), st.dictionaries(_keys, _scalars, max_size=3)
)


@given(st.dictionaries(_keys, st.dictionaries(_keys, _values, max_size=4), max_size=4))
def test_a_stored_configuration_is_writtenconfiguration_text(sections: dict[str, Any]) -> None:
    expected = {name: table for name, table in sections.items() if name != "testbed"}
    expected.get("workflow", {}).pop("config", None)
    assert tomli.loads(configuration_text(sections)) == expected


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"speed": float("nan")}, "speed"),
        ({"duration": float("inf")}, "duration"),
        ({"executed_by": "a\nb"}, "executed_by"),
        ({"idempotency_key": "k" * 300}, "idempotency_key"),
    ],
)
def test_values_that_cannot_be_meant(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        StartRequest(workflow="w", **fields).check()
