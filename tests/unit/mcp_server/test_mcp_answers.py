"""Answers that fit, schemas without noise, words for who has tools."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.answers.finding_texts import error_text
from mcp_server.answers.schemas import lean_input, lean_output
from mcp_server.answers.truncation import MOST_DEEP, TOO_DEEP, fitted, shallow, size_of, that_fit
from swf_common_lib.errors import BrokerUnavailable, Conflict
from swf_common_lib.remedies import Remedy
from swf_common_lib.text import short

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=400)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=15) | st.dictionaries(st.text(max_size=9), inner, max_size=15)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.text(max_size=9), _VALUES, max_size=6))
def test_whatever_fits(value: dict[str, Any]) -> None:
    told = fitted(value, most=600)
    assert size_of(told) <= 600
    assert {name: type(part) for name, part in told.items()} == {
        name: type(part) for name, part in value.items()
    }
    if size_of(value) <= 600:
        assert told == value


def test_what_is_cut_says_so() -> None:
    told = fitted({"id": 7, "text": "x" * 9_000, "list": list(range(9_000))}, most=2_000)
    assert told["id"] == 7
    assert "characters left out" in told["text"]
    assert "more left out" in told["list"][-1]
    rows = fitted({"rows": [{"reason": "x" * 2_000}] * 50}, most=5_000)["rows"]
    assert rows[-1] == {"left_out": 50 - len(rows) + 1}, "a list of objects stays one"


def test_as_much_stays_as_there_is_room() -> None:
    told = fitted({"text": "x" * 2_000_000})
    assert size_of(told) > 20_000


@pytest.mark.parametrize("fields", [40, 1])
def test_long_names_are_cut(fields: int) -> None:
    told = fitted(
        {"content": {f"{n}{'k' * (60_000 if fields == 1 else 5_000)}": n for n in range(fields)}}
    )
    assert size_of(told) <= 50_000
    assert any("characters left out" in name for name in told["content"])


def test_what_is_nested_too_deep_is_left_out() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"in": [deep]}
    told: Any = shallow(deep)
    for _ in range(MOST_DEEP // 2):
        told = told["in"][0]
    assert told == TOO_DEEP
    assert shallow({"a": [1, {"b": None}]}) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\nb", "a"), ("abcdefgh", "abcde..."), ("abcdefghi", "abcde..."), ("", ""), (" a ", "a")],
)
def test_short(text: str, expected: str) -> None:
    assert short(text, 8) == (text if len(text.strip()) == 8 else expected)


def test_input_schema() -> None:
    schema = {
        "title": "Arguments",
        "type": "object",
        "properties": {
            "name": {"title": "Name", "type": "string", "maxLength": 9, "default": ""},
            "count": {
                "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
                "default": None,
                "examples": [3],
            },
            "run": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        },
        "required": ["run"],
    }
    assert lean_input(schema) == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "count": {"type": "integer", "minimum": 1, "examples": [3]},
            "run": {"type": "integer", "minimum": 1},
        },
        "required": ["run"],
    }


def test_output_schema_has_what_is_always_there() -> None:
    schema = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "state": {"$ref": "#/$defs/State"},
        },
        "required": ["items", "state"],
    }
    assert lean_output(schema) == {
        "type": "object",
        "properties": {"items": {"type": "array"}, "state": {"type": "object"}},
    }


@pytest.mark.sentences
def test_an_error_names_tools_where_its_hint_names_commands() -> None:
    error = BrokerUnavailable("the broker is away", "`testbed start-local` starts it.")
    assert error_text(error).startswith("the broker is away\nno tool starts services: ask a person")
    frozen = Conflict("frozen", "testbed stop-agents x", Remedy.RESTART_AGENTS, {"programs": "x"})
    assert error_text(frozen).endswith('stop_agents(agents=["x"]), then start_agents(agents=["x"])')
    assert error_text(Conflict("no", "Choose another name.")) == "no\nChoose another name."


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(0, 400))
def test_what_fits_is_as_much_as_fits(parts: list[str], most: int) -> None:
    fitting = that_fit(parts, most)
    assert fitting == parts[: len(fitting)]
    assert size_of(fitting) - 1 <= most or not fitting
    if len(fitting) < len(parts):
        assert size_of(parts[: len(fitting) + 1]) - 1 > most
