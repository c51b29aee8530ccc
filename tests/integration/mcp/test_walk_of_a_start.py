"""docs/architecture.md lists the files that a start goes through, and each is entered rarely."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from anyio import to_thread

from mcp_server.application import Application
from mcp_server.tools.control import start_workflow
from mcp_server.views.control import started
from monitor.api.views.workflows import ExecutionViewSet
from monitor.records.models import WorkflowExecution
from monitor.records.tokens import create_token
from swf_common_lib.settings import load_settings
from swf_common_lib.states import TokenScope
from tests.broker_process import BrokerProcess
from tests.integration.mcp.calls import call
from tests.integration.mcp.conftest import Connect
from tests.integration.mcp.mcp_process import ROOT
from tests.waiting import PATIENCE
from workflows.runner.agent import RunnerAgent

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

STEPS = (
    "mcp_server/tools/",
    "mcp_server/views/",
    "monitor/executions/",
    "monitor/api/views/",
    "monitor/records/transitions.py",
    "monitor/records/database/",
    "workflows/runner/",
)
"""Where a start is decided on. What they use besides reads files, keeps values, or speaks to
broker and database.
"""
BEGINNINGS: dict[CodeType, str] = {
    start_workflow.__code__: "MCP server",
    started.__code__: "MCP server",
    RunnerAgent.on_run_workflow.__code__: "runner",
    RunnerAgent._claim_and_launch.__code__: "runner",
    ExecutionViewSet.claim.__code__: "monitor",
}
"""The process that a thread acts for, by the function that it came from."""
END = RunnerAgent._launch.__code__
"""The runner has its claim."""
HEADING = "## The walk of a start, from MCP to the runner's claim"


class Walk:
    """The files that were entered from another file, in their order, by process."""

    def __init__(self) -> None:
        self.entered: defaultdict[str, list[str]] = defaultdict(list)
        self.ended = threading.Event()
        self._coroutines: set[FrameType] = set()

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call of a function of the project, as ``sys.setprofile`` reports it."""
        if event == "call" and not self.ended.is_set():
            self._note(frame)

    def _note(self, frame: FrameType) -> None:
        if frame.f_code is END:
            self.ended.set()
        file = file_of(frame)
        if not file.startswith(STEPS) or frame in self._coroutines:
            return  # a coroutine is called again by the loop each time that it goes on
        if frame.f_code.co_flags & inspect.CO_COROUTINE:
            self._coroutines.add(frame)
        callers = list(callers_of(frame))
        process = next((BEGINNINGS[one.f_code] for one in callers if one.f_code in BEGINNINGS), "")
        before = next((name for one in callers[1:] if (name := file_of(one))), "")
        if process and not self.ended.is_set() and before != file:
            self.entered[process].append(file)


def file_of(frame: FrameType) -> str:
    name = frame.f_code.co_filename
    return name.removeprefix(f"{ROOT}/") if name.startswith(f"{ROOT}/") else ""


def callers_of(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@pytest.fixture
def walk() -> Iterator[Walk]:
    """Traces this thread, and those that are begun from now on."""
    made = Walk()
    threading.setprofile(made)
    sys.setprofile(made)
    yield made
    sys.setprofile(None)
    threading.setprofile(None)


@pytest.fixture
def runner(
    walk: Walk, application: Application, broker: BrokerProcess, live_server: Any, home: Path
) -> Iterator[RunnerAgent]:
    """A runner in this process, which works."""
    token = create_token("runner", TokenScope.OPERATE, "shifter")
    environ = {**broker.environ, "SWF_MONITOR_URL": live_server.url, "SWF_API_TOKEN": token}
    agent = RunnerAgent(load_settings(home=home, environ=environ), "torre1")
    thread = threading.Thread(target=agent.run)
    thread.start()
    yield agent
    agent.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def listed() -> dict[str, list[str]]:
    """Return the files of the page, by process."""
    section = (ROOT / "docs" / "architecture.md").read_text().split(f"{HEADING}\n")[1]
    rows = re.findall(
        r"^\| (MCP server|runner|monitor) \| (.*) \|$", section.split("\n## ")[0], re.M
    )
    return {process: re.findall(r"`([^`]+)`", files) for process, files in rows}


async def test_each_file_is_entered_at_most_twice_and_is_on_the_page(
    connect: Connect, walk: Walk, runner: RunnerAgent, application: Application
) -> None:
    async with connect() as client:
        begun = await call(client, "start_workflow", workflow="stf_datataking", realtime=False)
    assert await to_thread.run_sync(walk.ended.wait, PATIENCE)
    execution = await application.database(
        WorkflowExecution.objects.get, execution_id=begun["execution_id"]
    )
    assert execution.runner == runner.name
    times = Counter((process, file) for process, files in walk.entered.items() for file in files)
    assert not {entry: count for entry, count in times.items() if count > 2}
    assert {name: list(dict.fromkeys(files)) for name, files in walk.entered.items()} == listed()
