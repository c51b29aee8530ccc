"""Starting workflow executions over REST, following them to their end, and changing them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from swf_common_lib.errors import InvalidRequest
from swf_common_lib.monitor_client import TIMEOUT, MonitorClient, execution_path
from swf_common_lib.sizing import requested_stfs
from swf_common_lib.states import TERMINAL, ExecutionStatus, RunPhase

POLL_INTERVAL = 0.25
STILL_AFTER = 60.0
"""Seconds without a change in a run: twice what a slice of the default configuration takes."""


@dataclass(frozen=True)
class ExecutionProgress:
    """The state of an execution, from the monitor's record."""

    record: Mapping[str, Any]

    @property
    def execution_id(self) -> str:
        """Return the execution's id."""
        return str(self.record["execution_id"])

    @property
    def status(self) -> str:
        """Return pending, running, paused, completed, failed or terminated."""
        return str(self.record["status"])

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Return the counts of its run so far; empty before the run began."""
        return self.record.get("statistics") or {}

    @property
    def phase(self) -> str:
        """Return the phase of its run; empty before the run began."""
        return str(self.statistics.get("phase") or "")

    @property
    def requested_stf_files(self) -> int | None:
        """Return how many STF files are asked for; None where a clock or a stop ends the run."""
        return requested_stfs(self.record.get("parameter_values") or {})

    @property
    def stf_files(self) -> int:
        """Return the number of STF files of the run so far."""
        return int(self._counts("stf_files").get("generated", 0))

    @property
    def samples(self) -> int:
        """Return the number of TF samples of the run so far."""
        return int(self.statistics.get("samples", 0))

    @property
    def slices(self) -> Mapping[str, int]:
        """Return the numbers of TF slices: created, queued, processing, completed, failed."""
        return self._counts("slices")

    @property
    def over(self) -> bool:
        """Return whether the execution and all work of its run are done."""
        if self.status != ExecutionStatus.COMPLETED:
            return self.status in TERMINAL
        if not self.phase:  # there was no run, or ingest has not come to it yet
            return not (self.record.get("performance_metrics") or {}).get("stf_files")
        return self.phase == RunPhase.COMPLETED

    def _counts(self, name: str) -> Mapping[str, Any]:
        counts = self.statistics.get(name)
        return counts if isinstance(counts, Mapping) else {}


def check(client: MonitorClient, request: Mapping[str, Any]) -> None:
    """Check a request before its start, without starting anything. Raises what ``start`` raises."""
    client.post("workflow-executions/check/?before_start=true", _stated(request))


def start(client: MonitorClient, request: Mapping[str, Any]) -> dict[str, Any]:
    """Start an execution and return its record, which says what it waits for.

    Raises ConfigurationError, NotFound and the other errors of the monitor.
    """
    answer: dict[str, Any] = client.post("workflow-executions/start/", _stated(request))
    return answer


def _stated(request: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if value is not None}


def get_progress(client: MonitorClient, execution_id: str) -> ExecutionProgress:
    """Return the present state of an execution. Raises NotFound."""
    return ExecutionProgress(client.get(_address(execution_id)))


def get_diagnosis(client: MonitorClient, execution_id: str) -> dict[str, Any]:
    """Return what is wrong with an execution, as REST has it. Raises NotFound."""
    answer: dict[str, Any] = client.get(f"{_address(execution_id)}diagnosis/")
    return answer


def follow(
    client: MonitorClient,
    execution_id: str,
    show: Callable[[ExecutionProgress], None],
    stalled: Callable[[ExecutionProgress], None],
) -> ExecutionProgress:
    """Show an execution's progress until it and the work of its run are over.

    ``stalled`` is called once when nothing happens any more to a run whose data taking has ended.
    """
    before: Mapping[str, Any] | None = None
    since, reported = time.monotonic(), False
    while True:
        progress = get_progress(client, execution_id)
        show(progress)
        if progress.over:
            return progress
        if progress.statistics != before:
            before, since = progress.statistics, time.monotonic()
        elif (
            progress.status in TERMINAL and not reported and time.monotonic() - since > STILL_AFTER
        ):
            stalled(progress)
            reported = True
        time.sleep(POLL_INTERVAL)


def count_messages(client: MonitorClient, execution_id: str) -> int:
    """Return the number of recorded messages of an execution."""
    answer = client.session.get(
        f"{client.url}/api/workflow-messages/",
        params={"execution_id": execution_id, "limit": "1"},
        timeout=TIMEOUT,
    )
    answer.raise_for_status()
    return int(answer.headers.get("X-Total-Count", len(answer.json())))


def send_command(
    client: MonitorClient, execution_id: str, verb: str, reason: str
) -> dict[str, Any]:
    """Ask for an execution to ``stop``, ``pause`` or ``resume``. Raises NotFound, Conflict."""
    answer: dict[str, Any] = client.post(f"{_address(execution_id)}{verb}/", {"reason": reason})
    return answer


def _address(execution_id: str) -> str:
    if not execution_id:
        raise InvalidRequest("the execution's id is empty", "`testbed status` lists the ids.")
    return execution_path(execution_id)
