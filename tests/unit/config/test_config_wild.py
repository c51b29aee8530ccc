"""Whatever a file holds, it is taken or refused with a ConfigurationError, and stays storable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import example, given, settings
from hypothesis import strategies as st

from swf_common_lib.config import PARAMETERS, TestbedFile, expand, load_testbed_file, nearest
from swf_common_lib.config.toml_text import parse_toml, storable
from swf_common_lib.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
WORKFLOWS = ROOT / "workflows"
TESTBED = TestbedFile(Path("testbed.toml"), "ns")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from([*PARAMETERS, "fast_processing", "fast_processing.stf_count", "workflow.x"])
snippets = st.sampled_from(
    ["[workflow]", "[fast_processing]", "name = 'a'", "stf_count = ", "3", "= ", "\n", "[", "]",
     "'", '"""', "includes = ['fast_processing_default.toml']", "\x00", "é", "2020-13-45", "inf"]
)  # fmt: skip


T = TypeVar("T")


def attempt(action: Callable[[], T]) -> tuple[T | None, list[str]]:
    """Return the result of ``action`` (or None) and the problems of its error."""
    try:
        return action(), []
    except ConfigurationError as error:
        return None, error.problems or ["an error without a problem"]


@settings(max_examples=150, deadline=None)
@given(st.lists(snippets | st.text(max_size=6), max_size=12).map("".join))
@example("[workflow]\nname='a'\n[a.b.c]\n[[a.b.d]]\n")
@example("a = 99999999999999999999999999\n[workflow]\nname='a'\n")
@example("a = " + "[" * 5000)
def test_any_text_as_configuration(text: str) -> None:
    expanded, problems = attempt(
        lambda: expand(
            "given", workflow=None, workflows_dir=WORKFLOWS, testbed=TESTBED, config_text=text
        )
    )
    assert all(problems)
    if expanded is not None:
        assert expanded.workflow_name
        json.dumps(expanded.sections, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names | st.text(max_size=10), values, max_size=4))
@example({"stf_count": 10**400})
@example({"stf_interval": float("nan")})
def test_any_overrides(overrides: dict[str, Any]) -> None:
    expanded, problems = attempt(
        lambda: expand(
            "fast_processing",
            workflow=None,
            workflows_dir=WORKFLOWS,
            testbed=TESTBED,
            overrides=overrides,
        )
    )
    assert all(problems)
    if expanded is not None:
        json.dumps(expanded.sections, allow_nan=False)
        for table in expanded.sections.values():
            for name, value in table.items():
                assert name not in PARAMETERS or PARAMETERS[name].accepts(value)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.lists(snippets, max_size=10).map(lambda s: "".join(s).encode()))
def test_any_bytes_as_testbed_file(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "testbed.toml"
        path.write_bytes(content)
        loaded, problems = attempt(lambda: load_testbed_file(path))
        assert all(str(path) in problem for problem in problems)
        assert loaded is None or loaded.namespace


@given(values)
def test_what_is_storable_is_json(value: Any) -> None:
    if storable(value):
        json.dumps(value, allow_nan=False)


@given(st.text(max_size=30))
def test_parsing_raises_nothing_else(text: str) -> None:
    _, problems = attempt(lambda: parse_toml(text, "x"))
    assert all(problem.startswith("x") for problem in problems)


@given(st.text(max_size=12), st.lists(st.text(max_size=8), max_size=6))
def test_nearest_is_one_of_the_known(name: str, known: list[str]) -> None:
    match = nearest(name, known)
    assert match is None or match in known
