"""Expansion: what wins over what, where values come from, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.config import Expanded, TestbedFile, expand
from swf_common_lib.errors import ConfigurationError


class Folder:
    """A workflows folder to write configurations into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def expand(self, config: str | None = "main", **kwargs: Any) -> Expanded:
        given = {"workflow": None, "testbed": installation(self.path), **kwargs}
        return expand(config, workflows_dir=self.path, **given)

    def refused(self, config: str | None = "main", **kwargs: Any) -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            self.expand(config, **kwargs)
        return caught.value


def installation(path: Path, **kwargs: Any) -> TestbedFile:
    return TestbedFile(path / "testbed.toml", **{"namespace": "ns", **kwargs})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write(
        "base.toml",
        "[daq_state_machine]\nstf_interval = 2\nbroadcast_delay = 1\nphysics_period_count = 3\n",
    )
    made.write(
        "main.toml",
        '[workflow]\nname = "flow"\nversion = "2.1"\ndescription = "d"\nincludes = ["base.toml"]\n'
        "[daq_state_machine]\nbroadcast_delay = 4\n"
        "[fast_processing]\nphysics_period_count = 1\nstf_count = 10\n",
    )
    return made


def test_the_whole_order(folder: Folder) -> None:
    local = installation(
        folder.path,
        sections={"fast_processing": {"stf_count": 6, "stf_sampling_rate": 0.5}},
        parameters={"stf_interval": 5, "stf_count": 7},
    )
    expanded = folder.expand(testbed=local, overrides={"stf_count": 8})
    assert expanded.sections == {
        "workflow": {"name": "flow", "version": "2.1", "description": "d", "config": "main"},
        "daq_state_machine": {
            "stf_interval": 5,
            "broadcast_delay": 4,
            "physics_period_count": 3,
        },
        "fast_processing": {
            "physics_period_count": 1,
            "stf_count": 8,
            "stf_sampling_rate": 0.5,
        },
        "testbed": {"namespace": "ns"},
    }
    assert expanded.provenance == {
        "daq_state_machine.stf_interval": "testbed.toml [parameters]",
        "daq_state_machine.broadcast_delay": "main.toml",
        "daq_state_machine.physics_period_count": "base.toml",
        "fast_processing.physics_period_count": "main.toml",
        "fast_processing.stf_count": "command",
        "fast_processing.stf_sampling_rate": "testbed.toml: [fast_processing]",
        "testbed.namespace": "testbed.toml",
    }
    assert (expanded.workflow_name, expanded.version) == ("flow", "2.1")
    assert (expanded.config_name, expanded.description) == ("main", "d")


def test_later_include_wins(folder: Folder) -> None:
    folder.write("more.toml", "[daq_state_machine]\nstf_interval = 9\n")
    folder.write("two.toml", '[workflow]\nname = "flow"\nincludes = ["base.toml", "more"]\n')
    assert folder.expand("two").sections["daq_state_machine"]["stf_interval"] == 9


def test_includes_include_and_keep_their_header_to_themselves(folder: Folder) -> None:
    folder.write(
        "top.toml", '[workflow]\nname = "top"\nincludes = ["main.toml"]\n[fast_processing]\n'
    )
    expanded = folder.expand("top")
    assert expanded.workflow_name == "top"
    assert expanded.version == "1.0"
    assert expanded.description == ""
    assert expanded.sections["daq_state_machine"]["stf_interval"] == 2


def test_same_file_included_twice_is_no_cycle(folder: Folder) -> None:
    folder.write("left.toml", '[workflow]\nincludes = ["base.toml"]\n')
    folder.write("right.toml", '[workflow]\nincludes = ["base.toml"]\n')
    folder.write("all.toml", '[workflow]\nname = "a"\nincludes = ["left.toml", "right.toml"]\n')
    assert folder.expand("all").sections["daq_state_machine"]["stf_interval"] == 2


