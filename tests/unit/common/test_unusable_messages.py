"""Messages that are well formed and cannot be acted on."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from swf_common_lib.agent.delivery_loop import HANDLER_TRIES, DeliveryLoop
from swf_common_lib.errors import InvalidMessage, InvalidRequest
from swf_common_lib.messages import RunImminentWorker, parse_body, parse_message
from swf_common_lib.messaging import MessageBus
from swf_common_lib.settings import load_settings
from swf_common_lib.strict_json import MOST_LEVELS
from workflows.runner.record import start_body

ANNOUNCEMENT = {
    "msg_type": "run_imminent_worker",
    "run_id": "7",
    "target_worker_count": 30,
    "worker_rampup_time": 300,
    "worker_rampdown_time": 60,
    "slice_processing_time": 30,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_worker_count", 2**40),
        ("node_parallelism", 2**40),
        ("activemq_streams", 2**20),
        ("retry_max_attempts", 10**6),
        ("slice_processing_time", 1e308),
        ("worker_rampup_time", float("inf")),
        ("worker_rampdown_time", float("nan")),
    ],
)
def test_a_message_may_not_ask_for_more_than_a_configuration(field: str, value: float) -> None:
    assert isinstance(parse_message(dict(ANNOUNCEMENT)), RunImminentWorker)
    with pytest.raises(InvalidMessage, match=field):
        parse_message({**ANNOUNCEMENT, field: value})


def test_a_time_frame_count_that_nobody_could_process() -> None:
    with pytest.raises(InvalidMessage, match="tf_count"):
        parse_message({"msg_type": "stf_ready", "filename": "a.stf", "tf_count": 2**70})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_has_not(value: float) -> None:
    with pytest.raises(InvalidMessage, match=r"it contains (NaN|-?Infinity)"):
        parse_body(json.dumps({"msg_type": "x", "simulation_tick": value}))


@pytest.mark.parametrize(
    "number", ["1e999", "-1E+400", "1.5e0400", "9" * 300 + "e99", "1" * 400 + ".0", "1" * 5000]
)
@pytest.mark.parametrize("place", ['{"x": %s}', '{"x": [1, %s , 2]}', '{"y": {"x": %s\n}}'])
def test_numbers_that_no_computer_holds(number: str, place: str) -> None:
    with pytest.raises(InvalidMessage, match=r"cannot be read"):
        parse_body(place % number)


@pytest.mark.parametrize("text", ["1e308", "123e-999", "0.1e+30"])
def test_numbers_that_look_too_large(text: str) -> None:
    words = '"1e999 e999,", "id": "0b7de999-e000-4e11-9e123"'
    assert parse_body(f'{{"x": {text}, "say": {words}}}')["x"] == float(text)


@pytest.mark.parametrize("more", ["", r', "text": "\ud800"'])
def test_how_deep_a_body_may_be(more: str) -> None:
    """The limit is the same for every decoder."""

    def body(levels: int) -> str:
        return f'{{"deep": {"[" * (levels - 1)}{"]" * (levels - 1)}{more}}}'

    assert parse_body(body(MOST_LEVELS))
    for levels in (MOST_LEVELS + 1, 900, 100_000):
        with pytest.raises(InvalidMessage, match="nested deeper than 201 levels"):
            parse_body(body(levels))


@pytest.mark.parametrize("field", ["started_tick", "finished_tick"])
def test_ticks_beyond_all_runs(field: str) -> None:
    news = {"tf_filename": "t", "slice_id": 0, "status": "completed", field: 1e300}
    with pytest.raises(InvalidMessage, match=field):
        parse_message({"msg_type": "slice_status", "run_id": "7", "slices": [news]})


def test_more_work_than_a_run_has_seconds() -> None:
    news = {"worker_id": "w", "status": "idle", "busy_seconds": 1e300}
    with pytest.raises(InvalidMessage, match="busy_seconds"):
        parse_message({"msg_type": "worker_status", "run_id": "7", "workers": [news]})


@pytest.mark.parametrize(
    ("error", "tries"), [(InvalidMessage("no run"), 1), (ValueError("?"), HANDLER_TRIES)]
)
def test_what_is_invalid_is_not_tried_again(
    error: Exception, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def action() -> None:
        tried.append(1)
        raise error

    delivery_loop = DeliveryLoop(
        MessageBus(load_settings(environ={})),
        lambda delivery: action,
        lambda: None,
        threading.Event(),
        logging.getLogger("agent"),
    )

    assert delivery_loop.attempt(action, "stf_gen") is False
    assert len(tried) == tries
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is (tries > 1)


@pytest.mark.parametrize("fields", [{}, {"workflow_name": ""}, {"params": {"stf_count": 1}}])
def test_a_start_by_message_names_what_to_run(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="neither a workflow nor a configuration"):
        start_body(parse_message({"msg_type": "run_workflow", **fields}), "ns", "runner")
