"""What cannot be understood is recorded with its problem, and disturbs nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest import entry
from monitor.ingest.projections import workers
from monitor.records.models import Run, RunState, StfFile, TFSlice, Worker, WorkflowMessage
from tests.integration.ingest.run_messages import (
    FastRun,
    as_incoming,
    record,
    record_batch,
    rolled_back,
)

pytestmark = pytest.mark.django_db

GOOD = {"msg_type": "stf_gen", "run_id": "7", "message_id": "good", "filename": "a.stf"}

MALFORMED = {
    "not json": (b'{"msg_type": "stf_gen"', "not JSON"),
    "not utf-8": (b'{"msg_type": "\xff\xfe"}', "not UTF-8"),
    "empty": (b"", "not JSON"),
    "a list": (b"[1, 2]", "list, not an object"),
    "not a number": (b'{"msg_type": "x", "value": NaN}', "NaN"),
    "too deep": (b"[" * 100_000, "nested deeper than"),
    "too deep with escapes": (
        b'{"msg_type": "x", "text": "\\u0041", "deep": ' + b"[" * 700 + b"]" * 700 + b"}",
        "nested deeper than",
    ),
    "beyond all numbers": (b'{"msg_type": "x", "run_id": "7", "value": 1e999}', "contains 1e999"),
    "nul bytes": (b"\0\0\0", "not JSON"),
    "no type": (b'{"run_id": "7"}', "msg_type"),
    "type is null": (b'{"msg_type": null, "run_id": 7}', "msg_type"),
    "type is a number": (b'{"msg_type": 7, "run_id": 7}', "msg_type"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_body(name: str) -> None:
    body, problem = MALFORMED[name]

    recorded = record(body, GOOD)

    assert (recorded.new, recorded.problems) == (2, 1)
    message = WorkflowMessage.objects.exclude(message_id="good").get()
    assert message.message_type == "malformed"
    assert problem in message.problem
    assert RunState.objects.get(run_number=7).stf_files_generated == 1


def test_malformed_body_is_kept_readable() -> None:
    record(b"caf\xe9 \0 " + b"x" * 70_000)
    raw = WorkflowMessage.objects.get().content["raw"]
    assert raw.startswith("caf\\xe9 \\x00 xxx")
    assert len(raw) < 66_000


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "field missing": ({"msg_type": "stf_gen", "run_id": "7"}, "filename"),
    "field mistyped": ({**GOOD, "sequence": "many"}, "sequence"),
    "no run": ({"msg_type": "start_run"}, "run_id ''"),
    "run is no number": ({"msg_type": "start_run", "run_id": "seven"}, "'seven'"),
    "run is negative": ({"msg_type": "start_run", "run_id": "-7"}, "'-7'"),
    "run number too large": ({"msg_type": "start_run", "run_id": "9" * 40}, "not the number"),
    "file name too long": ({**GOOD, "filename": "f" * 300}, "300 characters"),
    "slice status unknown": (
        {
            "msg_type": "slice_status",
            "run_id": "7",
            "slices": [{"tf_filename": "t", "slice_id": 1, "status": "vanished"}],
        },
        "'vanished'",
    ),
    "worker status unknown": (
        {
            "msg_type": "worker_status",
            "run_id": "7",
            "workers": [{"worker_id": "w", "status": "asleep"}],
        },
        "'asleep'",
    ),
    "number too large": (
        {
            "msg_type": "stf_ready",
            "run_id": "7",
            "filename": "big.stf",
            "size_bytes": 2**70,
        },
        "size_bytes: Input should be less than",
    ),
    "endless number": ({**GOOD, "value": float("1e999")}, "Infinity"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_fields(name: str) -> None:
    body, problem = INVALID[name]
    body = {**body, "message_id": "bad", "namespace": "tests"}

    recorded = record(body, GOOD)

    assert (recorded.new, recorded.problems) == (2, 1)
    message = WorkflowMessage.objects.get(message_id="bad") if name != "endless number" else None
    if message is not None:
        assert message.message_type == body["msg_type"]
        assert message.namespace == "tests"
        assert any(words in message.problem for words in problem.split("|"))
        assert message.content == body
    assert RunState.objects.get(run_number=7).stf_files_generated == 1
    assert not TFSlice.objects.exists()
    assert not Worker.objects.exists()
    assert not StfFile.objects.exists()


def test_news_of_many_counts_without_its_bad_entries() -> None:
    good = {"tf_filename": "t", "slice_id": 0, "status": "done"}
    slices = [
        {**good, "status": "vanished"},
        good,
        {"tf_filename": "t", "status": "done"},
        {**good, "tf_filename": "f" * 300},
        "nothing",
    ]
    workers = [{"worker_id": "w", "status": "idle"}, {"worker_id": "v", "status": "asleep"}]
    envelope = {"run_id": "7", "namespace": "tests"}

    recorded = record(
        {**envelope, "msg_type": "slice_status", "message_id": "slices", "slices": slices},
        {**envelope, "msg_type": "worker_status", "message_id": "workers", "workers": workers},
    )

    assert (recorded.new, recorded.problems) == (2, 2)
    assert list(TFSlice.objects.values_list("slice_id", "status")) == [(0, "completed")]
    assert list(Worker.objects.values_list("worker_id", flat=True)) == ["w"]
    state = RunState.objects.get(run_number=7)
    assert (state.slices_created, state.slices_completed) == (1, 1)
    problem = WorkflowMessage.objects.get(message_id="slices").problem
    for words in (
        "slices.0: slice 0 of t: 'vanished' is no status",
        "slices.2.slice_id: Field required",
        "slices.3: tf_filename has 300 characters",
        "slices.4: Input should be",
    ):
        assert words in problem
    assert "slices.1" not in problem
    assert "'asleep'" in WorkflowMessage.objects.get(message_id="workers").problem


def test_fault_of_news_that_no_entry_has() -> None:
    good = {"tf_filename": "t", "slice_id": 0, "status": "done"}
    record({"msg_type": "slice_status", "run_id": "7", "simulation_tick": -1, "slices": [good]})
    assert not TFSlice.objects.exists()
    assert WorkflowMessage.objects.get().problem.count("simulation_tick") == 1


def test_values_too_long_for_their_columns_are_cut() -> None:
    record({"msg_type": "t" * 200, "namespace": "n" * 200, "sender": "s" * 200, "run_id": "1" * 99})
    message = WorkflowMessage.objects.get()
    assert (len(message.message_type), len(message.namespace)) == (100, 100)
    assert (len(message.sender_agent), len(message.run_id)) == (100, 50)
    assert "namespace has 200 characters and is cut to 100" in message.problem


def test_long_message_ids_stay_distinct() -> None:
    for last in "aab":
        record({"msg_type": "x", "message_id": "m" * 300 + last})
    assert WorkflowMessage.objects.count() == 2


def test_nul_and_lone_surrogates_are_escaped() -> None:
    record(
        b'{"msg_type": "x", "sender": "a\\u0000b", "text": "\\ud83d", "smile": "\\ud83d\\ude00"}'
    )
    message = WorkflowMessage.objects.get()
    assert message.sender_agent == "a\\u0000b"
    assert message.content["text"] == "\\ud83d"
    assert message.content["smile"] == "\N{GRINNING FACE}"
    assert "escapes" in message.problem


def test_unknown_types_are_ordinary_messages() -> None:
    record({"msg_type": "weather_report", "run_id": "sunny", "message_id": "1"})
    message = WorkflowMessage.objects.get()
    assert (message.message_type, message.problem) == ("weather_report", "")
    assert not Run.objects.exists()


@pytest.mark.parametrize("given_time", ["yesterday", "", 17, None, "2026-02-30T00:00:00Z"])
def test_time_that_is_none(given_time: object) -> None:
    record({"msg_type": "x", "timestamp": given_time})
    message = WorkflowMessage.objects.get()
    assert message.sent_at == message.received_at


def test_projection_that_fails_over_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    follow = workers._follow

    def fragile(worker: Worker, told: Any, moment: Any) -> None:
        if told.location == "nowhere":
            raise KeyError("nowhere")
        follow(worker, told, moment)

    monkeypatch.setattr(workers, "_follow", fragile)
    run = FastRun()
    bad = {
        "msg_type": "worker_status",
        "message_id": "bad",
        "run_id": str(run.run_number),
        "workers": [{"worker_id": "w", "status": "idle", "location": "nowhere"}],
    }
    bodies = [*run.bodies[:11], bad, *run.bodies[11:]]

    record(*bodies)

    message = WorkflowMessage.objects.get(message_id="bad")
    assert message.problem == "KeyError: 'nowhere'"
    assert [m.message_id for m in WorkflowMessage.objects.order_by("id")] == [
        body["message_id"] for body in bodies
    ]
    assert WorkflowMessage.objects.exclude(problem="").count() == 1
    state = RunState.objects.get()
    assert (state.slices_completed, state.phase) == (12, "completed")
    assert Worker.objects.count() == 2


_STRINGS = [rb'"\ud800"', rb'"\u0000"', rb'"\u0041"', b'"\xff"', b'"caf\xc3\xa9"']
_NUMBERS = [b"1e999", b"-1E400", b"NaN", b"9" * 400, b"9" * 5000, b"1e-999", b"7"]
_TOKENS = st.sampled_from([*_STRINGS, *_NUMBERS, b"null", b"{}", b"[]"])


@st.composite
def wild_bodies(draw: st.DrawFn) -> bytes:
    """Objects with what decoders and databases disagree about, at any depth."""
    levels = draw(st.sampled_from([0, 1, 100, 199, 200, 201, 250, 500, 900, 3000]))
    before, after = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}"), (rb'{"\u0061":', b"}")]))
    deep = before * levels + draw(_TOKENS) + after * levels
    name = draw(st.sampled_from([b"message_id", b"sender", b"run_id", b"filename", b"more"]))
    fields = [b'"msg_type": "stf_gen"', b'"%s": %s' % (name, draw(_TOKENS)), b'"deep": ' + deep]
    return b"{" + b", ".join(fields) + b"}"


@given(wild_bodies())
def test_wild_bodies_are_recorded_and_can_be_read_again(body: bytes) -> None:
    with rolled_back():
        record_batch([as_incoming(body)])
        message = WorkflowMessage.objects.get()
        json.dumps(message.content, allow_nan=False)


def test_a_fault_of_the_reading_itself_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fragile(text: str, default: Any) -> Any:
        raise RecursionError("too deep for it")

    with monkeypatch.context() as patched:
        patched.setattr(entry, "parse_time", fragile)
        record({"msg_type": "x"})
    message = WorkflowMessage.objects.get()
    assert message.message_type == "malformed"
    assert message.problem == "RecursionError: too deep for it"
    assert "cannot be read" in caplog.text


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_recorded(bodies: list[bytes]) -> None:
    with rolled_back():
        record_batch([as_incoming(body) for body in bodies])
        assert WorkflowMessage.objects.count() == len(set(bodies))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = [
    "run_imminent",
    "end_run",
    "stf_gen",
    "stf_ready",
    "tf_file_registered",
    "processing_complete",
    "tf_slices_registered",
    "slice_status",
    "worker_status",
    "run_imminent_worker",
]
FIELDS = st.sampled_from(
    [
        "run_id",
        "message_id",
        "namespace",
        "timestamp",
        "simulation_tick",
        "filename",
        "tf_filename",
        "stf_filename",
        "tf_count",
        "slices",
        "workers",
        "sequence",
        "total_stf_files",
    ]
)


@given(st.sampled_from(TYPES), st.dictionaries(FIELDS, JSON | st.just("7"), max_size=8))
def test_any_fields_are_recorded(msg_type: str, fields: dict[str, Any]) -> None:
    body = {"msg_type": msg_type, "run_id": "7", **fields}
    with rolled_back():
        record_batch([as_incoming(json.dumps(body).encode())])
        assert WorkflowMessage.objects.count() == 1
