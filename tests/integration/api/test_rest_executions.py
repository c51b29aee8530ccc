"""Definitions and executions: registered, started, claimed, reported on, changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions import StartRequest, start
from monitor.executions.control import LEASE
from monitor.records.models import (
    Namespace,
    RunState,
    SystemAgent,
    SystemStateEvent,
    WorkflowDefinition,
    WorkflowExecution,
)
from swf_common_lib.errors import ConfigurationError

NOW = "2026-05-01T12:00:00Z"
START = "/api/workflow-executions/start/"
CHECK = "/api/workflow-executions/check/"
CODE = "class WorkflowExecutor:\n    pass\n"

MakeExecution = Callable[..., WorkflowExecution]


def definition_body(**fields: Any) -> dict[str, Any]:
    return {
        "workflow_name": "mine",
        "version": "1.0",
        "workflow_type": "custom",
        "definition": CODE,
        "parameter_values": {"daq_state_machine": {"stf_count": 3}},
        "created_by": "tester",
        **fields,
    }


def kinds(execution_id: str) -> list[str]:
    rows = SystemStateEvent.objects.filter(execution_id=execution_id).order_by("id")
    return list(rows.values_list("event_type", flat=True))


# Definitions


def test_a_definition_is_registered_once(admin: APIClient) -> None:
    answer = admin.post("/api/workflow-definitions/", definition_body())
    assert answer.status_code == 201
    assert isinstance(answer.json()["id"], int)
    assert answer.json()["definition"] == CODE
    again = admin.post("/api/workflow-definitions/", definition_body())
    assert again.status_code == 400
    assert "workflow_name, version" in str(again.json())
    found = admin.get("/api/workflow-definitions/?workflow_name=mine&version=1.0").json()
    assert [row["id"] for row in found] == [answer.json()["id"]]
    assert admin.get("/api/workflow-definitions/?version=2").json() == []


def test_code_needs_an_administrator_or_a_file(api: APIClient, home: Path) -> None:
    refused = api.post("/api/workflow-definitions/", definition_body())
    assert refused.status_code == 403
    assert "workflows/<name>.py" in refused.json()["hint"]
    (home / "workflows" / "mine.py").write_text(CODE)
    assert api.post("/api/workflow-definitions/", definition_body()).status_code == 201


def test_a_definition_stays_as_it_is(admin: APIClient) -> None:
    number = admin.post("/api/workflow-definitions/", definition_body()).json()["id"]
    path = f"/api/workflow-definitions/{number}/"
    assert admin.patch(path, {"definition": CODE + "#"}).status_code == 409
    assert admin.patch(path, {"parameter_values": {}}).status_code == 409
    changed = admin.patch(path, {"source": {"org": "BNLNPPS"}, "definition": CODE})
    assert changed.status_code == 200
    assert changed.json()["source"] == {"org": "BNLNPPS"}
    assert admin.patch(path, {"branch": "main"}).json()["source"]["branch"] == "main"
    assert admin.patch("/api/workflow-definitions/999/", {}).status_code == 404


# Executions that a runner records itself


def test_an_execution_is_recorded_and_reported_on(
    api: APIClient, definition: WorkflowDefinition
) -> None:
    body = {
        "execution_id": "trial-torre-0001",
        "workflow_definition": definition.pk,
        "namespace": "torre1",
        "parameter_values": {"daq_state_machine": {"stf_count": 3}},
        "status": "running",
        "start_time": "2026-05-01T12:00:00",
        "executed_by": "torre",
    }
    answer = api.post("/api/workflow-executions/", body)
    assert answer.status_code == 201
    assert answer.json()["parameter_values"] == body["parameter_values"]
    assert Namespace.objects.get().name == "torre1"
    assert api.post("/api/workflow-executions/", body).status_code == 400
    odd = api.post("/api/workflow-executions/", {**body, "execution_id": "a\nb"})
    assert odd.status_code == 400
    assert "printable" in odd.json()["execution_id"][0]

    path = "/api/workflow-executions/trial-torre-0001/"
    metrics = api.patch(path, {"performance_metrics": {"stf_files": 3}})
    assert metrics.status_code == 200
    done = api.patch(
        path, {"status": "completed", "end_time": NOW, "performance_metrics": {"messages": 9}}
    )
    assert done.json()["status"] == "completed"
    assert done.json()["end_time"] == NOW
    assert done.json()["performance_metrics"] == {"stf_files": 3, "messages": 9}
    assert api.patch(path, {"status": "failed"}).status_code == 409
    assert api.patch(path, {"status": "completed"}).status_code == 200
    assert api.patch(path, {"status": "lost"}).status_code == 400
    assert api.patch(path, {"parameter_values": {}}).status_code == 409
    assert kinds("trial-torre-0001") == ["execution_running", "execution_completed"]

    for query, number in (
        ("workflow_name=trial", 1),
        ("workflow_name=other", 0),
        ("status=completed,failed", 1),
        ("namespace=torre1&executed_by=torre", 1),
    ):
        assert len(api.get(f"/api/workflow-executions/?{query}").json()) == number


def test_unknown_executions_name_the_nearest(
    reader: APIClient, new_execution: MakeExecution
) -> None:
    new_execution(7)
    answer = reader.get("/api/workflow-executions/trial-tester-0070/")
    assert answer.status_code == 404
    assert "trial-tester-0007" in answer.json()["hint"]


def test_the_record_has_the_runs_statistics(
    reader: APIClient, new_execution: MakeExecution
) -> None:
    execution = new_execution(status="running")
    path = f"/api/workflow-executions/{execution.execution_id}/"
    assert reader.get(path).json()["statistics"] is None
    RunState.objects.create(run_number=100001, execution_id=execution.execution_id)
    assert reader.get(path).json()["statistics"]["run_number"] == 100001


# Starting


def test_a_start_makes_a_complete_pending_record(
    api: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # it tries to announce it
        answer = api.post(START, {"workflow": "stf_datataking", "parameters": {"stf_count": 5}})
    assert answer.status_code == 201
    record = answer.json()
    assert record["execution_id"] == "stf_datataking-user_operate-0001"
    assert record["status"] == "pending"
    assert record["parameter_values"]["fast_processing"]["stf_count"] == 5
    assert record["parameter_values"]["testbed"] == {"namespace": "torre1"}
    assert record["options"] == {"speed": 0.0, "duration": 0.0}
    told = api.get(f"/api/workflow-executions/{record['execution_id']}/").json()
    assert "the message broker" in told["waiting_for"]
    assert Namespace.objects.get().name == "torre1"
    definition = WorkflowDefinition.objects.get()
    assert (definition.workflow_name, definition.version) == ("stf_datataking", "1.0")
    assert "class WorkflowExecutor" in definition.definition
    second = api.post(START, {"workflow": "stf_datataking", "realtime": True}).json()
    assert second["execution_id"].endswith("-0002")
    assert second["options"]["speed"] == 1.0
    assert kinds(record["execution_id"]) == ["execution_pending"]


def test_nothing_named_means_the_default(api: APIClient) -> None:
    record = api.post(START, {}).json()
    assert record["workflow_name"] == "stf_datataking"
    assert record["parameter_values"]["workflow"]["config"] == "fast_processing_default"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"workflow": "stf_datatakin"}, 404, "stf_datataking"),
        ({"workflow": "../etc/passwd"}, 404, "no workflow"),
        ({"workflow": "fast_processing"}, 404, "of stf_datataking: give it as config"),
        ({"config": "nothing_like_it"}, 400, "no workflow configuration"),
        ({"parameters": {"stf_cuont": 3}}, 400, "stf_count"),
        ({"parameters": {"stf_count": "many"}}, 400, "stf_count"),
        ({"namespace": "a b"}, 400, "namespace"),
        ({"speed": -1}, 400, "speed"),
        ({"duration": -1}, 400, "duration"),
        ({"realtime": True, "speed": 4}, 400, "exclude"),
        ({"parameters": [1]}, 400, "object"),
        ({"config_text": "x = ["}, 400, "TOML"),
        ({"workflow": "stf_datataking", "version": "9"}, 404, "version"),
    ],
)
def test_starts_that_are_refused(
    body: dict[str, Any], status: int, said: str, api: APIClient
) -> None:
    answer = api.post(START, body)
    assert answer.status_code == status, answer.content
    assert said in answer.content.decode()
    assert not WorkflowExecution.objects.exists()
    checked = api.post(CHECK, body)
    assert (checked.status_code, checked.json()) == (status, answer.json())


def test_a_check_says_what_a_start_would_execute(api: APIClient) -> None:
    body = {"workflow": "stf_datataking", "parameters": {"stf_count": 4}, "speed": 2}
    answer = api.post(CHECK, body)
    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["workflow_name"], plan["version"]) == ("stf_datataking", "1.0")
    assert plan["parameter_values"]["fast_processing"]["stf_count"] == 4
    assert plan["options"]["speed"] == 2
    assert not WorkflowExecution.objects.exists()


MINE = """
[testbed]
namespace = "mine"
[workflow]
name = "stf_datataking"
config = "stf_processing_default"
[parameters]
stf_interval = 4
[daq_state_machine]
standby_duration = 3
[fast_processing]
slices_per_sample = 7
"""


@pytest.mark.parametrize("path", [CHECK, START])
def test_the_testbed_toml_of_who_starts_counts_instead_of_ours(
    path: str, api: APIClient, home: Path
) -> None:
    """Just as if it were the monitor's own: a section that the configuration lacks is noted."""
    ours = home / "testbed.toml"
    ours.write_text(ours.read_text() + "[parameters]\nphysics_period_count = 9\n")
    own = api.post(path, {}).json()["parameter_values"]
    assert own["daq_state_machine"]["physics_period_count"] == 9
    sent = {"testbed_name": "mine.toml", "testbed_text": MINE}
    answer = api.post(path, sent)
    assert answer.status_code in (200, 201), answer.content
    values = answer.json()["parameter_values"]
    assert values["testbed"] == {"namespace": "mine"}
    assert values["workflow"]["config"] == "stf_processing_default"
    assert values["daq_state_machine"]["standby_duration"] == 3
    assert values["daq_state_machine"]["stf_interval"] == 4
    assert values["daq_state_machine"]["physics_period_count"] != 9
    if path == CHECK:
        assert ["mine.toml" in note for note in answer.json()["notes"]] == [True]
    named = api.post(path, {**sent, "namespace": "yours", "parameters": {"stf_interval": 5}}).json()
    assert named["parameter_values"]["testbed"] == {"namespace": "yours"}
    assert named["parameter_values"]["daq_state_machine"]["stf_interval"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[testbed", "mine.toml, line 1"),
        ("[testbed]\nname = 1\n", "mine.toml: [testbed] has no name"),
        (MINE.replace("stf_interval", "stf_intreval"), "mine.toml [parameters]: stf_intreval"),
    ],
)
def test_a_faulty_testbed_toml_that_is_sent(text: str, said: str, api: APIClient) -> None:
    answer = api.post(START, {"testbed_name": "../etc/mine.toml", "testbed_text": text})
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert "etc" not in answer.json()["detail"]


