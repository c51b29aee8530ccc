"""Each agent by itself: what it makes of the messages it reacts to."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from agents.sampling import choose_sample
from agents.stf_content import stf_content
from swf_common_lib.messaging import MessageBus
from tests.broker_process import ROOT
from tests.integration.agents.services import (
    SLICE_RESULTS,
    SLICES,
    MakeDaq,
    Observe,
    Services,
    StartAgents,
)
from tests.waiting import PATIENCE, wait_until

FAST = {"fast_processing": {"slices_per_sample": 4, "target_worker_count": 3}}
STF = {"stf_processing": {"stf_processing_time": 5.0}}


def queued(
    services: Services, namespace: str, count: int, queue: Any = SLICES
) -> list[dict[str, Any]]:
    """Return messages of the namespace from a queue."""
    bus = MessageBus(services.settings, f"taker-{namespace}-{count}-{queue}")
    bus.start(PATIENCE)
    bus.subscribe(queue, prefetch=1000, selector=f"namespace='{namespace}'")
    taken: list[dict[str, Any]] = []
    while len(taken) < count:
        delivery = bus.receive(PATIENCE)
        assert delivery is not None, f"only {len(taken)} of {count} on {queue}"
        taken.append(json.loads(delivery.body))
        bus.ack(delivery)
    bus.close()
    return taken


def test_heartbeats_are_told_on_the_topic_for_them(
    services: Services, namespace: str, agents: StartAgents
) -> None:
    topic = f"/topic/heartbeats-{namespace}"
    bus = MessageBus(services.settings)
    bus.start(PATIENCE)
    bus.subscribe(topic, ack="auto")
    agents(namespace, "data_agent", ACTIVEMQ_HEARTBEAT_TOPIC=topic)
    delivery = bus.receive(PATIENCE)
    assert delivery is not None
    assert delivery.headers["persistent"] == "false"
    beat = json.loads(delivery.body)
    assert (beat["msg_type"], beat["agent_type"], beat["namespace"]) == (
        "heartbeat",
        "data",
        namespace,
    )
    bus.close()


def test_data_agent_registers_run_and_files(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "data_agent")
    seen, run = observe(namespace), daq(namespace, FAST)
    client = services.client()
    run.begin()
    run.write(3)
    ready = seen.wait("stf_ready", 3)
    filename = f"swf.{run.run_id}.000001.stf"
    content = stf_content(filename)
    first = ready[0]
    assert (first["filename"], first["sequence"], first["tf_count"]) == (filename, 1, 1000)
    assert (first["size_bytes"], first["checksum"]) == (content.size_bytes, content.checksum)
    assert first["simulation_tick"] == 10.0
    (row,) = client.get("runs/", run_number=run.run_id)
    assert (row["dataset"], row["dataset_open"]) == (f"swf.{run.run_id}.run", True)
    run.end()

    def closed() -> bool:
        (row,) = client.get("runs/", run_number=run.run_id)
        return bool(row["end_time"]) and not row["dataset_open"]

    wait_until(closed)
    wait_until(lambda: len(client.get("stf-files/", run_number=run.run_id)) == 3)
    client.session.close()


def test_data_agent_takes_part_from_the_middle_of_a_run(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    seen, run = observe(namespace), daq(namespace, FAST)
    run.begin()
    run.write(2)
    agents(namespace, "data_agent")
    run.write(2)
    run.end()
    assert [message["sequence"] for message in seen.wait("stf_ready", 2)] == [3, 4]


def test_fastmon_agent_samples_where_it_is_configured(
    namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "fastmon_agent")
    seen = observe(namespace)
    other, run = daq(namespace, STF), daq(namespace, FAST)
    other.say("stf_ready", filename="swf.1.000001.stf", tf_count=1000)
    other.bus.flush(PATIENCE)
    filename = f"swf.{run.run_id}.000001.stf"
    run.say("stf_ready", filename=filename, tf_count=1000)
    run.say("stf_ready", filename="without_count.stf")
    first, second = seen.wait("tf_file_registered", 2)
    sample = choose_sample(run.run_id, filename, 1000, 0.05)
    assert sample is not None
    assert first["stf_filename"] == filename
    assert first["tf_filename"] == f"swf.{run.run_id}.000001_tf_000.tf"
    assert (first["tf_first"], first["tf_last"], first["tf_count"]) == (
        sample.first,
        sample.last,
        50,
    )
    assert second["tf_count"] == 50


def test_processing_agent_processes_where_it_is_configured(
    namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "processing_agent")
    seen = observe(namespace)
    other, run = daq(namespace, FAST), daq(namespace, STF)
    other.say("stf_ready", filename="swf.1.000001.stf", tf_count=1000)
    other.bus.flush(PATIENCE)
    run.say("stf_ready", filename="a.stf", tf_count=1000)
    run.say("stf_ready", filename="empty.stf", tf_count=0)
    complete = {m["filename"]: m for m in seen.wait("processing_complete", 2)}
    assert complete["a.stf"]["error"] == ""
    assert complete["a.stf"]["task_id"].startswith("local-")
    assert complete["a.stf"]["output"]["tf_processed"] == 1000
    assert "no time frames" in complete["empty.stf"]["error"]


def test_fast_processing_agent_slices_and_tells_the_workers(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "fast_processing_agent")
    seen, run = observe(namespace), daq(namespace, FAST)
    run.begin()
    (announced,) = seen.wait("run_imminent_worker")
    assert (announced["target_worker_count"], announced["retry_max_attempts"]) == (3, 3)
    assert (announced["simulation_tick"], announced["time_scale"]) == (10.0, 0.0)
    run.say(
        "tf_file_registered",
        tf_filename="s_tf_000.tf",
        stf_filename="s.stf",
        tf_first=100,
        tf_last=149,
        tf_count=50,
    )
    (registered,) = seen.wait("tf_slices_registered")
    ranges = [(s["tf_first"], s["tf_last"]) for s in registered["slices"]]
    assert ranges == [(100, 112), (113, 125), (126, 137), (138, 149)]
    slices = queued(services, namespace, 4)
    assert [message["content"]["slice_id"] for message in slices] == [0, 1, 2, 3]
    content = slices[0]["content"]
    assert (content["filename"], content["tf_filename"]) == ("s.stf", "s_tf_000.tf")
    assert (content["start"], content["end"], content["tf_count"]) == (100, 112, 13)
    assert (content["state"], content["substate"]) == ("queued", "new")
    run.end()
    seen.wait("end_run_worker")


def test_fast_processing_agent_gives_a_failed_slice_its_tries(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "fast_processing_agent")
    seen = observe(namespace)
    run = daq(namespace, {"fast_processing": {}, "infrastructure": {"retry_max_attempts": 2}})
    request = {"run_id": run.run_id, "tf_filename": "t", "slice_id": 5, "retries": 0}

    def fail(retries: int) -> None:
        content = {"state": "failed", "error": "broken", "finished_tick": 99.0, "result": None}
        tried = {**request, "retries": retries}
        content |= {"tf_filename": "t", "slice_id": 5, "retries": retries, "request": tried}
        run.say("slice_result", SLICE_RESULTS, content=content)

    fail(0)
    (again,) = queued(services, namespace, 1)
    assert again["content"]["retries"] == 1
    assert again["simulation_tick"] == 99.0  # it cannot begin before its first try failed
    (news,) = seen.wait("slice_status")
    assert (news["slices"][0]["status"], news["slices"][0]["retries"]) == ("queued", 1)
    fail(1)
    last = seen.wait("slice_status", 2)[-1]
    assert (last["slices"][0]["status"], last["slices"][0]["error"]) == ("failed", "broken")


def test_fast_processing_agent_understands_results_of_other_workers(
    namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "fast_processing_agent")
    seen, run = observe(namespace), daq(namespace, FAST)
    inner = {"slice_id": 1, "tf_filename": "t", "processed": True}
    content = {"state": "done", "hostname": "node7", "result": {"state": "done", "result": inner}}
    run.say("slice_result", SLICE_RESULTS, content=content)
    (news,) = seen.wait("slice_status")
    (state,) = news["slices"]
    assert (state["tf_filename"], state["slice_id"], state["status"], state["worker"]) == (
        "t",
        1,
        "completed",
        "node7",
    )


@pytest.mark.parametrize(
    ("script", "setting", "value", "expected"),
    [
        ("data_agent", "SWF_CATALOGUE", "rucio", "the Rucio catalogue is not available yet"),
        ("data_agent", "SWF_CATALOGUE", "tape", "is no catalogue"),
        ("processing_agent", "SWF_TASK_BACKEND", "panda", "is not available yet"),
    ],
)
def test_what_is_configured_and_not_there_is_a_failure_at_start(
    services: Services, script: str, setting: str, value: str, expected: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "agents" / f"{script}.py"), "--namespace", "n"],
        env={**services.environ, setting: value},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