def test_cycle_names_its_chain(folder: Folder) -> None:
    folder.write("one.toml", '[workflow]\nname = "a"\nincludes = ["two.toml"]\n')
    folder.write("two.toml", '[workflow]\nincludes = ["three.toml"]\n')
    folder.write("three.toml", '[workflow]\nincludes = ["two.toml"]\n')
    error = folder.refused("one")
    assert "two.toml includes three.toml includes two.toml" in error.detail
    assert len(error.problems) == 1


def test_file_that_includes_itself(folder: Folder) -> None:
    folder.write("self.toml", '[workflow]\nname = "a"\nincludes = ["self.toml"]\n')
    assert "self.toml includes self.toml" in folder.refused("self").detail


def test_missing_include_suggests(folder: Folder) -> None:
    folder.write("x.toml", '[workflow]\nname = "a"\nincludes = ["bsae.toml"]\n')
    detail = folder.refused("x").detail
    assert "x.toml" in detail
    assert "did you mean base.toml?" in detail


@pytest.mark.parametrize("path", ["../base.toml", "/etc/passwd", "a/b.toml", "base.toml\\n", ""])
def test_include_is_a_name_not_a_path(folder: Folder, path: str) -> None:
    folder.write("x.toml", f'[workflow]\nname = "a"\nincludes = ["{path}"]\n')
    assert "never a path" in folder.refused("x").detail


@pytest.mark.parametrize("name", ["../main", "/main.toml", "a b", "main.toml.toml", ".", "x/y"])
def test_configuration_is_a_name_not_a_path(folder: Folder, name: str) -> None:
    assert "never a path" in folder.refused(name).hint


def test_syntax_error_names_file_and_line(folder: Folder) -> None:
    folder.write("bad.toml", '[workflow]\nname = "a"\nversion = = 3\n')
    error = folder.refused("bad")
    assert "bad.toml, line 3" in error.detail
    assert len(error.problems) == 1


def test_syntax_error_in_an_include_names_the_include(folder: Folder) -> None:
    folder.write("base.toml", "[daq_state_machine\n")
    assert "base.toml, line 1" in folder.refused("main", overrides={"stf_interval": 1}).detail


def test_file_that_is_not_utf8(folder: Folder) -> None:
    (folder.path / "bin.toml").write_bytes(b'[workflow]\nname = "\xff"\n')
    assert "bin.toml, line 2: not UTF-8" in folder.refused("bin").detail


def test_unknown_override_suggests(folder: Folder) -> None:
    detail = folder.refused(overrides={"stf_cuont": 3}).detail
    assert "stf_cuont" in detail
    assert "did you mean stf_count?" in detail


def test_unknown_names_of_the_testbed_file_suggest(folder: Folder) -> None:
    local = installation(
        folder.path,
        sections={"fast_procesing": {"stf_count": 1}, "fast_processing": {"stf_cuont": 1}},
        parameters={"stf_intervall": 3},
    )
    problems = folder.refused(testbed=local).problems
    assert len(problems) == 3
    assert "did you mean fast_processing?" in problems[0]
    assert "did you mean stf_count?" in problems[1]
    assert "did you mean stf_interval?" in problems[2]
    assert all(problem.startswith("testbed.toml") for problem in problems)


def test_section_that_only_other_configurations_have_is_checked_and_noted(folder: Folder) -> None:
    local = installation(folder.path, sections={"stf_processing": {"stf_count": 4}})
    expanded = folder.expand(testbed=local)
    assert "stf_processing" not in expanded.sections
    assert "[stf_processing] is not used" in expanded.notes[0]
    wrong = installation(folder.path, sections={"stf_processing": {"stf_count": "4"}})
    assert "stf_count = '4'" in folder.refused(testbed=wrong).detail


