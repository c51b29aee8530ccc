"""What the tests of the REST interface share: an installation, and clients with tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions.announcer import Announcer, announcer
from monitor.records.models import (
    Run,
    RunState,
    StfFile,
    SystemAgent,
    WorkflowDefinition,
    WorkflowExecution,
)
from monitor.records.tokens import create_token
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess
from tests.ports import free_port
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def installation(home: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installation that this process' monitor belongs to; its broker is not there."""
    monkeypatch.setattr(Announcer, "patience", 0.05)
    port = str(free_port())
    settings.TESTBED = load_settings(home=home, environ={"ACTIVEMQ_PORT": port})
    yield home
    announcer().close()


@pytest.fixture
def with_broker(
    installation: Path, broker: BrokerProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> BrokerProcess:
    """The broker, known to this process' monitor."""
    settings.TESTBED = load_settings(home=installation, environ=broker.environ)
    monkeypatch.setattr(Announcer, "patience", PATIENCE)
    return broker


def _client(scope: str) -> APIClient:
    client = APIClient()
    key = create_token(scope, scope, f"user_{scope}")
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


@pytest.fixture
def api(db: None) -> APIClient:
    """A client that may operate."""
    return _client("operate")


@pytest.fixture
def reader(db: None) -> APIClient:
    """A client that may read."""
    return _client("read")


@pytest.fixture
def admin(db: None) -> APIClient:
    """A client that may do everything."""
    return _client("admin")


@pytest.fixture
def anonymous(db: None) -> APIClient:
    """A client without a token, on another host."""
    return APIClient(REMOTE_ADDR="192.0.2.7")


@pytest.fixture
def definition(db: None) -> WorkflowDefinition:
    made: WorkflowDefinition = WorkflowDefinition.objects.create(
        workflow_name="trial",
        version="1.0",
        workflow_type="trial",
        definition="class WorkflowExecutor: ...",
        created_by="tester",
        created_at=timezone.now(),
    )
    return made


@pytest.fixture
def new_execution(definition: WorkflowDefinition) -> Callable[..., WorkflowExecution]:
    """Return a function that creates records of executions."""

    def make(number: int = 1, **fields: Any) -> WorkflowExecution:
        values: dict[str, Any] = {
            "execution_id": f"trial-tester-{number:04d}",
            "workflow_definition": definition,
            "namespace": "torre1",
            "status": "pending",
            "created_at": timezone.now(),
            "executed_by": "tester",
            **fields,
        }
        made: WorkflowExecution = WorkflowExecution.objects.create(**values)
        return made

    return make


@pytest.fixture
def run(db: None) -> Run:
    """A run whose state is recorded."""
    RunState.objects.create(run_number=100001)
    made: Run = Run.objects.create(run_number=100001, start_time=timezone.now())
    return made


@pytest.fixture
def stf_file(run: Run) -> StfFile:
    made: StfFile = StfFile.objects.create(run=run, stf_filename="swf.100001.000001.stf")
    return made


@pytest.fixture
def live_runner(db: None) -> SystemAgent:
    made: SystemAgent = SystemAgent.objects.create(
        instance_name="workflow_runner-agent-tester-1",
        agent_type="workflow_runner",
        operational_state="READY",
        last_heartbeat=timezone.now(),
    )
    return made
