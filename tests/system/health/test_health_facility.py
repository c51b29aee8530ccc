"""A data agent that is frozen in a run on ActiveMQ and PostgreSQL, as every surface tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.activemq_process import skip_without_activemq
from tests.ports import choosing
from tests.postgres_process import require_postgres
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.health.test_health_runs import soon_killed, test_a_data_agent_that_is_frozen

pytestmark = pytest.mark.system
__all__ = ["test_a_data_agent_that_is_frozen"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """An installation on services of its own, whose agents send a heartbeat each second."""
    skip_without_activemq()
    require_postgres()
    # Not below pytest's folders, which are shut to the user as whom root's PostgreSQL runs.
    with TemporaryDirectory(prefix="h-") as folder:
        Path(folder).chmod(0o711)
        stack = Stack.create(Path(folder) / "h", settings={"SWF_HEARTBEAT_INTERVAL": 1})
        soon_killed(stack)
        try:
            with choosing():
                stack.run(["init", "--services"])
                stack.start(agents=True)
            yield stack
        finally:
            ended(stack)
