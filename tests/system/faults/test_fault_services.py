"""Broker and database server: killed, and away for ten seconds, in the middle of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from urllib.parse import quote

import pytest
import requests

from swf_common_lib.database_url import parse_database_url
from tests.monitor_database import MonitorDatabase
from tests.system.faults.run import Run
from tests.system.faults.watched import OUTAGE, SERVICES, WatchedStack
from tests.system.ways import tool
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

OURS = (
    "web",
    "ingest",
    "mcp",
    "workflow-runner",
    "data-agent",
    "processing-agent",
    "fastmon-agent",
    "fast-processing-agent",
    "fast-processing-worker",
)
"""Programs that go on through it all."""


def test_the_broker(watched: WatchedStack) -> None:
    before = watched.pids()
    run = watched.begin()
    run.suffer("kill -9 broker", watched.killing("broker"))
    run.suffer("broker stopped for 10 s", watched.stopping("broker"))
    run.finish()
    watched.check_next_run()
    assert {name: watched.pid(name) for name in OURS} == {name: before[name] for name in OURS}


def stream_of(run: Run) -> requests.Response:
    """Open the stream of a run's messages, as a page or program that follows it does."""
    settings = run.watched.settings
    return requests.get(
        f"{settings.swf_monitor_url}/api/messages/stream/",
        params={"execution_id": run.execution_id, "last_event_id": "0"},
        headers={"Authorization": f"Token {settings.swf_api_token}"},
        stream=True,
        timeout=PATIENCE,
    )


def streamed(stream: requests.Response, expected: Counter[str]) -> Counter[str]:
    """Read a stream until the expected events have come; return their numbers by name."""
    seen: Counter[str] = Counter()
    for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if name == "event" and value in expected:
            seen[value] += 1
        if seen.total() >= expected.total():
            break
    return seen


@pytest.mark.only_on(SERVICES)
def test_the_database_server(watched: WatchedStack) -> None:
    """A stream misses nothing of a run; an assistant is told that all is well again."""
    before = watched.pids()
    run = watched.begin()
    with stream_of(run) as stream:
        kill, stop = watched.killing("postgres"), watched.stopping("postgres")
        run.suffer("kill -9 PostgreSQL", kill, heard_again=False)
        run.suffer("PostgreSQL stopped for 10 s", stop, heard_again=False)
        run.finish()
        kinds = run.kinds()
        assert streamed(stream, kinds) == kinds
    wait_until(lambda: "database_away" not in tool(watched, "get_system_status").text)
    watched.check_next_run()
    assert {name: watched.pid(name) for name in OURS} == {name: before[name] for name in OURS}


@pytest.mark.only_on(SERVICES)
def test_a_monitor_that_starts_before_its_database(watched: WatchedStack) -> None:
    run = watched.begin()

    def cause() -> Collection[int]:
        watched.services.stop("postgres")
        killed = watched.kill("web")
        time.sleep(OUTAGE / 2)  # the outage itself
        wait_until(lambda: "trying until it does" in watched.log("web"), PATIENCE)
        watched.services.start("postgres")
        return [killed]

    run.suffer("monitor started before PostgreSQL", cause, heard_again=False)
    run.finish()
    check_tells_no_password(watched)


def check_tells_no_password(watched: WatchedStack) -> None:
    """Check that the database's password is in no log and no row, whatever went wrong."""
    password = parse_database_url(watched.settings.swf_database_url).password
    secrets = {password, quote(password, safe="")}
    for file in watched.settings.log_dir.iterdir():
        assert not any(word in file.read_text(errors="replace") for word in secrets), file
    for table, column in (("applog", "message"), ("workflowmessage", "content::text")):
        for (text,) in MonitorDatabase(watched.settings).ask(
            f"SELECT {column} FROM records_{table}"
        ):
            assert not any(word in text for word in secrets)
