"""``start_agents`` calls listening only what listens: nothing frozen, nothing without a broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.stack import Stack
from tests.system.ways import tool
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack.create(tmp_path_factory.mktemp("s"))
    try:
        made.start(agents=True)
        yield made
    finally:
        made.stop()


def test_frozen_agent_has_to_be_stopped_first(stack: Stack) -> None:
    pid = stack.pid("data-agent")
    os.kill(pid, signal.SIGSTOP)
    try:
        refused = tool(stack, "start_agents")
        stopped = tool(stack, "stop_agents", agents=["data"])
        started = tool(stack, "start_agents", agents=["data"])
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert refused.refused
    assert "frozen" in refused.text
    assert "listening" not in refused.text
    stop = refused.text.index('stop_agents(agents=["data-agent"])')
    assert stop < refused.text.index('start_agents(agents=["data-agent"])')
    assert not stopped.refused, stopped.text
    assert started.text.startswith("listening: data-agent"), started.text
    assert stack.pid("data-agent") != pid


def test_without_a_broker_nobody_listens(stack: Stack) -> None:
    stack.services.stop("broker")
    try:
        up = tool(stack, "start_agents")
        stack.agents.stop("fastmon-agent")
        down = tool(stack, "start_agents", agents=["fastmon"])
    finally:
        stack.services.start("broker")
    for told in (up, down):
        assert told.refused, told.text
        assert "waiting for the broker" in told.text
        assert "ask a person to run `testbed start-local`" in told.text
        assert not told.text.startswith("listening")

    def listening() -> bool:
        """Only once the monitor is connected again as well: till then nobody claims it."""
        return tool(stack, "start_agents").text.startswith("listening: ")

    wait_until(listening)


def test_namespace_without_agents_is_not_advised_to_start_agents(stack: Stack) -> None:
    started = tool(
        stack,
        "start_workflow",
        namespace="elsewhere",
        parameters={"stf_count": 1},
        realtime=False,
    )
    assert not started.refused, started.text
    assert "start_agents cannot help" in started.text
    assert "start_agents(" not in started.text
