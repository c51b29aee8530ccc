"""A whole installation on a real ActiveMQ, which is killed in the middle of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.runs import look
from tests.activemq_process import require_activemq
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.test_kills import EXPECTED, SHORT_RUN, messages
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def on_activemq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require_activemq()
    stack = Stack.create(tmp_path_factory.mktemp("a"))
    stack.run(["init"], SWF_BROKER="activemq")  # which it remembers
    try:
        stack.run(["start-local"])
        stack.run(["start-agents"])
        yield stack
    finally:
        ended(stack)


def check_complete(stack: Stack, execution_id: str) -> None:
    end = look(stack.client(), execution_id)
    assert end.status == "completed"
    assert end.statistics["stf_files"]["registered"] == 10
    assert end.samples == 10
    assert end.slices["created"] == end.slices["completed"] == 150
    by_type = Counter(message["message_type"] for message in messages(stack, execution_id))
    assert {kind: by_type[kind] for kind in EXPECTED} == EXPECTED


def test_a_run_is_complete(on_activemq: Stack) -> None:
    execution_id = on_activemq.run("run fast_processing --speed 0").stdout.strip()
    wait_until(lambda: look(on_activemq.client(), execution_id).over, 60)
    check_complete(on_activemq, execution_id)


def test_it_is_run_in_a_folder_of_ours_and_tells_no_secret(on_activemq: Stack) -> None:
    pid = on_activemq.pid("broker")
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert words[0].endswith("java")
    settings = on_activemq.settings
    assert not any(settings.activemq_password in word for word in words)
    folder = settings.swf_runtime_dir / "activemq"
    assert (folder / "data" / "kahadb").is_dir()
    assert (folder / "conf" / "activemq.xml").stat().st_mode & 0o077 == 0


def test_nothing_is_lost_when_it_is_killed(on_activemq: Stack) -> None:
    execution_id = on_activemq.run(SHORT_RUN).stdout.strip()
    wait_until(lambda: look(on_activemq.client(), execution_id).stf_files >= 2, 20)

    killed = on_activemq.kill("broker")

    wait_until(lambda: on_activemq.pid("broker") not in (0, killed), 20)
    wait_until(lambda: look(on_activemq.client(), execution_id).over, 90)
    check_complete(on_activemq, execution_id)
