"""Nonsense on every queue and topic, in the middle of a run: nobody dies and nothing is lost."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import stomp

from swf_common_lib.messages import MESSAGE_TYPES
from swf_common_lib.messaging import (
    BROADCAST,
    RUNNER_CONTROL,
    SLICE_RESULTS,
    SLICES,
    WORKERS,
    WORKFLOW_CONTROL,
)
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system

DESTINATIONS = (BROADCAST, WORKERS, WORKFLOW_CONTROL, RUNNER_CONTROL, SLICES, SLICE_RESULTS)
RECORDED = (BROADCAST, WORKERS)
SENDER = "fresh-eyes"
PROGRAMS = (
    "workflow-runner",
    "data-agent",
    "processing-agent",
    "fastmon-agent",
    "fast-processing-agent",
    "fast-processing-worker",
)
SERVICES = ("broker", "ingest", "web", "mcp")
NO_MESSAGES = (
    b'{"msg_type": "stf_gen"',
    b'{"msg_type": "\xff\xfe"}',
    b"\x80\x81\x00\x00",
    b"",
    b"[1, 2]",
    b"null",
    b"7",
    b"[" * 100_000,
    b'{"msg_type": "stf_gen", "filename": "f", "simulation_tick": NaN}',
    b'{"msg_type": 7}',
    b'{"msg_type": ["stf_gen"]}',
    b"{}",
)
COMMANDS = ("run_workflow", "stop_workflow", "pause_workflow", "resume_workflow", "status_request")
LARGE = 2**70
FIELDS: tuple[dict[str, Any], ...] = (
    {},
    {"execution_id": "no-such-execution-1"},
    {"execution_id": "../../runs"},
    {"execution_id": 5, "run_id": [1], "message_id": {"a": 1}, "timestamp": 3},
    {"simulation_tick": "soon", "time_scale": "fast", "state": 4},
    {
        "filename": None,
        "tf_filename": 7,
        "slices": "x",
        "workers": {"a": 1},
        "content": "text",
        "target_worker_count": "many",
        "total_stf_files": "all",
        "workflow_name": 5,
        "params": "x",
    },
    {
        "filename": "f.stf",
        "tf_filename": "f.tf",
        "stf_filename": "f.stf",
        "sequence": LARGE,
        "size_bytes": LARGE,
        "tf_first": 0,
        "tf_last": LARGE,
        "tf_count": LARGE,
        "content": {"run_id": "1", "tf_filename": "f.tf", "slice_id": LARGE},
        "simulation_tick": 1e308,
        "time_scale": 1e-300,
        "target_worker_count": LARGE,
        "worker_rampup_time": 1e308,
        "worker_rampdown_time": 1e308,
        "slice_processing_time": 1e308,
        "activemq_streams": LARGE,
    },
    {
        "filename": "a\0b",
        "tf_filename": "\ud800",
        "slices": [{}],
        "workers": [{}],
        "content": {"slice_id": "x", "state": [], "result": {"result": {"slice_id": "y"}}},
    },
)


def nonsense(namespace: str, run_id: str) -> Iterator[tuple[str, bytes]]:
    """Yield message types (for the header) and bodies."""
    for body in NO_MESSAGES:
        yield "", body
    for msg_type in ("no_such_type", "__init__", *MESSAGE_TYPES, *COMMANDS):
        envelope = {
            "msg_type": msg_type,
            "namespace": namespace,
            "sender": SENDER,
            "run_id": run_id,
        }
        for fields in FIELDS:
            yield msg_type, json.dumps({**envelope, **fields}).encode()


@contextmanager
def connected(stack: Stack) -> Iterator[stomp.Connection12]:
    """Yield a connection as any program that knows the password can open it."""
    settings = stack.settings
    connection = stomp.Connection12(
        [(settings.activemq_host, settings.activemq_port)], auto_content_length=False
    )
    connection.connect(settings.activemq_user, settings.activemq_password, wait=True)
    yield connection
    connection.disconnect(receipt="bye")


def send_everywhere(stack: Stack, namespace: str, run_number: int) -> int:
    """Send all of it everywhere; return how many messages went to each destination."""
    bodies: list[tuple[str, bytes]] = []
    with connected(stack) as connection:
        for destination in DESTINATIONS:
            # Of what has no bad field some would be news of the run: that says another run.
            run_id = str(run_number) if destination is SLICES else "1"
            bodies = list(nonsense(namespace, run_id))
            for msg_type, body in bodies:
                # The headers are good: they lead the message to those whom it is to harm.
                headers = {
                    "namespace": namespace,
                    "msg_type": msg_type,
                    "run_id": str(run_number),
                    "persistent": "true",
                }
                if b"\0" in body:
                    headers["content-length"] = str(len(body))
                connection.send(str(destination), body, headers=headers)
    return len(bodies)


def agents(stack: Stack) -> dict[int, str]:
    """Return the states of the agents that are alive, by process id."""
    told = stack.client().get("status/")["agents"]
    return {
        agent["pid"]: agent["operational_state"] for agent in told if agent["liveness"] == "alive"
    }


def pids(stack: Stack) -> dict[str, int]:
    return {name: stack.pid(name) for name in (*PROGRAMS, *SERVICES)}


def recorded(stack: Stack, **chosen: str) -> list[dict[str, Any]]:
    client = stack.client()
    try:
        return client.get_all("workflow-messages/", **chosen)
    finally:
        client.session.close()


def statistics(stack: Stack, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.execution(execution_id)["statistics"] or {}
    return found


def test_nonsense_everywhere_harms_nobody(running: Stack) -> None:
    before = pids(running)
    malformed = len(recorded(running, message_type="malformed"))
    execution_id = running.run(
        "run fast_processing --speed 10 --set slice_processing_time=1 --set worker_rampup_time=1"
        " --set stf_interval=10"
    ).stdout.strip()
    wait_until(lambda: statistics(running, execution_id).get("phase") == "physics")
    record = running.execution(execution_id)

    sent = send_everywhere(running, record["namespace"], record["run_number"])

    wait_until(lambda: statistics(running, execution_id)["phase"] == "completed")
    counts = statistics(running, execution_id)
    assert counts["stf_files"]["generated"] == counts["stf_files"]["registered"] == 10
    assert counts["samples"] == 10
    assert (counts["slices"]["created"], counts["slices"]["completed"]) == (150, 150)
    assert counts["slices"]["failed"] == 0
    wait_until(lambda: running.execution(execution_id)["status"] == "completed")

    # Whatever came over a recorded topic is recorded, with what is wrong with it.
    expected = len(RECORDED) * sent

    def ours() -> list[dict[str, Any]]:
        found = recorded(running, sender_agent=SENDER)
        return found + recorded(running, message_type="malformed")[malformed:]

    wait_until(lambda: len(ours()) == expected, message=f"not {expected} messages are recorded")
    unusable = [message for message in ours() if message["problem"]]
    assert len([m for m in unusable if m["message_type"] == "malformed"]) == len(RECORDED) * len(
        NO_MESSAGES
    )
    assert {m["destination"] for m in unusable} == {str(topic) for topic in RECORDED}
    problems = " ".join(message["problem"] for message in unusable)
    for said in ("not UTF-8", "not JSON", "not an object", "NaN", "target_worker_count"):
        assert said in problems

    # Nobody died, nobody waits for anything, and the next run is as good as any.
    assert pids(running) == before
    wait_until(lambda: set(agents(running).values()) == {"READY"}, message="not all are ready")
    assert {before[name] for name in PROGRAMS} <= set(agents(running))
    running.run("start-agents")
    assert pids(running) == before
    done = running.run("run fast_processing --stf-count 2 --speed 0 --wait").stdout
    assert "30 made, 30 done, 0 failed" in done
    status = [sys.executable, "workflows/send_workflow_command.py", "status"]
    # A runner forgets an execution just after it has reported it.
    wait_until(lambda: "has 0 executions in hand" in running.execute(status).stdout)
