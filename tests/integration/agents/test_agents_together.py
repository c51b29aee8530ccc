"""All agents together: whole runs, restarts in the middle of them, namespaces side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integration.agents.services import MakeDaq, Observe, Services, StartAgents
from tests.waiting import PATIENCE, wait_until

FAST = {
    "fast_processing": {
        "slices_per_sample": 5,
        "target_worker_count": 4,
        "slice_processing_time": 10.0,
        "worker_rampup_time": 20.0,
        "worker_rampdown_time": 8.0,
    }
}
STF = {"stf_processing": {"stf_processing_time": 10.0}}

FAST_AGENTS = ("data_agent", "fastmon_agent", "fast_processing_agent", "worker")


def run_state(
    services: Services, run_id: str, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Wait until the run's state, once there is one, is as wanted, and return it."""
    client = services.client()

    def found() -> dict[str, Any] | None:
        rows = client.get("run-states/", run_number=run_id)
        return next((row for row in rows if wanted(row)), None)

    state = wait_until(found, message=f"run {run_id} does not come so far")
    client.session.close()
    assert state is not None
    return state


def completed_state(services: Services, run_id: str) -> dict[str, Any]:
    """Wait until the run's state is completed, and return it."""
    return run_state(services, run_id, lambda row: row["phase"] == "completed")


def stopped_workers(services: Services, run_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until that many workers of the run have stopped, and return all of the run's."""
    client = services.client()

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get("workers/", run_number=run_id)
        return found if sum(row["status"] == "stopped" for row in found) >= count else []

    workers = wait_until(rows, message=f"fewer than {count} workers of run {run_id} have stopped")
    client.session.close()
    return workers


def test_a_run_with_fast_processing(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, *FAST_AGENTS)
    seen, run = observe(namespace), daq(namespace, FAST)
    run.run(10)
    state = completed_state(services, run.run_id)
    assert (state["stf_samples_received"], state["slices_created"]) == (10, 50)
    assert (state["slices_completed"], state["slices_failed"]) == (50, 0)
    workers = stopped_workers(services, run.run_id, 4)
    assert sum(worker["slices_completed"] for worker in workers) == 50
    assert sum(worker["busy_seconds"] for worker in workers) == 500.0
    assert state["target_worker_count"] == 4
    seen.listen(lambda: len(seen.slices()) == 50, "50 slices")
    for told in seen.slices().values():
        assert told["finished_tick"] - told["started_tick"] == 10.0


def test_failing_slices_are_tried_again(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, *FAST_AGENTS)
    sections = {
        "fast_processing": {**FAST["fast_processing"], "slice_failure_rate": 0.5},
        "infrastructure": {"retry_max_attempts": 2, "activemq_streams": 3},
    }
    seen, run = observe(namespace), daq(namespace, sections)
    run.run(20)
    state = completed_state(services, run.run_id)
    assert state["slices_completed"] + state["slices_failed"] == 100
    assert 5 < state["slices_failed"] < 50  # a quarter, were the choice not reproducible
    seen.listen(lambda: len(seen.slices()) == 100, "100 slices")
    final = seen.slices().values()
    assert {told["retries"] for told in final if told["status"] == "failed"} == {1}
    assert {told["retries"] for told in final if told["status"] == "completed"} == {0, 1}


def test_a_run_with_standard_processing(
    services: Services, namespace: str, agents: StartAgents, daq: MakeDaq
) -> None:
    agents(namespace, "data_agent", "processing_agent")
    run = daq(namespace, STF)
    run.run(10)
    assert completed_state(services, run.run_id)["stf_files_processed"] == 10


def test_a_killed_processing_agent_loses_nothing(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    (first,) = agents(namespace, "processing_agent")
    seen, run = observe(namespace), daq(namespace, STF, speed=5.0)
    files = [f"swf.{run.run_id}.{number:06d}.stf" for number in range(1, 41)]
    for filename in files:
        run.say("stf_ready", filename=filename, tf_count=1000)
    run.bus.flush(PATIENCE)
    seen.wait("processing_complete", 1)
    first.kill()
    agents(namespace, "processing_agent")
    complete = seen.wait("processing_complete", 40)
    assert sorted(message["filename"] for message in complete) == files
    assert len({message["task_id"] for message in complete}) == 40


def test_a_killed_worker_process_loses_nothing(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    agents(namespace, "data_agent", "fastmon_agent", "fast_processing_agent")
    victim, _ = agents(namespace, "worker", "worker")
    sections = {"fast_processing": {**FAST["fast_processing"], "worker_rampup_time": 0.0}}
    seen, run = observe(namespace), daq(namespace, sections, speed=20.0)
    run.run(6)
    seen.listen(lambda: len(seen.slices()) >= 4, "the first results")
    victim.kill()
    state = completed_state(services, run.run_id)
    assert (state["slices_created"], state["slices_completed"]) == (30, 30)
    seen.listen(lambda: len(seen.slices()) == 30, "30 slices")


def test_agents_killed_in_the_middle_of_a_run_lose_nothing(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    first = dict(zip(FAST_AGENTS, agents(namespace, *FAST_AGENTS), strict=True))
    seen, run = observe(namespace), daq(namespace, FAST)
    run.begin()
    for script in FAST_AGENTS:
        run.write(20)
        first[script].kill()
        run.write(20)
        agents(namespace, script)
    run.end()
    state = completed_state(services, run.run_id)
    assert (state["stf_files_registered"], state["stf_samples_received"]) == (160, 160)
    assert (state["slices_created"], state["slices_completed"]) == (800, 800)
    assert len(seen.all("run_imminent_worker")) <= 1


def test_a_worker_process_joins_a_run_that_goes_on(
    services: Services, namespace: str, agents: StartAgents, daq: MakeDaq
) -> None:
    agents(namespace, "data_agent", "fastmon_agent", "fast_processing_agent")
    sections = {**FAST, "infrastructure": {"activemq_streams": 3}}
    run = daq(namespace, sections)
    run.run(4)
    run_state(services, run.run_id, lambda row: row["slices_created"] == 20)
    agents(namespace, "worker")
    assert completed_state(services, run.run_id)["slices_completed"] == 20


def test_namespaces_do_not_mix(
    services: Services, namespace: str, agents: StartAgents, observe: Observe, daq: MakeDaq
) -> None:
    names = [f"{namespace}a", f"{namespace}b"]
    for name in names:
        agents(name, *FAST_AGENTS)
    seen = {name: observe(name) for name in names}
    runs = {name: daq(name, FAST) for name in names}
    for run in runs.values():
        run.begin()
    for _ in range(5):
        for run in runs.values():
            run.write(1)
    for run in runs.values():
        run.end()
    for name, run in runs.items():
        state = completed_state(services, run.run_id)
        assert (state["slices_created"], state["slices_completed"]) == (25, 25)
        seen[name].wait("end_run_worker")
        assert {message["run_id"] for message in seen[name].heard} == {run.run_id}


def test_one_worker_process_serves_several_runs_of_different_pace(
    services: Services, namespace: str, agents: StartAgents, daq: MakeDaq
) -> None:
    agents(namespace, *FAST_AGENTS)
    slow, quick = daq(namespace, FAST, speed=20.0), daq(namespace, FAST)
    slow.run(4)
    quick.run(10)
    assert completed_state(services, quick.run_id)["slices_completed"] == 50
    assert completed_state(services, slow.run_id)["slices_completed"] == 20
    stopped_workers(services, slow.run_id, 4)