def test_all_problems_at_once(folder: Folder) -> None:
    folder.write(
        "main.toml",
        '[workflow]\nname = "flow"\nversion = 3\n[daq_state_machine]\nstf_interval = "2"\n'
        "physics_period_count = 2.5\nbroadcast_delay = -1\n",
    )
    local = installation(folder.path, namespace="", parameters={"stf_cuont": 1})
    problems = folder.refused(testbed=local, overrides={"beam_ready_delay": True}).problems
    text = "\n".join(problems)
    assert len(problems) == 7
    for expected in (
        "namespace is empty",
        "main.toml: [workflow] version = 3",
        "main.toml: [daq_state_machine] stf_interval = '2': expected a number from 0.001",
        "physics_period_count = 2.5: expected a whole number",
        "broadcast_delay = -1: expected a number from 0",
        "testbed.toml [parameters]: stf_cuont",
        "command: beam_ready_delay = True",
    ):
        assert expected in text


def test_override_by_name_reaches_every_section_that_has_it(folder: Folder) -> None:
    sections = folder.expand(overrides={"physics_period_count": 5}).sections
    assert sections["daq_state_machine"]["physics_period_count"] == 5
    assert sections["fast_processing"]["physics_period_count"] == 5


def test_override_by_section_reaches_that_one(folder: Folder) -> None:
    overrides = {"fast_processing.physics_period_count": 5}
    sections = folder.expand(overrides=overrides).sections
    assert sections["daq_state_machine"]["physics_period_count"] == 3
    assert sections["fast_processing"]["physics_period_count"] == 5


def test_override_as_a_table_reaches_that_section(folder: Folder) -> None:
    overrides = {"fast_processing": {"stf_count": 2}}
    assert folder.expand(overrides=overrides).sections["fast_processing"]["stf_count"] == 2


def test_override_that_is_none_counts_as_not_given(folder: Folder) -> None:
    assert folder.expand(overrides={"stf_count": None, "nonsense": None}) == folder.expand()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("fast_procesing.stf_count", "did you mean fast_processing?"),
        ("fast_processing.stf_cuont", "did you mean stf_count?"),
        ("workflow.name", "no section workflow"),
        ("testbed.namespace", "no section testbed"),
        ("daq_state_machine.target_worker_count", "it belongs to [fast_processing]"),
        ("", "is not a parameter"),
        (".", "no section"),
    ],
)
def test_override_that_fits_no_section(folder: Folder, key: str, expected: str) -> None:
    assert expected in folder.refused(overrides={key: 3}).detail


def test_stf_count_goes_where_no_section_has_it(folder: Folder) -> None:
    folder.write(
        "std.toml", '[workflow]\nname = "flow"\nincludes = ["base.toml"]\n[stf_processing]\n'
    )
    assert folder.expand("std", overrides={"stf_count": 3}).sections["stf_processing"] == {
        "stf_count": 3
    }
    folder.write("alone.toml", '[workflow]\nname = "flow"\n[daq_state_machine]\n')
    alone = folder.expand("alone", overrides={"stf_count": 3}).sections
    assert alone["daq_state_machine"] == {"stf_count": 3}
    folder.write("only.toml", '[workflow]\nname = "flow"\nincludes = ["main.toml"]\n')
    only = folder.expand("only", overrides={"activemq_streams": 3}).sections
    assert only["fast_processing"]["activemq_streams"] == 3


def test_parameter_of_a_section_that_is_not_there_is_refused(folder: Folder) -> None:
    folder.write("std.toml", '[workflow]\nname = "flow"\n[stf_processing]\n')
    detail = folder.refused("std", overrides={"target_worker_count": 3}).detail
    assert "target_worker_count belongs to [fast_processing], which std does not have" in detail


def test_present_names_reach_the_older_form(folder: Folder) -> None:
    folder.write(
        "old.toml",
        '[workflow]\nname = "old"\n[parameters]\nworker_count = 10\nphysics_duration_min = 60\n',
    )
    overrides = {"target_worker_count": 4, "physics_period_duration": 90, "stf_count": 2}
    expanded = folder.expand("old", overrides=overrides)
    assert expanded.sections["parameters"] == {
        "worker_count": 4,
        "physics_duration_min": 1.5,
        "stf_count": 2,
    }


