"""A ``runner`` that records what a workflow does, to try a workflow without broker and monitor."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import requests
import simpy

from workflows.runner.handle import RunnerHandle


class RecordingRunner(RunnerHandle):
    """Records messages in ``messages`` instead of sending them; run numbers count from 100001.

    The messages are complete, as they would go out; ``destination`` is added to each.
    """

    def __init__(
        self,
        env: simpy.Environment,
        *,
        execution_id: str = "trial-nobody-0001",
        namespace: str = "trial",
        time_scale: float = 0.0,
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        super().__init__(
            self,
            sender="recording-runner",
            namespace=namespace,
            execution_id=execution_id,
            tick=lambda: float(env.now),
            time_scale=lambda: time_scale,
            monitor_url="http://monitor.invalid",
            api_session=_CountingSession(),
            logger=logging.getLogger("workflows.testing"),
        )

    def publish(self, destination: str, body: Mapping[str, Any], /) -> int:
        """Record a message."""
        self.messages.append({**json.loads(json.dumps(body)), "destination": destination})
        return len(self.messages)

    def sent(self, msg_type: str) -> list[dict[str, Any]]:
        """Return the recorded messages of a type."""
        return [message for message in self.messages if message["msg_type"] == msg_type]


class _CountingSession(requests.Session):
    """Answers every request for a run number itself."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 100_000

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        self._last += 1
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps({"status": "success", "run_number": self._last}).encode()
        return answer
