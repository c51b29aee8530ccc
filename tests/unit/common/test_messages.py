"""Messages: parsed into their types, or refused saying why."""

from __future__ import annotations

import contextlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import (
    MESSAGE_TYPES,
    EndRun,
    Message,
    StfGen,
    derived_id,
    parse_body,
    parse_message,
)


def test_known_type_becomes_its_model() -> None:
    message = parse_message({"msg_type": "stf_gen", "filename": "f", "run_id": 100001, "more": 1})
    assert isinstance(message, StfGen)
    assert message.run_id == "100001"
    assert message.model_extra == {"more": 1}


@pytest.mark.parametrize("name", MESSAGE_TYPES)
def test_every_type_is_on_the_page_of_messages(name: str) -> None:
    assert f"`{name}`" in (Path(__file__).parents[3] / "docs" / "messages.md").read_text()


def test_unknown_type_is_kept() -> None:
    assert type(parse_message({"msg_type": "weather", "sky": "grey"})) is Message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "msg_type"),
        ({"msg_type": 7}, "msg_type"),
        ({"msg_type": "stf_gen"}, "filename"),
        ({"msg_type": "end_run", "total_stf_files": "many"}, "total_stf_files"),
        ({"msg_type": "slice_status", "slices": [{"slice_id": 1}]}, "slices.0.tf_filename"),
        ({"msg_type": "stf_gen", "filename": "f", "run_id": True}, "run_id"),
    ],
)
def test_invalid_message_names_the_field(body: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidMessage, match=says):
        parse_message(body)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[1]", b"7", b"", b"[" * 100_000])
def test_body_that_is_no_json_object(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        parse_body(body)


@given(st.binary())
def test_any_bytes_are_an_object_or_an_invalid_message(body: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        assert isinstance(parse_body(body), dict)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.sampled_from(["stf_gen", "end_run", "slice_status", "worker_status", "slice"]),
    st.dictionaries(
        st.sampled_from(
            ["filename", "slices", "workers", "run_id", "content", "total_stf_files", "namespace"]
        ),
        _json,
    ),
)
def test_any_fields_are_a_message_or_an_invalid_message(
    kind: str, fields: dict[str, object]
) -> None:
    with contextlib.suppress(InvalidMessage):
        assert parse_message({"msg_type": kind, **fields}).msg_type == kind


def test_reaction_has_the_same_identity_each_time() -> None:
    assert derived_id("m1", "stf_ready") == derived_id("m1", "stf_ready")
    assert derived_id("m1", "slice", "1") != derived_id("m1", "slice", "2")
    assert derived_id("m1", "slice") != derived_id("m2", "slice")


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3))
def test_identity_of_a_reaction_is_a_uuid_by_name(words: list[str]) -> None:
    cause, *parts = words
    assert derived_id(cause, *parts) == str(uuid.uuid5(uuid.NAMESPACE_URL, "\x1f".join(words)))


def test_total_of_an_ended_run() -> None:
    body = json.dumps({"msg_type": "end_run", "total_stf_files": 10, "reason": ""}).encode()
    message = parse_message(parse_body(body))
    assert isinstance(message, EndRun)
    assert message.total_stf_files == 10


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _JSON), st.booleans())
def test_a_body_says_to_us_what_it_says_to_python(body: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(body, ensure_ascii=ascii_only)
    assert repr(parse_body(text)) == repr(json.loads(text))


def test_bodies_that_the_quick_decoder_refuses() -> None:
    assert parse_body(rb'{"name": "\ud800"}') == {"name": "\ud800"}
    with pytest.raises(InvalidMessage, match="not UTF-8"):
        parse_body(b'{"name": "\xff"}')
