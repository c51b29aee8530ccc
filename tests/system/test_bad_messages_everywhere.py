"""Nonsense on every queue and topic, in the middle of a run: nobody dies and nothing is lost."""

from __future__ import annotations

import json
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
    """Give message types (for the header) and bodies."""
    for body in NO_MESSAGES:
        yield "", body
    for msg_type in ("no_such_type", "__init__", *MESSAGE_TYPES, *COMMANDS):
        envelope = {"msg_type": msg_type, "namespace": namespace, "sender": SENDER, "run_id": run_id}
        for fields in FIELDS:
            yield msg_type, json.dumps({**envelope, **fields}).encode()


@contextmanager
def connected(stack: Stack) -> Iterator[stomp.Connection12]:
    """Be connected as any program that knows the password may be."""
    settings = stack.settings
    connection = stomp.Connection12(
        [(settings.activemq_host, settings.activemq_port)], auto_content_length=False
    )
    connection.connect(settings.activemq_user, settings.activemq_password, wait=True)
    yield connection
    connection.disconnect(receipt="bye")


def send_everywhere(stack: Stack, run_number: int) -> int:
    """Send all of it everywhere; give how many messages went to each destination."""
    namespace = stack.execution_namespace
    count = 0
    with connected(stack) as connection:
        for destination in DESTINATIONS:
            # What is on the queue of slices must look as if it were for the run's workers; of
            # a run of its own it is elsewhere, lest it be mistaken for news of the run itself.
            header = str(run_number)
            run_id = header if destination is SLICES else "1"
            for count, (msg_type, body) in enumerate(nonsense(namespace, run_id), 1):
                headers = {"namespace": namespace, "msg_type": msg_type, "run_id": header}
                if b"\0" in body:
                    headers["content-length"] = str(len(body))
                connection.send(str(destination), body, headers=headers)
    return count
