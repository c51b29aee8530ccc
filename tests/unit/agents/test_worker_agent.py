"""The worker process's decisions, message by message, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.worker import WorkerAgent
from swf_common_lib.errors import InvalidMessage, NotFound
from swf_common_lib.messages import EndRunWorker, Message, RunImminentWorker, SliceWork
from swf_common_lib.messaging import Destination
from swf_common_lib.settings import load_settings

RUN = "100001"


class Recording(WorkerAgent):
    """Records what it would send; its executions are given."""

    def __init__(self, home: Path) -> None:
        super().__init__(load_settings(home, {}), "n")
        self.name = "worker-agent-tests-1"
        self.sent: list[dict[str, Any]] = []
        self.records: dict[str, dict[str, Any]] = {}

    def send(
        self,
        destination: Destination,
        msg_type: str,
        cause: Message,
        *,
        discriminator: str = "",
        **fields: Any,
    ) -> None:
        self.sent.append({"to": str(destination), "msg_type": msg_type, **fields})

    def execution(self, execution_id: str) -> dict[str, Any]:
        if execution_id not in self.records:
            raise NotFound("no such execution")
        return self.records[execution_id]

    def of_type(self, msg_type: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["msg_type"] == msg_type]

    @property
    def runs(self) -> list[str]:
        return list(self.heartbeat_metadata()["runs"])


@pytest.fixture
def worker(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def announcement() -> RunImminentWorker:
    return RunImminentWorker(
        msg_type="run_imminent_worker",
        namespace="n",
        run_id=RUN,
        simulation_tick=10.0,
        time_scale=0.0,
        target_worker_count=2,
        worker_rampup_time=0,
        worker_rampdown_time=10,
        slice_processing_time=30,
        activemq_streams=3,
    )


def work(slice_id: int, run_id: str = RUN) -> SliceWork:
    content = {"run_id": run_id, "tf_filename": "t", "slice_id": slice_id}
    body = {"msg_type": "slice", "run_id": run_id, "simulation_tick": 20.0, "content": content}
    return SliceWork.model_validate(body)


def state(phase: str, run: int = int(RUN), execution_id: str = "x") -> dict[str, Any]:
    return {"run_number": run, "phase": phase, "execution_id": execution_id, "end_tick": 40.0}


def hear(worker: WorkerAgent, *states: dict[str, Any]) -> None:
    """Pass run states of the monitor to the worker, as ``tick`` does."""
    for told in states:
        worker._look_at(told)
    worker.tick()


def test_a_run_from_its_announcement_to_its_end(worker: Recording) -> None:
    worker.on_run_imminent_worker(announcement())
    assert worker.runs == [RUN]
    for slice_id in range(3):
        worker.on_slice(work(slice_id))
    results = [message["content"] for message in worker.of_type("slice_result")]
    assert [content["worker"] for content in results] == [
        f"worker-agent-tests-1.{RUN}.{index}" for index in (0, 1, 0)
    ]
    assert [content["started_tick"] for content in results] == [20.0, 20.0, 50.0]
    worker.on_end_run_worker(EndRunWorker(msg_type="end_run_worker", run_id=RUN))
    worker.tick()
    assert worker.runs == [RUN]
    hear(worker, state("processing"))
    assert worker.runs == [RUN]
    hear(worker, state("completed"))
    assert worker.runs == []
    last = worker.of_type("worker_status")[-1]["workers"]
    assert [(entry["status"], entry["slices_completed"]) for entry in last] == [
        ("stopped", 2),
        ("stopped", 1),
    ]


def test_a_run_is_announced_again_without_effect(worker: Recording) -> None:
    worker.on_run_imminent_worker(announcement())
    worker.on_slice(work(0))
    worker.on_run_imminent_worker(announcement())
    worker.on_slice(work(0))
    assert len(worker.of_type("slice_result")) == 1


def test_an_announcement_after_joining_sets_the_ramp_up(worker: Recording) -> None:
    worker.records["x"] = {
        "execution_id": "x",
        "namespace": "n",
        "parameter_values": {"fast_processing": {}},
    }
    hear(worker, state("imminent"))
    assert worker.runs == [RUN]
    assert worker.of_type("worker_status") == []  # nobody works before the first slice
    worker.on_run_imminent_worker(announcement())
    worker.stopped()
    assert len(worker.of_type("worker_status")[0]["workers"]) == 2


def test_an_announcement_of_another_pace_than_the_record_says(worker: Recording) -> None:
    """Unpaced slices are asked for by the hundred: paced ones would be kept from others."""
    worker.records["x"] = {
        "execution_id": "x",
        "namespace": "n",
        "parameter_values": {"fast_processing": {}},
    }
    hear(worker, state("imminent"))
    worker.on_run_imminent_worker(announcement().model_copy(update={"time_scale": 20.0}))
    assert {one.prefetch for one in worker.bus._subscriptions.values()} == {1}
    assert worker.runs == [RUN]


@pytest.mark.parametrize(
    "record",
    [
        None,
        {"execution_id": "x", "namespace": "other", "parameter_values": {"fast_processing": {}}},
        {"execution_id": "x", "namespace": "n", "parameter_values": {"stf_processing": {}}},
    ],
)
def test_a_run_that_is_not_for_it_is_left_alone(
    worker: Recording, record: dict[str, Any] | None
) -> None:
    if record is not None:
        worker.records["x"] = record
    hear(worker, state("physics"), state("physics"))
    assert worker.runs == []


def test_a_completed_run_is_not_joined(worker: Recording) -> None:
    worker.records["x"] = {
        "execution_id": "x",
        "namespace": "n",
        "parameter_values": {"fast_processing": {}},
    }
    hear(worker, state("completed"))
    assert worker.runs == []


def test_a_slice_of_a_run_that_it_does_not_serve_is_refused(worker: Recording) -> None:
    with pytest.raises(InvalidMessage, match="100009"):
        worker.on_slice(work(0, run_id="100009"))


def test_an_ended_run_without_slices_is_given_up_after_a_while(
    worker: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.on_run_imminent_worker(announcement())
    monkeypatch.setattr("agents.worker.IDLE_LIMIT", -1.0)
    worker.tick()
    assert worker.runs == [RUN]  # data taking goes on: slices will come
    worker.on_end_run_worker(EndRunWorker(msg_type="end_run_worker", run_id=RUN))
    worker.tick()
    assert worker.runs == []
    assert {entry["status"] for entry in worker.of_type("worker_status")[-1]["workers"]} == {
        "stopped"
    }


def test_many_workers_are_told_of_in_portions(
    worker: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.worker.WORKERS_A_MESSAGE", 100)
    worker.on_run_imminent_worker(announcement().model_copy(update={"target_worker_count": 250}))
    worker.tick()
    portions = [len(message["workers"]) for message in worker.of_type("worker_status")]
    assert portions == [100, 100, 50]
    assert worker.heartbeat_metadata()["workers"] == 250
