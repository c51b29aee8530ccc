"""Rows such as a run of fast processing leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.test import override_settings
from django.utils import timezone

from monitor.executions.announcer import Announcer, announcer
from monitor.records.models import (
    AppLog,
    FastMonFile,
    Namespace,
    Run,
    RunState,
    StfFile,
    SystemAgent,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from swf_common_lib.settings import Settings, load_settings

RUN = 100001
CODE = '''"""Takes data."""


class WorkflowExecutor:
    def execute(self, env):
        yield env.timeout(1.0)  # <script>alert("code")</script>
'''


NO_BROKER = {"ACTIVEMQ_PORT": "1"}
"""Environment of an installation whose broker never answers."""


@contextmanager
def no_broker(home: Path) -> Iterator[None]:
    """Make the monitor find no broker, even if one runs on this machine."""
    with (
        override_settings(TESTBED=load_settings(home=home, environ=NO_BROKER)),
        patch.object(Announcer, "patience", 0.05),
    ):
        yield
    announcer().close()


def installation_in(folder: Path) -> Settings:
    """Create an installation: ``testbed.toml``, one workflow, one configuration."""
    workflows = folder / "workflows"
    workflows.mkdir(parents=True)
    (folder / "testbed.toml").write_text('[testbed]\nnamespace = "torre1"\n')
    (workflows / "stf_datataking.py").write_text(CODE)
    (workflows / "stf_datataking_default.toml").write_text(
        '[workflow]\nname = "stf_datataking"\nversion = "1.0"\ndescription = "Takes data"\n'
        "[daq_state_machine]\nstf_count = 2\nstf_interval = 2.0\n"
    )
    return load_settings(home=folder, environ=NO_BROKER)


def definition(**fields: Any) -> WorkflowDefinition:
    """A workflow definition with code."""
    values = {
        "workflow_name": "stf_datataking",
        "version": "1.0",
        "workflow_type": "simulation",
        "definition": CODE,
        "parameter_values": {"daq_state_machine": {"stf_interval": 2.0}},
        "created_by": "shifter",
        "created_at": timezone.now(),
        "source": {
            "org": "BNLNPPS",
            "repo": "swf-testbed",
            "path": "workflows/stf_datataking.py",
            "branch": "main",
        },
        **fields,
    }
    row: WorkflowDefinition = WorkflowDefinition.objects.create(**values)
    return row


def execution(number: int = 1, status: str = "completed", **fields: Any) -> WorkflowExecution:
    """An execution of fast processing."""
    now = timezone.now()
    known = WorkflowDefinition.objects.filter(workflow_name="stf_datataking").first()
    values = {
        "execution_id": f"stf_datataking-shifter-{number:04d}",
        "workflow_definition": known or definition(),
        "namespace": "torre1",
        "parameter_values": {
            "workflow": {"name": "stf_datataking", "config": "fast_processing_default"},
            "daq_state_machine": {"stf_interval": 2.0, "physics_period_count": 1},
            "fast_processing": {
                "stf_count": 10,
                "target_worker_count": 30,
                "stf_sampling_rate": 0.05,
                "slices_per_sample": 15,
                "slice_processing_time": 30.0,
                "physics_period_count": 1,
            },
            "testbed": {"namespace": "torre1"},
        },
        "options": {"speed": 0.0, "duration": 0.0},
        "status": status,
        "created_at": now - timedelta(seconds=100 - number),
        "executed_by": "shifter",
        "started_through": "web",
        "source": {"commit": "0123456789abcdef", "branch": "main", "dirty": True},
        **fields,
    }
    if status != "pending":
        values.setdefault("start_time", now - timedelta(seconds=90))
        values.setdefault("runner", "workflow-runner-shifter-1")
    if status in ("completed", "failed", "terminated"):
        values.setdefault("end_time", now - timedelta(seconds=10))
    row: WorkflowExecution = WorkflowExecution.objects.create(**values)
    return row


def message(execution_id: str = "stf_datataking-shifter-0001", **fields: Any) -> WorkflowMessage:
    """A message of the workflow."""
    number = WorkflowMessage.objects.count() + 1
    now = timezone.now()
    values = {
        "message_id": f"message-{number}",
        "message_type": "stf_gen",
        "namespace": "torre1",
        "sender_agent": "workflow-runner-shifter-1",
        "execution_id": execution_id,
        "run_id": str(RUN),
        "destination": "/topic/epictopic",
        "sent_at": now,
        "received_at": now,
        "content": {"msg_type": "stf_gen", "filename": f"swf.{RUN}.{number:06d}.stf"},
        **fields,
    }
    row: WorkflowMessage = WorkflowMessage.objects.create(**values)
    return row


def agent(name: str = "data-agent-shifter-2", **fields: Any) -> SystemAgent:
    """An agent that lives."""
    values = {
        "instance_name": name,
        "agent_type": "data",
        "status": "OK",
        "operational_state": "READY",
        "hostname": "daq01",
        "pid": 4711,
        "namespace": "torre1",
        "mq_connected": True,
        "last_heartbeat": timezone.now(),
        "metadata": {"handled": {"stf_gen": 10}},
        **fields,
    }
    row: SystemAgent = SystemAgent.objects.create(**values)
    return row


def log(text: str = "registered the STF", **fields: Any) -> AppLog:
    """A log record."""
    values = {
        "app_name": "data-agent",
        "instance_name": "data-agent-shifter-2",
        "timestamp": timezone.now(),
        "level": 20,
        "levelname": "INFO",
        "message": text,
        "module": "data_agent",
        "funcname": "on_stf_gen",
        "lineno": 12,
        **fields,
    }
    row: AppLog = AppLog.objects.create(**values)
    return row


def whole_run(stfs: int = 3, slices: int = 4, status: str = "completed") -> WorkflowExecution:
    """An execution with its run and everything in it."""
    done = execution(1, status, run_number=RUN)
    Namespace.objects.create(name="torre1", owner="shifter")
    Run.objects.create(
        run_number=RUN,
        start_time=timezone.now() - timedelta(seconds=80),
        execution_id=done.execution_id,
        namespace="torre1",
        dataset=f"swf.{RUN}.run",
    )
    RunState.objects.create(
        run_number=RUN,
        execution_id=done.execution_id,
        phase="completed",
        state="no_beam",
        substate="not_ready",
        target_worker_count=30,
        stf_files_generated=stfs,
        stf_files_registered=stfs,
        stf_samples_received=stfs,
        slices_created=stfs * slices,
        slices_completed=stfs * slices - 1,
        slices_failed=1,
        total_stf_files=stfs,
        end_tick=20.0 + 2 * stfs,
    )
    for sequence in range(1, stfs + 1):
        _stf(sequence, slices)
    failed = TFSlice.objects.order_by("id").last()
    assert failed is not None
    TFSlice.objects.filter(pk=failed.pk).update(status="failed", retries=3, error="out of memory")
    agent()
    agent("workflow-runner-shifter-1", agent_type="workflow_runner")
    for worker in range(3):
        Worker.objects.create(
            worker_id=f"worker-{RUN}-{worker:04d}",
            run_number=RUN,
            status="stopped",
            slices_completed=4,
            busy_seconds=120.0,
            started_tick=10.0 * worker,
            location="local",
        )
    for kind in ("run_imminent", "start_run", "end_run"):
        message(message_type=kind, content={"msg_type": kind, "total_stf_files": stfs})
        SystemStateEvent.objects.create(
            timestamp=timezone.now(),
            run_number=RUN,
            execution_id=done.execution_id,
            event_type=kind,
            state="run",
            substate="physics",
            actor="workflow-runner-shifter-1",
            via="message",
            event_data={"reason": "the end"},
        )
    log(execution_id=done.execution_id)
    log("no disk\nTraceback", level=40, levelname="ERROR", execution_id=done.execution_id)
    return done


def _stf(sequence: int, slices: int) -> None:
    stem = f"swf.{RUN}.{sequence:06d}"
    stf = StfFile.objects.create(
        run=Run.objects.get(run_number=RUN),
        stf_filename=f"{stem}.stf",
        sequence=sequence,
        file_size_bytes=2_000_000_000,
        checksum="0a1b2c3d",
        tf_count=1000,
    )
    sample = FastMonFile.objects.create(
        stf_file=stf, tf_filename=f"{stem}_tf_000.tf", tf_first=100, tf_last=149, tf_count=50
    )
    message(message_type="stf_gen")
    TFSlice.objects.bulk_create(
        TFSlice(
            run_number=RUN,
            tf_filename=sample.tf_filename,
            stf_filename=stf.stf_filename,
            slice_id=number,
            tf_first=100 + 10 * number,
            tf_last=109 + 10 * number,
            tf_count=10,
            status="completed",
            assigned_worker=f"worker-{RUN}-{number:04d}",
            created_tick=20.0 + 2 * sequence,
            started_tick=25.0 + 2 * sequence + 30 * number,
            finished_tick=55.0 + 2 * sequence + 30 * number,
        )
        for number in range(slices)
    )
