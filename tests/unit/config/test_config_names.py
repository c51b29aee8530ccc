"""Which configuration a name means, and what is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from swf_common_lib.config import (
    TestbedFile,
    WorkflowDefault,
    did_you_mean,
    expand,
    list_configurations,
    nearest,
    resolve_config_name,
)
from swf_common_lib.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, workflow in (("fast_default", "flow"), ("std_default", "flow"), ("one", "single")):
        (tmp_path / f"{name}.toml").write_text(f'[workflow]\nname = "{workflow}"\n[sim]\na = 1\n')
    return tmp_path


def config_of(folder: Path, workflow: str | None, default: WorkflowDefault) -> str:
    testbed = TestbedFile(folder / "testbed.toml", "ns", default)
    return expand(None, workflow=workflow, workflows_dir=folder, testbed=testbed).config_name


NO_DEFAULT = WorkflowDefault()
DEFAULT = WorkflowDefault(name="flow", config="std")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("fast", "fast_default"), ("fast_default.toml", "fast_default"), ("one", "one")],
)
def test_name_with_and_without_default_and_suffix(folder: Path, name: str, meant: str) -> None:
    assert resolve_config_name(name, folder) == meant


def test_exact_name_comes_first(folder: Path) -> None:
    (folder / "fast.toml").write_text('[workflow]\nname = "flow"\n')
    assert resolve_config_name("fast", folder) == "fast"


def test_unknown_name_suggests_and_lists(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_config_name("fsat_default", folder)
    assert "did you mean fast_default?" in caught.value.detail
    assert caught.value.hint == "Known: fast_default, one, std_default."


def test_workflow_without_configuration(folder: Path) -> None:
    assert config_of(folder, None, DEFAULT) == "std_default"
    assert config_of(folder, "flow", DEFAULT) == "std_default"
    assert config_of(folder, "single", DEFAULT) == "one"
    (folder / "flow_default.toml").write_text('[workflow]\nname = "flow"\n')
    assert config_of(folder, "flow", NO_DEFAULT) == "flow_default"


@pytest.mark.parametrize(
    ("workflow", "expected"),
    [
        ("flow", "several configurations"),
        ("flwo", "did you mean flow?"),
        (None, "no workflow was named"),
        ("../flow", "not the name"),
    ],
)
def test_workflow_that_leads_to_no_configuration(
    folder: Path, workflow: str | None, expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=expected.replace("?", r"\?")):
        config_of(folder, workflow, NO_DEFAULT)


def test_workflow_with_code_and_no_configuration(folder: Path) -> None:
    (folder / "bare.py").write_text("")
    testbed = TestbedFile(folder / "testbed.toml", "ns")
    expanded = expand(None, workflow="bare", workflows_dir=folder, testbed=testbed)
    assert expanded.workflow_name == expanded.config_name == "bare"
    assert set(expanded.sections) == {"workflow", "testbed"}


def test_listing_shows_faulty_files_and_no_testbed_file(folder: Path) -> None:
    (folder / "bad.toml").write_text("[a")
    (folder / "testbed.toml").write_text('[testbed]\nnamespace = "x"\n[workflow]\nname = "y"\n')
    (folder / "nameless.toml").write_text("[sim]\na = 1\n")
    found = {summary.name: summary for summary in list_configurations(folder)}
    assert set(found) == {"bad", "fast_default", "nameless", "one", "std_default"}
    assert "bad.toml, line 1" in found["bad"].problem
    assert "name is missing" in found["nameless"].problem
    assert found["one"].workflow_name == "single"
    assert found["one"].sections == ("sim",)
    assert found["one"].problem == ""


def test_nearest() -> None:
    assert nearest("STF_COUNT", ["stf_count", "stf_interval"]) == "stf_count"
    assert nearest("zzz", ["stf_count"]) is None
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", []) == "none is known"
    assert did_you_mean("zzz", [f"name_{i:02}" for i in range(30)]).endswith("name_19, ...")
