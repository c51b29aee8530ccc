"""The tools, called by the SDK's client in memory, over a real database and broker."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.application import Application
from monitor.diagnosis.prospects import namespace_unserved, prospects_of
from monitor.executions import claim, report, request_change
from monitor.records.models import SystemStateEvent, WorkflowExecution
from monitor.records.transitions import record_event
from swf_common_lib.findings import Finding, FindingCode, Remedy
from swf_common_lib.roles import RUNNER
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


async def prospects(application: Application, execution_id: str) -> list[Finding]:
    """Return what the rules say will come of an execution."""
    return await application.database(
        lambda: prospects_of(WorkflowExecution.objects.get(pk=execution_id))
    )


async def test_start_makes_a_pending_record_that_says_what_it_waits_for(
    connect: Connect, application: Application
) -> None:
    async with connect() as client:
        started = await call(
            client,
            "start_workflow",
            workflow="stf_datataking",
            config="fast_processing",
            stf_count=3,
            parameters={"target_worker_count": 60, "daq_state_machine.stf_interval": 4},
            duration=50,
            speed=10,
        )
        assert started["status"] == "pending"
        assert started["namespace"] == "torre1"
        assert started["config"] == "fast_processing_default"
        assert started["waiting_for"]
        (waits,) = await prospects(application, started["execution_id"])
        assert waits.code is FindingCode.RUNNER_MISSING
        detail = await call(
            client,
            "get_workflow_execution",
            execution_id=started["execution_id"],
            format="detailed",
        )
    fast = detail["parameters"]["fast_processing"]
    assert (fast["stf_count"], fast["target_worker_count"]) == (3, 60)
    assert detail["parameters"]["daq_state_machine"]["stf_interval"] == 4
    assert detail["options"] == {"speed": 10.0, "duration": 50.0}
    assert detail["progress"]["stf_files_requested"] == 3
    assert [(event["event"], event["via"]) for event in detail["history"]] == [("pending", "mcp")]
    assert detail["finished"] is False


async def test_bare_start_runs_the_installations_default(connect: Connect) -> None:
    async with connect() as client:
        started = await call(client, "start_workflow")
    assert (started["workflow"], started["config"]) == ("stf_datataking", "fast_processing_default")


@pytest.mark.parametrize(
    ("pace", "speed"),
    [({}, 0.0), ({"realtime": True}, 1.0), ({"realtime": False}, 0.0), ({"speed": 5}, 5.0)],
)
async def test_pace(
    connect: Connect, application: Application, pace: dict[str, Any], speed: float
) -> None:
    async with connect() as client:
        started = await call(client, "start_workflow", workflow="stf_datataking", **pace)
        found = await call(client, "get_workflow_execution", execution_id=started["execution_id"])
    assert started["speed"] == found["options"]["speed"] == speed


async def test_start_where_nobody_works_is_told(connect: Connect, application: Application) -> None:
    async with connect() as client:
        nobody = await call(client, "start_workflow", namespace="shift")
        await application.database(rows.agent)
        await application.database(
            rows.agent, "runner-1", agent_type=RUNNER.agent_type, namespace="shift"
        )
        elsewhere = await call(client, "start_workflow", namespace="shift")
        there = await call(client, "start_workflow", namespace="torre1")
        execution_id = elsewhere["execution_id"]
        (unserved,) = await prospects(application, execution_id)
        (missing,) = await prospects(application, there["execution_id"])
        await application.database(claim, execution_id, "runner-1")
        done = {"status": "completed", "performance_metrics": {"messages_sent": 8}}
        await application.database(report, execution_id, done, actor="runner-1", via="rest")
        waited = await call(
            client,
            "wait_for_workflow",
            execution_id=execution_id,
            include_processing=True,
            timeout_s=60,
        )
    assert waited["waited_seconds"] < 60, "there is nothing to wait for"
    assert "note" not in nobody, "it waits for a runner; agents may be started with that"
    assert elsewhere["note"] != there["note"]
    assert unserved.code is FindingCode.NAMESPACE_UNSERVED
    assert unserved.remedy is Remedy.START_IN_SERVED_NAMESPACE, "start_agents cannot help"
    assert unserved.target["served_namespace"] == "torre1"
    assert missing.code is FindingCode.AGENTS_MISSING
    assert missing.fact("roles") == "fast_processing, fastmon, worker"
    assert missing.fact("namespace") == "torre1"
    needed = "fastmon-agent, fast-processing-agent, fast-processing-worker"
    assert missing.target["programs"] == needed
    assert waited["processing_finished"] is False, "none of its messages is recorded yet"
    assert waited["finished"] is False
    assert waited["note"] == elsewhere["note"]


async def test_start_refuses_with_every_fault(connect: Connect) -> None:
    async with connect() as client:
        text = await refusal(
            client,
            "start_workflow",
            workflow="stf_datataking",
            parameters={"stf_cuont": 3, "target_worker_count": "many"},
        )
        assert "did you mean stf_count?" in text
        assert "target_worker_count = 'many': expected a whole number" in text
        text = await refusal(client, "start_workflow", workflow="stf_datatakin")
        assert "did you mean stf_datataking?" in text
        text = await refusal(client, "start_workflow", workflow="../stf_datataking")
        assert "no workflow" in text
        text = await refusal(client, "start_workflow", config="fast_procesing")
        assert "did you mean fast_processing_default?" in text
        text = await refusal(client, "start_workflow", realtime=True, speed=5)
        assert "exclude each other" in text
        found = await call(client, "list_workflow_executions")
    assert found["total"] == 0


async def test_stop_of_a_pending_execution_and_again(connect: Connect) -> None:
    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        stopped = await call(
            client, "stop_workflow", execution_id=execution_id, reason="wrong numbers"
        )
        assert (stopped["status"], stopped["done"]) == ("terminated", True)
        assert stopped["status_reason"] == "wrong numbers"
        again = await call(client, "stop_workflow", execution_id=execution_id)
        assert again["done"] is True
        assert "already" in again["note"]
        detail = await call(client, "get_workflow_execution", execution_id=execution_id)
    assert [event["event"] for event in detail["history"]] == ["pending", "terminated"]
    assert detail["history"][1]["via"] == "mcp"


async def test_pause_resume_stop_of_a_running_execution(
    connect: Connect, application: Application
) -> None:
    """The test acts as the runner: it claims the execution and reports what it was told to do."""
    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        await application.database(claim, execution_id, "runner-1")

        async def obey(tool: str, status: str) -> dict[str, Any]:
            request = tool.removesuffix("_workflow")
            # As the tool asks first and then looks, a runner that obeys at once is seen at once.
            await application.database(
                request_change, execution_id, request, actor="x", via="rest", reason=""
            )
            await application.database(
                report, execution_id, {"status": status}, actor="runner-1", via="rest"
            )
            return await call(client, tool, execution_id=execution_id)

        assert (await obey("pause_workflow", "paused"))["status"] == "paused"
        assert (await obey("resume_workflow", "running"))["status"] == "running"
        assert (await obey("stop_workflow", "terminated"))["status"] == "terminated"


async def test_change_of_an_execution_that_is_over(connect: Connect) -> None:
    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        text = await refusal(client, "pause_workflow", execution_id=execution_id)
        assert "pending" in text
        await call(client, "stop_workflow", execution_id=execution_id)
        for tool in ("pause_workflow", "resume_workflow"):
            assert "terminated already" in await refusal(client, tool, execution_id=execution_id)


async def test_completed_execution_cannot_be_stopped(
    connect: Connect, application: Application
) -> None:
    done = await application.database(rows.whole_run)
    async with connect() as client:
        text = await refusal(client, "stop_workflow", execution_id=done.execution_id)
    assert "completed already" in text


@pytest.mark.parametrize(
    "tool",
    [
        "get_workflow_execution",
        "wait_for_workflow",
        "stop_workflow",
        "pause_workflow",
        "resume_workflow",
    ],
)
async def test_unknown_execution_names_the_nearest(
    connect: Connect, application: Application, tool: str
) -> None:
    await application.database(rows.execution, 1)
    async with connect() as client:
        text = await refusal(client, tool, execution_id="stf_datataking-shifter-0002")
    assert "stf_datataking-shifter-0001" in text


async def test_unknown_tool_and_arguments_name_the_nearest(connect: Connect) -> None:
    async with connect() as client:
        assert "did you mean list_messages?" in await refusal(client, "list_mesages")
        text = await refusal(client, "list_messages", executionid="x", limt=3)
        assert "no argument 'executionid'; did you mean execution_id?" in text
        assert "no argument 'limt'; did you mean limit?" in text
        text = await refusal(client, "list_messages", run_number=100001)
        assert "no argument 'run_number'; did you mean run_id?" in text


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("list_messages", {"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ("list_messages", {"limit": 201}, "limit: Input should be less than or equal to 200"),
        ("list_messages", {"format": "long"}, "'concise' or 'detailed'"),
        ("list_messages", {"since": "yesterday"}, "expected a time"),
        ("list_messages", {"cursor": "nonsense"}, "is not one of this list"),
        ("list_workflow_executions", {"status": "runing"}, "expected one of pending, running"),
        ("list_workflow_definitions", {"cursor": "-1"}, "is not one of this list"),
        ("list_agents", {"operational_state": "ASLEEP"}, "expected one of STARTING"),
        ("wait_for_workflow", {}, "execution_id: Field required; for example"),
        ("wait_for_workflow", {"execution_id": "x", "timeout_s": 61}, "less than or equal to 60"),
        ("start_workflow", {"stf_count": "ten"}, "stf_count: Input should be a valid integer"),
        ("start_workflow", {"duration": -1}, "duration: Input should be greater"),
    ],
)
async def test_ill_formed_arguments(
    connect: Connect, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect() as client:
        text = await refusal(client, tool, **arguments)
    assert expected in text
    assert "Error executing tool" not in text


async def test_finished_execution_with_all_of_it(
    connect: Connect, application: Application
) -> None:
    done = await application.database(rows.whole_run)
    async with connect() as client:
        detail = await call(client, "get_workflow_execution", execution_id=done.execution_id)
        waited = await call(
            client, "wait_for_workflow", execution_id=done.execution_id, include_processing=True
        )
    assert detail["status"] == "completed"
    assert detail["progress"] == {
        "phase": "completed",
        "stf_files_requested": 10,
        "stf_files_announced": 3,
        "stf_files_registered": 3,
        "stf_files_processed": 0,
        "tf_samples": 3,
        "slices_made": 12,
        "slices_done": 11,
        "slices_failed": 1,
        "slices_unfinished": 0,
        "messages": 6,
    }
    assert detail["statistics"]["workers_to_keep_up"] == 205
    assert detail["statistics"]["nominal_workers"] == 225
    assert detail["statistics"]["nominal_slices_per_s"] == 7.5
    assert detail["processing_finished"] is True
    assert "parameters" not in detail
    assert waited["finished"] is True
    assert waited["waited_seconds"] < PATIENCE


async def test_history_of_a_long_execution_is_its_newest(
    connect: Connect, application: Application
) -> None:
    await application.database(rows.execution, 1, "running")

    def much() -> None:
        for number in range(60):
            record_event(
                "stf_datataking-shifter-0001",
                "pause_requested",
                actor="x",
                via="web",
                reason=str(number),
            )

    await application.database(much)
    async with connect() as client:
        detail = await call(
            client, "get_workflow_execution", execution_id="stf_datataking-shifter-0001"
        )
    assert [event["reason"] for event in detail["history"]] == [str(n) for n in range(10, 60)]


async def test_message_where_nobody_works_is_told(
    connect: Connect, application: Application
) -> None:
    await application.database(rows.agent)
    async with connect() as client:
        there = await call(client, "send_message", message_type="note", namespace="torre1")
        elsewhere = await call(client, "send_message", message_type="note", namespace="shift")
    assert "note" not in there
    assert elsewhere["note"]
    unserved = await application.database(namespace_unserved, "shift")
    assert (unserved.code, unserved.subject.id) == (FindingCode.NAMESPACE_UNSERVED, "shift")


async def test_failed_execution_shows_its_error(connect: Connect, application: Application) -> None:
    await application.database(
        rows.execution, 1, "failed", error_message="no beam\nat all", stack_trace="Traceback ..."
    )
    async with connect() as client:
        found = await call(client, "list_workflow_executions", status="failed")
        detail = await call(
            client,
            "get_workflow_execution",
            execution_id=found["items"][0]["execution_id"],
            format="detailed",
        )
    assert found["items"][0]["why"] == "no beam"
    assert detail["error"] == "no beam\nat all"
    assert detail["stack_trace"] == "Traceback ..."


async def test_wait_gives_up_at_its_time_and_tells_on_the_way(connect: Connect) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(value: float, total: float | None, text: str | None) -> None:
        told.append((value, total, text))

    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        result = await client.call_tool(
            "wait_for_workflow",
            {"execution_id": execution_id, "timeout_s": 0.3},
            progress_callback=progress,
        )
    assert result.structured_content is not None
    assert result.structured_content["finished"] is False
    assert result.structured_content["waited_seconds"] >= 0.3
    assert told
    assert "is pending" in str(told[0][2])


async def test_wait_for_what_does_not_change_tells_that_it_waits(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []

    async def progress(_value: float, _total: float | None, text: str | None) -> None:
        told.append(text)

    monkeypatch.setattr("mcp_server.tools.control._TELL_EVERY", 0.1)
    monkeypatch.setattr("mcp_server.tools.control._LOOK_EVERY", 0.1)
    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        await client.call_tool(
            "wait_for_workflow",
            {"execution_id": execution_id, "timeout_s": 1},
            progress_callback=progress,
        )
    assert len(told) > len(set(told))


async def test_pages_of_executions(connect: Connect, application: Application) -> None:
    for number in range(1, 8):
        await application.database(rows.execution, number)
    seen: list[str] = []
    async with connect() as client:
        cursor = ""
        for _ in range(4):
            page = await call(
                client, "list_workflow_executions", limit=3, cursor=cursor, namespace="torre1"
            )
            assert page["total"] == 7
            assert page["applied_filters"] == {"namespace": "torre1"}
            seen += [item["execution_id"] for item in page["items"]]
            cursor = page.get("next_cursor", "")
            if not cursor:
                break
    assert seen == [f"stf_datataking-shifter-{n:04d}" for n in range(7, 0, -1)]


async def test_messages_in_order_and_by_filter(connect: Connect, application: Application) -> None:
    done = await application.database(rows.whole_run)
    await application.database(rows.message, "another", namespace="other")
    async with connect() as client:
        mine = await call(client, "list_messages", execution_id=done.execution_id)
        newest = await call(client, "list_messages", limit=1)
        ends = await call(
            client, "list_messages", message_type="end_run,start_run", format="detailed"
        )
        none = await call(client, "list_messages", sender="nobody", since="-1h")
    ids = [item["id"] for item in mine["items"]]
    assert ids == sorted(ids)
    assert mine["total"] == 6
    assert mine["items"][0]["about"] == "swf.100001.000001.stf"
    assert "execution_id" not in mine["items"][0], "the filter says it"
    assert "content" not in mine["items"][0]
    assert newest["items"][0]["execution_id"] == "another"
    assert [item["type"] for item in ends["items"]] == ["end_run", "start_run"]
    assert ends["items"][0]["content"]["total_stf_files"] == 3
    assert none["items"] == []
    assert none["applied_filters"] == {"sender": "nobody", "since": "-1h"}


async def test_agents(connect: Connect, application: Application) -> None:
    await application.database(rows.agent)
    await application.database(rows.agent, "fastmon-agent-x-3", agent_type="fastmon")
    async with connect() as client:
        alive = await call(client, "list_agents", since="-2m", agent_type="data")
        detailed = await call(client, "list_agents", format="detailed", limit=1)
    (item,) = alive["items"]
    assert item["name"] == "data-agent-shifter-2"
    assert item["operational_state"] == "READY"
    assert 0 <= item["heartbeat_age_seconds"] < 60
    assert detailed["items"][0]["metadata"] == {"handled": {"stf_gen": 10}}
    assert detailed["total"] == 2


async def test_definitions(connect: Connect, application: Application) -> None:
    await application.database(rows.definition, version="0.9")
    async with connect() as client:
        found = await call(client, "list_workflow_definitions")
        page = await call(client, "list_workflow_definitions", limit=1)
        rest = await call(client, "list_workflow_definitions", cursor=page["next_cursor"])
        one = await call(client, "list_workflow_definitions", workflow_name="stf_datataking")
    names = [item["workflow"] for item in found["items"]]
    assert names == sorted(names)
    assert {"stf_datataking", "epic_fast_processing"} <= set(names)
    assert page["total"] == len(names) == 1 + len(rest["items"])
    (item,) = one["items"]
    assert item["is_default"] is True
    assert "fast_processing_default" in item["configs"]


async def test_validation(connect: Connect) -> None:
    async with connect() as client:
        good = await call(
            client,
            "validate_workflow_config",
            config="fast_processing",
            parameters={"stf_count": 4},
        )
        bad = await call(
            client, "validate_workflow_config", parameters={"stf_cuont": 4, "stf_interval": -1}
        )
        unknown = await call(client, "validate_workflow_config", workflow="stf_dattaking")
        executions = await call(client, "list_workflow_executions")
    assert good["ok"] is True
    assert good["parameters"]["fast_processing.stf_count"] == {"value": 4, "source": "command"}
    assert bad["ok"] is False
    assert len(bad["problems"]) == 2
    assert "did you mean stf_datataking?" in unknown["problems"][0]
    assert executions["total"] == 0


async def test_status(connect: Connect, application: Application) -> None:
    await application.database(rows.execution, 1, "running")
    async with connect() as client:
        status = await call(client, "get_system_status")
    assert status["executions"][0]["execution_id"] == "stf_datataking-shifter-0001"
    assert status["findings"], "ingest has never reported"
    for finding in status["findings"]:
        assert {"code", "severity", "subject", "what", "remedy", "next"} <= set(finding)
        assert all(finding.values())


async def test_broken_testbed_file_is_told(connect: Connect, application: Application) -> None:
    application.settings.swf_testbed_config.write_text('[testbed]\nnamespace = ""\n')
    async with connect() as client:
        text = await refusal(client, "start_workflow", workflow="stf_datataking")
        checked = await call(client, "validate_workflow_config")
    assert "namespace is empty" in text
    assert "namespace is empty" in checked["problems"][0]


async def test_what_was_done_is_in_the_audit_trail(
    connect: Connect, application: Application
) -> None:
    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        await call(client, "stop_workflow", execution_id=execution_id, reason="enough")

    def trail() -> tuple[list[tuple[str, str, str]], str]:
        events = SystemStateEvent.objects.filter(execution_id=execution_id).order_by("id")
        execution = WorkflowExecution.objects.get(pk=execution_id)
        found = [(e.event_type, e.via, e.event_data["reason"]) for e in events]
        return found, execution.executed_by

    events, user = await application.database(trail)
    assert events == [("execution_pending", "mcp", ""), ("execution_terminated", "mcp", "enough")]
    assert execution_id.split("-")[1] == user
