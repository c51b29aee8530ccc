"""What a runner has in hand: each execution once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from swf_common_lib.errors import Conflict
from swf_common_lib.messaging import MessageBus
from swf_common_lib.settings import load_settings
from workflows.runner.execution import Execution
from workflows.runner.executions import RunnerExecutions

CLAIMED = {"execution_id": "x-me-0001", "source_text": "code"}


class Ending:
    """An execution that ends when ``end`` is called."""

    def __init__(self, record: Any, _services: Any, _client: Any, ended: Any) -> None:
        self.execution_id = record.execution_id
        self.end = lambda: ended(self)


def test_an_execution_is_taken_in_once(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    executions, bus = RunnerExecutions(settings, lambda: None), MessageBus(settings)
    assert not executions.knows("x-me-0001")
    taken: Any = executions.take_in(cast(Any, Ending), CLAIMED, bus, "runner")
    with pytest.raises(Conflict, match="x-me-0001"):
        executions.take_in(Execution, CLAIMED, bus, "runner")
    assert len(executions) == 1
    taken.end()
    assert len(executions) == 0
    # The answer to a second claim may come when a short run is over already.
    with pytest.raises(Conflict):
        executions.take_in(Execution, CLAIMED, bus, "runner")
    assert executions.knows("x-me-0001")