def test_older_names_reach_the_present_form(folder: Folder) -> None:
    folder.write("new.toml", '[workflow]\nname = "n"\n[fast_processing]\ntarget_worker_count = 3\n')
    expanded = folder.expand("new", overrides={"worker_count": 25})
    assert expanded.sections["fast_processing"] == {"target_worker_count": 25}


def test_own_parameters_of_other_workflows(folder: Folder) -> None:
    folder.write(
        "own.toml",
        '[workflow]\nname = "own"\n[simulation]\nlabel = "x"\nseed = 3\nmodes = ["a"]\n'
        "deep = { inner = 1 }\non = true\n",
    )
    good = {"label": "y", "simulation.seed": 4.5, "modes": [], "on": False, "deep": {"inner": 2}}
    assert folder.expand("own", overrides=good).sections["simulation"] == {
        "label": "y",
        "seed": 4.5,
        "modes": [],
        "deep": {"inner": 2},
        "on": False,
    }
    bad = {"label": 3, "seed": "4", "modes": "a", "on": 1, "deep": 1}
    assert len(folder.refused("own", overrides=bad).problems) == 5


@pytest.mark.parametrize("value", ["1979-05-27", "inf", "nan", "[1, 2, inf]", "{a = 07:32:00}"])
def test_value_that_cannot_be_stored(folder: Folder, value: str) -> None:
    folder.write("own.toml", f'[workflow]\nname = "own"\n[simulation]\nseed = {value}\n')
    assert "[simulation] seed" in folder.refused("own").detail


def test_misspelling_in_a_configuration_of_ours(folder: Folder) -> None:
    folder.write("x.toml", '[workflow]\nname = "x"\n[fast_processing]\nstf_cuont = 3\n')
    assert "did you mean stf_count?" in folder.refused("x").detail


def test_value_outside_every_section(folder: Folder) -> None:
    folder.write("x.toml", 'stf_count = 3\n[workflow]\nname = "x"\n')
    assert "stands outside every section" in folder.refused("x").detail


def test_missing_workflow_name(folder: Folder) -> None:
    assert "base.toml: [workflow] name is missing" in folder.refused("base").detail
    assert folder.expand("base", workflow="flow").workflow_name == "flow"


def test_other_workflow_than_the_configuration_is_made_for(folder: Folder) -> None:
    expanded = folder.expand("main", workflow="mine")
    assert expanded.workflow_name == "mine"
    assert "made for workflow flow" in expanded.notes[0]


def test_namespace(folder: Folder) -> None:
    assert folder.expand(namespace="other").sections["testbed"] == {"namespace": "other"}
    assert folder.expand(namespace="other").provenance["testbed.namespace"] == "command"
    assert "namespace is empty" in folder.refused(testbed=None).detail
    assert "namespace is empty" in folder.refused(testbed=None, namespace=" ").detail
    for bad in ("a b", "it's", "x\n", "ü", "a" * 101, "-a"):
        assert "namespace" in folder.refused(namespace=bad).detail
    assert folder.expand(testbed=None, namespace="x").sections["testbed"] == {"namespace": "x"}


def test_given_text_replaces_the_file(folder: Folder) -> None:
    text = '[workflow]\nname = "mine"\nincludes = ["base.toml"]\n[fast_processing]\nstf_count = 1\n'
    expanded = folder.expand("my_config.toml", config_text=text)
    assert expanded.workflow_name == "mine"
    assert expanded.config_name == "my_config"
    assert expanded.provenance["fast_processing.stf_count"] == "my_config.toml"
    error = folder.refused("my_config.toml", config_text="[a")
    assert "my_config.toml, line 1" in error.detail


def test_expanding_leaves_what_was_given_alone(folder: Folder) -> None:
    overrides = {"fast_processing": {"stf_count": 2}}
    local = installation(folder.path, parameters={"stf_interval": 5})
    folder.expand(testbed=local, overrides=overrides)
    assert overrides == {"fast_processing": {"stf_count": 2}}
    assert folder.expand().sections["daq_state_machine"]["stf_interval"] == 2
