"""The server is told to end while programs start or stop: it does, says so, and writes it down."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator

import anyio
import pytest

from mcp_server.application import Application
from orchestrator.supervisord.process import Process
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.errors import Unavailable
from tests.http_server import serving
from tests.integration.mcp.calls import refusal
from tests.integration.mcp.mcp_process import ROOT, Installation, McpProcess
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.anyio

RUNNER = "workflow-runner"
DEAF = (
    'python -c "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); '
    "print('deaf', flush=True); time.sleep(600)\""
)
"""Never reports to the monitor, and does not end when told to."""


@pytest.fixture
def server(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], dict[str, str]]
) -> Iterator[McpProcess]:
    """A server next to a runner as above, and a monitor that knows of no agent."""
    home = tmp_path_factory.mktemp("ending")
    shutil.copytree(ROOT / "workflows", home / "workflows")
    (home / "testbed.toml").write_text('[testbed]\nnamespace = "torre1"\n')
    configuration = (ROOT / "agents.supervisord.conf").read_text()
    (home / "agents.supervisord.conf").write_text(
        configuration.replace("python workflows/workflow_runner.py", DEAF)
    )
    with serving(lambda _method, path, _body: (200, {} if "status" in path else [])) as monitor:
        environ = {"ACTIVEMQ_PORT": "1", "SWF_MONITOR_URL": monitor, **new_database()}
        installation = Installation(home, environ)
        installation.initialise()
        started = McpProcess.start(installation)
        yield started
        started.stop()
    supervisor = supervisor_of(started)
    if supervisor.alive():
        if pid := supervisor.process(RUNNER).pid:
            os.kill(pid, signal.SIGKILL)
        supervisor.shutdown()


def supervisor_of(server: McpProcess) -> Supervisor:
    return Supervisor(server.installation.home / "agents.supervisord.conf")


def runner_of(server: McpProcess) -> Process | None:
    supervisor = supervisor_of(server)
    return supervisor.process(RUNNER) if supervisor.alive() else None


@pytest.mark.parametrize(
    ("tool", "events", "waited_for"),
    [
        ("start_agents", "agents_start_requested agents_start_failed", "workflow-runner to listen"),
        ("stop_agents", "agents_stop_requested agents_stop_failed", "workflow-runner to end"),
    ],
)
async def test_sigterm_while_programs_start_or_stop(
    server: McpProcess, tool: str, events: str, waited_for: str
) -> None:
    def is_deaf() -> bool:
        runner = runner_of(server)
        return runner is not None and "deaf" in runner.last_lines()

    def is_stopping() -> bool:
        runner = runner_of(server)
        return runner is not None and runner.state == "STOPPING"

    if tool == "stop_agents":
        supervisor = supervisor_of(server)
        supervisor.ensure_daemon()
        supervisor.start(RUNNER)
        wait_until(is_deaf)
    told: list[str] = []

    async def ask() -> None:
        told.append(await refusal(client, tool))

    async with server.client() as client:
        await client.list_tools()  # or it would, to know what the answer has to be like
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            begun = is_deaf if tool == "start_agents" else is_stopping
            await anyio.to_thread.run_sync(wait_until, begun)
            await anyio.to_thread.run_sync(server.terminate)
    assert f"no longer waits for {waited_for}" in told[0]
    assert "get_system_status says how it stands" in told[0]
    rows = server.installation.django(
        "from monitor.records.models import SystemStateEvent as E\n"
        "print(*E.objects.filter(via='mcp').values_list('event_type', flat=True))"
    )
    assert rows == events
    assert "Traceback" not in server.log


async def test_what_is_queued_behind_it_does_not_begin(application: Application) -> None:
    begun = threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        application.ending.wait(PATIENCE)

    async def second() -> None:
        with pytest.raises(Unavailable, match="this server is ending"):
            await application.processes(done.append, "second")

    async with anyio.create_task_group() as group:
        group.start_soon(application.processes, first)
        await anyio.to_thread.run_sync(begun.wait, PATIENCE)
        group.start_soon(second)
        application.stop()
    assert not done
