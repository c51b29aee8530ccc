"""The fast processing agent's handling of results, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.fast_processing_agent import FastProcessingAgent
from agents.workers.recent_keys import RecentKeys
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import Message, SliceResult, TfFileRegistered
from swf_common_lib.messaging import Destination
from swf_common_lib.settings import load_settings


class Recording(FastProcessingAgent):
    """Records what it would send; every execution has the same configuration."""

    def __init__(self, home: Path) -> None:
        super().__init__(load_settings(home, {}), "n")
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.sections: dict[str, Any] = {"fast_processing": {"slices_per_sample": 15}}

    def send(
        self,
        destination: Destination,
        msg_type: str,
        cause: Message,
        *,
        discriminator: str = "",
        **fields: Any,
    ) -> None:
        self.sent.append((str(destination), msg_type, {"run_id": cause.run_id, **fields}))

    def execution(self, execution_id: str) -> dict[str, Any]:
        return {"parameter_values": self.sections}

    def of_type(self, wanted: str) -> list[dict[str, Any]]:
        return [fields for _, msg_type, fields in self.sent if msg_type == wanted]


@pytest.fixture
def agent(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def result(number: int, run_id: str = "1") -> SliceResult:
    return SliceResult(
        msg_type="slice_result",
        run_id=run_id,
        execution_id="x",
        message_id=f"m{run_id}.{number}",
        content={"state": "done", "tf_filename": "t", "slice_id": number, "finished_tick": 9.0},
    )


def sample(tf_count: int) -> TfFileRegistered:
    return TfFileRegistered(
        msg_type="tf_file_registered",
        run_id="1",
        execution_id="x",
        message_id="m",
        tf_filename="t",
        stf_filename="s",
        tf_first=0,
        tf_last=tf_count - 1,
        tf_count=tf_count,
    )


def test_results_of_a_batch_are_one_message_a_run(agent: Recording) -> None:
    for number in range(3):
        agent.on_slice_result(result(number, "1"))
        agent.on_slice_result(result(number, "2"))
    agent.finish_batch()
    news = agent.of_type("slice_status")
    assert [(message["run_id"], len(message["slices"])) for message in news] == [("1", 3), ("2", 3)]
    agent.finish_batch()
    assert len(agent.of_type("slice_status")) == 2


def test_a_long_batch_is_several_messages(
    agent: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.fast_processing_agent.STATES_A_MESSAGE", 2)
    for number in range(5):
        agent.on_slice_result(result(number))
    agent.finish_batch()
    news = agent.of_type("slice_status")
    assert [len(message["slices"]) for message in news] == [2, 2, 1]
    assert len({message["message_id"] for message in news}) == 3


def test_a_result_that_comes_again_is_no_news(agent: Recording) -> None:
    agent.on_slice_result(result(0))
    agent.on_slice_result(result(0))
    agent.finish_batch()
    assert [len(message["slices"]) for message in agent.of_type("slice_status")] == [1]


def test_repetitions_are_recognised_among_the_latest(agent: Recording) -> None:
    agent._seen = RecentKeys(2)
    for number in range(3):
        agent.on_slice_result(result(number))
    agent.on_slice_result(result(0))
    agent.finish_batch()
    assert len(agent.of_type("slice_status")[0]["slices"]) == 4


def test_a_result_without_its_slice_is_refused(agent: Recording) -> None:
    message = SliceResult(msg_type="slice_result", run_id="1", content={"state": "failed"})
    with pytest.raises(InvalidMessage, match="which slice"):
        agent.on_slice_result(message)


def test_a_small_sample_makes_fewer_slices_and_says_so(
    agent: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        agent.on_tf_file_registered(sample(4))
    assert len(agent.of_type("slice")) == 4
    assert "4 slices instead of 15" in caplog.text


def test_slices_are_spread_over_the_streams(agent: Recording) -> None:
    agent.sections = {"fast_processing": {}, "infrastructure": {"activemq_streams": 3}}
    agent.on_tf_file_registered(sample(50))
    queues = [destination for destination, msg_type, _ in agent.sent if msg_type == "slice"]
    assert {queue: queues.count(queue) for queue in queues} == {
        "/queue/panda.transformer.slices": 5,
        "/queue/panda.transformer.slices.1": 5,
        "/queue/panda.transformer.slices.2": 5,
    }


def test_nothing_is_done_for_an_execution_without_fast_processing(agent: Recording) -> None:
    agent.sections = {"stf_processing": {}}
    agent.on_tf_file_registered(sample(50))
    assert agent.sent == []