def test_a_check_keeps_no_definition(api: APIClient, home: Path) -> None:
    """What is being edited must not become the code of that version for ever."""
    path = home / "workflows" / "stf_datataking.py"
    finished = path.read_text()
    path.write_text(finished + "# half done\n")
    assert api.post(CHECK, {"workflow": "stf_datataking"}).status_code == 200
    assert not WorkflowDefinition.objects.exists()
    path.write_text(finished)
    record = api.post(START, {"workflow": "stf_datataking"}).json()
    assert record["source"]["modified"] is False
    assert WorkflowDefinition.objects.get().definition == finished


def test_a_faulty_default_configuration_is_told_not_kept(api: APIClient, home: Path) -> None:
    folder = home / "workflows"
    (folder / "mine.py").write_text(CODE)
    default, other = folder / "mine_default.toml", folder / "other.toml"
    default.write_text('[workflow]\nname = "mine"\n[fast_processing]\nstf_count = "many"\n')
    other.write_text('[workflow]\nname = "mine"\n[fast_processing]\nstf_count = 3\n')
    for path in (CHECK, START):
        refused = api.post(path, {"workflow": "mine", "config": "other"})
        assert refused.status_code == 400
        assert "the default configuration of mine: mine_default.toml" in refused.json()["detail"]
    assert not WorkflowDefinition.objects.exists()
    default.write_text('[workflow]\nname = "mine"\n[fast_processing]\nstf_count = 7\n')
    assert api.post(START, {"workflow": "mine", "config": "other"}).status_code == 201
    kept = WorkflowDefinition.objects.get().parameter_values
    assert kept["fast_processing"]["stf_count"] == 7


