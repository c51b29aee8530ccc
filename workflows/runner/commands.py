"""Commands to runners: what a stop, pause or resume of an execution does, and its answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from swf_common_lib.errors import MonitorUnavailable, NotFound, TestbedError
from swf_common_lib.monitor_client import MonitorClient, execution_path
from swf_common_lib.states import TERMINAL, ExecutionStatus
from workflows.runner.execution import Execution

SendAnswer = Callable[[dict[str, Any]], None]

LOOKUP_PATIENCE = 3.0
"""Seconds that a lookup of another runner's execution waits for the monitor."""
CLAIM_SECONDS = 1.0
"""Seconds after its claim within which an execution is certainly in hand."""
REACHES = {
    "stop": ExecutionStatus.TERMINATED,
    "pause": ExecutionStatus.PAUSED,
    "resume": ExecutionStatus.RUNNING,
}
"""The status that each action leads to."""

logger = logging.getLogger(__name__)


def carry_out(execution: Execution, action: str, reason: str, answer: SendAnswer) -> None:
    """Carry out ``action`` on an execution in hand; ``answer`` is called when it is done."""

    def reached(status: str) -> None:
        answer(_done(execution.execution_id, action, status))

    if action == "stop":
        execution.stop(reason or "stopped on request", reached)
    elif action == "pause":
        execution.pause(reason or "paused on request", reached)
    else:
        execution.resume(reached)


def _done(execution_id: str, action: str, status: str) -> dict[str, Any]:
    done = status == REACHES[action]
    detail = f"{execution_id} is {status}"
    if not done:
        detail += f": there was nothing left to {action}"
    return {"ok": done, "execution_id": execution_id, "status": status, "detail": detail}


def error_answer(error: TestbedError, execution_id: str = "") -> dict[str, Any]:
    """Return the answer that says why a command was not carried out."""
    answer: dict[str, Any] = {"ok": False, "detail": error.detail}
    if error.hint:
        answer["hint"] = error.hint
    if execution_id:
        answer["execution_id"] = execution_id
    return answer


class Lookup:
    """Asks the monitor what to do with a command about an execution that is not in hand."""

    def __init__(
        self, client: MonitorClient, runner: str, in_hand: Callable[[str], Execution | None]
    ) -> None:
        self._client = client
        self._runner = runner
        self._in_hand = in_hand

    def act(
        self,
        execution_id: str,
        action: str,
        reason: str,
        answer: SendAnswer,
        pass_on: Callable[[], None],
    ) -> None:
        """Answer, or send the command to the owner with ``pass_on``."""
        try:
            record = self._client.get(execution_path(execution_id))
            status = str(record["status"])
            if status in TERMINAL:
                answer(_over(execution_id, action, status))
            elif status == ExecutionStatus.PENDING:
                body = {"reason": reason}
                record = self._client.post(execution_path(execution_id, action), body)
                answer(_done(execution_id, action, str(record["status"])))
            elif record.get("runner") == self._runner:
                self._act_on_mine(execution_id, action, reason, answer)
            else:
                pass_on()
        except MonitorUnavailable as error:
            logger.warning("%s of %s is passed on: %s", action, execution_id, error.detail)
            pass_on()
        except NotFound as error:
            hint = error.hint or "See the executions that there are: testbed status."
            detail = f"there is no execution {execution_id}"
            answer(error_answer(NotFound(detail, hint), execution_id))
        except TestbedError as error:
            answer(error_answer(error, execution_id))

    def describe(self, execution_id: str) -> dict[str, Any]:
        """Return the answer to a question for an execution's status."""
        try:
            record = self._client.get(execution_path(execution_id))
        except TestbedError as error:
            return error_answer(error, execution_id)
        fields = ("execution_id", "status", "workflow_name", "namespace", "runner")
        known = {name: record.get(name, "") for name in fields}
        detail = f"{execution_id} is {record['status']}"
        return {"ok": True, "detail": detail, "executions": [known]}

    def _act_on_mine(self, execution_id: str, action: str, reason: str, answer: SendAnswer) -> None:
        """Carry out the action on an execution that was claimed a moment ago, or is just ending."""
        deadline = time.monotonic() + CLAIM_SECONDS
        while time.monotonic() < deadline:
            execution = self._in_hand(execution_id)
            if execution is not None:
                carry_out(execution, action, reason, answer)
                return
            time.sleep(0.01)
        record = self._client.get(execution_path(execution_id))
        answer(_over(execution_id, action, str(record["status"])))


def _over(execution_id: str, action: str, status: str) -> dict[str, Any]:
    return {
        "ok": False,
        "execution_id": execution_id,
        "status": status,
        "detail": f"{execution_id} is {status} already: it cannot be asked to {action}",
        "hint": "See its record for how it ended.",
    }
