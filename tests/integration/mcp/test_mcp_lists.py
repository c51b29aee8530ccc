"""Lists: what a page costs, where it goes on, and what is said when there is nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any

import pytest
from django.utils import timezone

from mcp_server.answers.truncation import MOST_BYTES
from mcp_server.application import Application
from monitor.records.models import Namespace, WorkflowExecution, WorkflowMessage
from tests.integration.mcp.calls import call, refusal, size_of, text_of
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

PAGE_BYTES = 4_000
LISTS = (
    "list_workflow_executions",
    "list_agents",
    "list_messages",
    "list_runs",
    "list_stf_files",
    "list_tf_slices",
    "list_logs",
    "list_namespaces",
)


def _executions(count: int, **fields: Any) -> None:
    first = rows.execution(1, "failed", run_number=100001)
    now = timezone.now()
    WorkflowExecution.objects.bulk_create(
        WorkflowExecution(
            execution_id=f"epic_fast_processing-streaming-{number:04d}",
            workflow_definition=first.workflow_definition,
            namespace="streaming-facility",
            parameter_values=first.parameter_values,
            status="terminated",
            created_at=now - timedelta(seconds=number),
            start_time=now - timedelta(seconds=2000),
            end_time=now,
            executed_by="streaming",
            run_number=100000 + number,
            **fields,
        )
        for number in range(2, count + 2)
    )


def _messages(count: int, **fields: Any) -> None:
    now = timezone.now()
    values = {
        "message_type": "tf_slices_registered",
        "namespace": "streaming-facility",
        "sender_agent": "fast_processing-agent-streaming-12",
        "execution_id": "stf_datataking-streaming-0007",
        "run_id": "100012",
        "destination": "/topic/epictopic",
        "sent_at": now,
        "received_at": now,
        "content": {"tf_filename": "swf.100012.000001_tf_000.tf", "slices": [{}] * 15},
        **fields,
    }
    WorkflowMessage.objects.bulk_create(
        WorkflowMessage(message_id=f"m-{number}", **values) for number in range(count)
    )


async def test_a_page_of_executions_is_short(connect: Connect, application: Application) -> None:
    """With the longest names that are usual, each with a long reason."""
    await application.database(_executions, 20, error_message="the disk is full: " + "x" * 500)
    async with connect() as client:
        page = await call(client, "list_workflow_executions", namespace="streaming-facility")
    assert len(page["items"]) == 20
    assert size_of(page) <= PAGE_BYTES
    assert page["items"][0]["why"].startswith("the ")


async def test_a_page_of_messages_is_short(connect: Connect, application: Application) -> None:
    await application.database(_messages, 20)
    async with connect() as client:
        anyones = await call(client, "list_messages")
        of_one = await call(client, "list_messages", execution_id="stf_datataking-streaming-0007")
    assert len(anyones["items"]) == len(of_one["items"]) == 20
    assert size_of(anyones) <= PAGE_BYTES
    assert size_of(of_one) <= PAGE_BYTES
    assert of_one["items"][0]["about"] == "15 slices"


async def test_no_answer_is_more_than_can_be_read(
    connect: Connect, application: Application
) -> None:
    await application.database(_messages, 200, content={"text": "ä" * 5_000})
    seen = []
    async with connect() as client:
        cursor = ""
        while True:
            page = await call(
                client, "list_messages", limit=200, format="detailed", cursor=cursor, order="oldest"
            )
            assert size_of(page) <= MOST_BYTES
            seen += [item["id"] for item in page["items"]]
            cursor = page.get("next_cursor", "")
            if not cursor:
                break
            assert "go on with next_cursor" in page["note"]
    assert len(seen) == len(set(seen)) == 200
    assert seen == sorted(seen)


async def test_one_huge_message_is_cut(connect: Connect, application: Application) -> None:
    body = {"text": "x" * 900_000, "list": list(range(100_000)), "deep": {"er": ["y" * 90_000] * 9}}
    await application.database(_messages, 1, content=body)
    async with connect() as client:
        page = await call(client, "list_messages", format="detailed")
        whole = await call(client, "get_message", id=page["items"][0]["id"])
    for answer in (page, whole):
        assert size_of(answer) <= MOST_BYTES
        assert "left out" in str(answer)


async def test_huge_execution_is_cut(connect: Connect, application: Application) -> None:
    many = {f"section{n}": {f"key{k}": "v" * 90 for k in range(60)} for n in range(60)}
    await application.database(
        rows.execution, 1, "failed", stack_trace="File\n" * 200_000, parameter_values=many
    )
    async with connect() as client:
        detail = await call(
            client,
            "get_workflow_execution",
            execution_id="stf_datataking-shifter-0001",
            format="detailed",
        )
        resource = await client.read_resource("testbed://executions/stf_datataking-shifter-0001")
    assert detail["status"] == "failed"
    assert size_of(detail) <= MOST_BYTES
    assert len(str(resource.contents[0])) <= 2 * MOST_BYTES


async def test_cursor_of_another_question(connect: Connect, application: Application) -> None:
    await application.database(rows.whole_run)
    async with connect() as client:
        page = await call(client, "list_messages", limit=2)
        others = [
            ("list_messages", {"limit": 2, "message_type": "stf_gen"}),
            ("list_messages", {"limit": 2, "order": "oldest"}),
            ("list_tf_slices", {"limit": 2}),
        ]
        for tool, arguments in others:
            text = await refusal(client, tool, cursor=page["next_cursor"], **arguments)
            assert "belongs to a list with other filters" in text
        again = await call(client, "list_messages", limit=3, cursor=page["next_cursor"])
        text = await refusal(client, "list_messages", cursor="nonsense")
    assert len(again["items"]) == 3
    assert "is not one of this list" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"since": "2026-02-31T00:00:00Z"}, "since=2026-02-31"),
        ({"since": "yesterday"}, "expected a time"),
        ({"since": "2999-01-01T00:00:00Z"}, "is in the future. It is 20"),
        ({"since": "-1h", "until": "-2h"}, "is not before until=-2h"),
        ({"until": "0000"}, "expected a time"),
        ({"since": "-99999999999d"}, "expected a time"),
    ],
)
async def test_impossible_times(
    connect: Connect, application: Application, arguments: dict[str, str], expected: str
) -> None:
    async with connect() as client:
        for tool in ("list_messages", "list_workflow_executions", "list_logs"):
            text = await refusal(client, tool, **arguments)
            assert expected in text.replace("\n", ". ")


async def test_times_without_a_zone_are_utc(
    connect: Connect, application: Application, settings: Any
) -> None:
    """Whatever zone the server is in; REST reads them as its local times."""
    begin = datetime(2026, 5, 1, 12, tzinfo=zones.utc)
    await application.database(rows.message, sent_at=begin)
    await application.database(rows.execution, created_at=begin)
    bounds = {"since": "2026-05-01T12:00:00", "until": "2026-05-01 12:00:01"}
    settings.TIME_ZONE = "America/New_York"
    async with connect() as client:
        found = await call(client, "list_messages", **bounds)
        late = await call(client, "list_messages", since="2026-05-01T12:00:01")
        numbers = await call(client, "get_statistics", since="2026-05-01T12:00:00")
        zoned = await call(client, "list_messages", since="2026-05-01T14:00:00+02:00")
    assert (found["total"], late["total"], zoned["total"]) == (1, 0, 1)
    assert found["applied_filters"] == {
        "since": "2026-05-01T12:00:00Z",
        "until": "2026-05-01T12:00:01Z",
    }
    assert numbers["since"] == "2026-05-01T12:00:00Z"
    assert numbers["executions"] == {"completed": 1}


async def test_statistics_of_a_namespace(connect: Connect, application: Application) -> None:
    await application.database(rows.whole_run)
    await application.database(rows.execution, 2, "failed", namespace="shift")
    await application.database(Namespace.objects.create, name="shift", owner="x")
    async with connect() as client:
        all_ = await call(client, "get_statistics")
        mine = await call(client, "get_statistics", namespace="torre1")
        other = await call(client, "get_statistics", namespace="shift")
        unknown = await refusal(client, "get_statistics", namespace="shft")
        both = await refusal(client, "get_statistics", run_number=rows.RUN, since="-1h")
        other_run = await refusal(client, "get_statistics", run_number=rows.RUN, namespace="shift")
        future = await refusal(client, "get_statistics", since="2099-01-01")
        summary = text_of(await client.call_tool("get_statistics", {"namespace": "shift"}))
    assert all_["executions"] == {"completed": 1, "failed": 1}
    assert (mine["executions"], mine["runs"], mine["stf_files"]) == ({"completed": 1}, 1, 3)
    assert mine["slices"] == {"completed": 11, "failed": 1}
    assert sum(mine["messages"].values()) == 6
    assert (other["executions"], other["runs"], other["stf_files"]) == ({"failed": 1}, 0, 0)
    assert (other["slices"], other["messages"]) == ({}, {})
    assert "did you mean shift?" in unknown
    for text in (both, other_run):
        assert "Give a run or an execution, or since and namespace." in text
    assert "is in the future" in future
    assert summary.endswith("in namespace shift: 1 executions")


async def test_cursor_and_names_of_workflows(connect: Connect) -> None:
    async with connect() as client:
        page = await call(client, "list_workflow_definitions", limit=1)
        text = await refusal(
            client,
            "list_workflow_definitions",
            cursor=page["next_cursor"],
            workflow_name="stf_datataking",
        )
        both = await call(
            client,
            "list_workflow_definitions",
            workflow_name="stf_datataking, epic_fast_processing,stf_datatakin",
        )
    assert "belongs to a list with other filters" in text
    names = [item["workflow"] for item in both["items"]]
    assert names == ["epic_fast_processing", "stf_datataking"]
    assert both["note"].startswith("There is no workflow 'stf_datatakin'; did you mean")


async def test_empty_lists_say_why(connect: Connect, application: Application) -> None:
    async with connect() as client:
        for tool in LISTS:
            nothing = await call(client, tool)
            assert nothing["items"] == []
            assert nothing["note"].startswith("There are no "), tool
        await application.database(rows.whole_run)
        unknown = await call(client, "list_workflow_executions", namespace="tore1")
        agent = await call(client, "list_messages", sender="workflow-runner-shifter-2")
        missing = await call(client, "list_runs", execution_id="stf_datataking-shifter-0002")
        type_ = await call(client, "list_agents", agent_type="dta")
        together = await call(client, "list_messages", namespace="torre1", until="-1d")
        type_of_message = await call(client, "list_messages", message_type="stf_redy")
        run = await call(client, "list_messages", run_id="last")
        none = await call(client, "list_messages", message_type="pause_run")
    assert unknown["note"] == "There is no namespace 'tore1'; did you mean torre1?"
    assert "did you mean workflow-runner-shifter-1?" in agent["note"]
    assert "did you mean stf_datataking-shifter-0001?" in missing["note"]
    assert "did you mean data?" in type_["note"]
    assert "none fits all of these filters" in together["note"]
    assert "message_type 'stf_redy'; did you mean stf_ready?" in type_of_message["note"]
    assert run["note"] == f"There is no run_id 'last'; known: {rows.RUN}"
    assert none["note"].endswith("but none of them fits this filter."), "there is such a type"


async def test_an_old_name_is_known(connect: Connect, application: Application) -> None:
    """However many have come since."""
    for number in range(1, 303):
        await application.database(rows.execution, number, "completed")
    async with connect() as client:
        old = await call(client, "list_logs", execution_id="stf_datataking-shifter-0001")
        never = await call(client, "list_logs", execution_id="stf_datataking-shifter-9302")
    assert "There are no log records at all yet" in old["note"]
    assert "did you mean stf_datataking-shifter-0302?" in never["note"]


async def test_rows_of_every_list(connect: Connect, application: Application) -> None:
    done = await application.database(rows.whole_run)
    async with connect() as client:
        runs = await call(client, "list_runs", execution_id=done.execution_id)
        run = await call(client, "get_run", run_number=rows.RUN)
        files = await call(client, "list_stf_files", run_number=rows.RUN, format="detailed")
        failed = await call(client, "list_tf_slices", run_number=rows.RUN, status="failed")
        logs = await call(client, "list_logs", level="error", execution_id=done.execution_id)
        spaces = await call(client, "list_namespaces")
        numbers = await call(client, "get_statistics", execution_id=done.execution_id)
        overall = await call(client, "get_statistics", since="-1h")
        text = await refusal(client, "get_run", run_number=7)
    assert runs["items"][0]["slices_made"] == 12
    assert run["statistics"]["workers_to_keep_up"] == numbers["run"]["workers_to_keep_up"] == 205
    assert run["state"]["phase"] == "completed"
    assert (run["workers"], run["tf_samples"]) == ({"stopped": 3}, {"registered": 3})
    assert run["newest_samples"][0]["tf_filename"].endswith("000003_tf_000.tf")
    assert [len(file["tf_samples"]) for file in files["items"]] == [1, 1, 1]
    (slice_,) = failed["items"]
    assert (slice_["retries"], slice_["error"]) == (3, "out of memory")
    (record,) = logs["items"]
    assert record["message"] == "no disk", "a line"
    assert spaces["items"][0]["owner"] == "shifter"
    assert overall["executions"] == {"completed": 1}
    assert overall["messages"]["stf_gen"] == 3
    assert overall["slices"] == {"completed": 11, "failed": 1}
    assert f"The newest are {rows.RUN}" in text


async def test_one_message(connect: Connect, application: Application) -> None:
    message = await application.database(rows.message)
    async with connect() as client:
        by_number = await call(client, "get_message", id=message.pk)
        by_name = await call(client, "get_message", message_id=message.message_id)
        neither = await refusal(client, "get_message")
        unknown = await refusal(client, "get_message", id=message.pk + 1)
    assert by_number == by_name
    assert by_number["message"]["content"]["msg_type"] == "stf_gen"
    assert "either id or message_id" in neither
    assert f"The newest has id {message.pk}" in unknown


async def test_text_is_looked_for_in_a_day(connect: Connect, application: Application) -> None:
    old = timezone.now() - timedelta(days=3)
    await application.database(rows.log, "beam lost", timestamp=old, execution_id="x-0001")
    await application.database(rows.log, "beam lost again")
    async with connect() as client:
        recent = await call(client, "list_logs", text="beam")
        longer = await call(client, "list_logs", text="beam", since="-7d")
        of_one = await call(client, "list_logs", text="beam", execution_id="x-0001")
        none = await call(client, "list_logs", text="cosmic")
    assert recent["total"] == 1
    assert recent["applied_filters"]["since"] == "-1d"
    assert recent["note"] == "Of the last day; give since for more."
    assert (longer["total"], of_one["total"]) == (2, 1)
    assert "note" not in longer
    assert none["note"].startswith("Of the last day; give since for more. ")