def test_faulty_workflows_are_refused(api: APIClient, home: Path) -> None:
    (home / "workflows" / "broken.py").write_text("def f(:\n")
    (home / "workflows" / "empty.py").write_text("x = 1\n")
    for name, said in (("broken", "line 1"), ("empty", "WorkflowExecutor")):
        answer = api.post(START, {"workflow": name})
        assert answer.status_code == 400
        assert said in answer.json()["detail"]


def test_changed_code_is_kept_with_the_execution(api: APIClient, home: Path) -> None:
    api.post(START, {"workflow": "stf_datataking"})
    path = home / "workflows" / "stf_datataking.py"
    path.write_text(path.read_text() + "# changed\n")
    record = api.post(START, {"workflow": "stf_datataking"}).json()
    assert record["source"]["modified"] is True
    assert record["source"]["text"].endswith("# changed\n")
    assert "was changed" in record["source"]["note"]
    assert WorkflowDefinition.objects.count() == 1
    listed = api.get("/api/workflow-executions/").json()
    assert "text" not in listed[0]["source"]


def test_an_idempotency_key_starts_once(api: APIClient) -> None:
    body = {"workflow": "stf_datataking", "idempotency_key": "k"}
    first, second = (api.post(START, body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["execution_id"] == second.json()["execution_id"]
    assert (first.json()["repeated"], second.json()["repeated"]) == (False, True)


@pytest.mark.parametrize(
    "other",
    [
        {"workflow": "epic_fast_processing"},
        {"config": "stf_processing_default"},
        {"namespace": "shift"},
        {"parameters": {"stf_count": 4}},
        {"parameters": {"stf_cuont": 3}},
        {"speed": 2},
    ],
)
def test_an_idempotency_key_hides_no_other_request(api: APIClient, other: dict[str, Any]) -> None:
    body = {"workflow": "stf_datataking", "idempotency_key": "k", "parameters": {"stf_count": 3}}
    first = api.post(START, body).json()
    answer = api.post(START, {**body, **other})
    assert answer.status_code == 409
    assert first["execution_id"] in answer.json()["detail"]
    assert WorkflowExecution.objects.count() == 1


def test_an_idempotency_key_is_the_users_own(api: APIClient, admin: APIClient) -> None:
    body = {"workflow": "stf_datataking", "idempotency_key": "run1"}
    first, second = (client.post(START, body).json() for client in (api, admin))
    assert first["execution_id"] != second["execution_id"]
    assert (first["executed_by"], second["executed_by"]) == ("user_operate", "user_admin")


def test_a_message_starts_once_whichever_runner_gets_it(api: APIClient, admin: APIClient) -> None:
    """A redelivered command may come to another user's runner, of another namespace."""
    body = {"workflow": "stf_datataking", "idempotency_key": "id of the message"}
    sent = api.post(START, {**body, "through": "message"}).json()  # as no runner answered
    first = api.post(START, {**body, "runner": "r1", "namespace": "a"}).json()
    second = admin.post(START, {**body, "runner": "r2", "namespace": "b"}).json()
    assert sent["execution_id"] == first["execution_id"] == second["execution_id"]


def test_a_stored_definition_runs_as_stored(api: APIClient, home: Path) -> None:
    body = {"workflow": "stf_datataking", "from_definition": True, "parameters": {"stf_count": 4}}
    assert api.post(START, body).status_code == 201  # registered from its file
    (home / "workflows" / "stf_datataking.py").write_text("broken(")
    record = api.post(START, body).json()
    assert record["source"]["modified"] is False
    assert record["parameter_values"]["fast_processing"]["stf_count"] == 4


def test_start_raises_all_faults_at_once(db: None) -> None:
    parameters = {"stf_cuont": 3, "stf_interval": "x"}
    with pytest.raises(ConfigurationError) as raised:
        start(StartRequest(workflow="stf_datataking", parameters=parameters))
    assert len(raised.value.problems) == 2


# Claiming


def test_a_claim_gives_the_code_and_a_lease(api: APIClient) -> None:
    execution_id = api.post(START, {"workflow": "stf_datataking"}).json()["execution_id"]
    path = f"/api/workflow-executions/{execution_id}/claim/"
    answer = api.post(path, {"runner": "r1"})
    assert answer.status_code == 200
    claimed = answer.json()
    assert (claimed["status"], claimed["runner"]) == ("running", "r1")
    assert "class WorkflowExecutor" in claimed["source_text"]
    assert claimed["source_path"] == "workflows/stf_datataking.py"
    assert claimed["lease_seconds"] == LEASE.total_seconds()
    assert claimed["lease_expires_at"] > claimed["start_time"]
    again = api.post(path, {"runner": "r1"})  # the answer was lost
    assert again.status_code == 200
    numbers = [claimed["reserved_run_number"], again.json()["reserved_run_number"]]
    numbers.append(api.post("/api/state/next-run-number/").json()["run_number"])
    assert len(set(numbers)) == 3  # nobody else gets a number that was given out
    refused = api.post(path, {"runner": "r2"})
    assert refused.status_code == 409
    assert "r1" in refused.json()["detail"]
    assert api.post("/api/workflow-executions/none/claim/", {"runner": "r"}).status_code == 404
    assert api.post(path, {}).status_code == 400
    assert kinds(execution_id) == ["execution_pending", "execution_running"]


def test_a_runner_that_starts_has_it_at_once(api: APIClient) -> None:
    body = {"workflow": "stf_datataking", "runner": "r1", "through": "once", "executed_by": "torre"}
    record = api.post(START, body).json()
    assert record["execution_id"] == "stf_datataking-torre-0001"
    assert record["status"] == "running"
    assert record["lease_expires_at"]
    assert record["source_text"]
    assert record["waiting_for"] == ""
    assert isinstance(record["reserved_run_number"], int)


# Stop, pause, resume


def test_a_pending_execution_is_stopped_at_once(
    api: APIClient, new_execution: MakeExecution
) -> None:
    path = f"/api/workflow-executions/{new_execution().execution_id}/"
    assert api.post(f"{path}pause/").status_code == 409
    answer = api.post(f"{path}stop/", {"reason": "not needed"})
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["status_reason"]) == ("terminated", "not needed")
    again = api.post(f"{path}stop/")
    assert again.status_code == 409
    assert "terminated already" in again.json()["detail"]
    assert api.post("/api/workflow-executions/none/stop/").status_code == 404


def test_without_a_broker_a_running_execution_cannot_be_stopped(
    api: APIClient, new_execution: MakeExecution
) -> None:
    execution = new_execution(status="running", runner="r1")
    answer = api.post(f"/api/workflow-executions/{execution.execution_id}/stop/")
    assert answer.status_code == 503
    assert "broker" in answer.json()["detail"]


def test_what_is_so_already_is_left_so(api: APIClient, new_execution: MakeExecution) -> None:
    paused = new_execution(1, status="paused")
    running = new_execution(2, status="running")
    for execution, change in ((paused, "pause"), (running, "resume")):
        answer = api.post(f"/api/workflow-executions/{execution.execution_id}/{change}/")
        assert (answer.status_code, answer.json()["status"]) == (202, execution.status)


# The whole


def test_status(
    api: APIClient, new_execution: MakeExecution, live_runner: SystemAgent, settings: Any
) -> None:
    new_execution(1, created_at=timezone.now() - timedelta(seconds=30))
    new_execution(2, status="completed", end_time=timezone.now())
    SystemAgent.objects.create(
        instance_name="data-agent-tester-2",
        agent_type="data",
        operational_state="READY",
        last_heartbeat=timezone.now() - timedelta(minutes=5),
    )
    answer = api.get("/api/status/").json()
    assert set(answer) == {
        "as_of",
        "healthy",
        "findings",
        "services",
        "agents",
        "executions",
    }
    assert answer["services"]["database"]["status"] == "ok"
    assert answer["services"]["broker"]["status"] == "error"
    assert [agent["liveness"] for agent in answer["agents"]] == ["silent", "alive"]
    assert [e["status"] for e in answer["executions"]] == ["pending", "completed"]
    found = {(one["code"], one["subject"]["id"]) for one in answer["findings"]}
    assert ("broker_away", "broker") in found
    assert ("agent_silent", "data-agent-tester-2") in found
    assert all(one["remedy"] for one in answer["findings"])
    assert api.get("/api/health/").json()["healthy"] is answer["healthy"] is False
