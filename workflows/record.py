"""An execution as the monitor's record describes it to the runner that claimed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swf_common_lib.errors import WorkflowFailed
from swf_common_lib.messages import UNPACED
from workflows.loading import WorkflowSource

REALTIME = 1.0


@dataclass(frozen=True)
class ExecutionRecord:
    """What the runner needs to know to execute a claimed execution."""

    execution_id: str
    namespace: str
    source: WorkflowSource
    config: dict[str, Any]
    """The expanded configuration, a table a section."""
    speed: float
    """Simulated seconds a wall second; ``UNPACED`` (0): as fast as it goes."""
    duration: float
    """Simulated seconds after which it is ended; 0: at its own end."""
    commit: str = ""
    """Commit of the source tree, where known."""
    run_number: int | None = None
    """Given out with the claim, for the execution's first run."""

    @classmethod
    def from_json(cls, claimed: Mapping[str, Any]) -> ExecutionRecord:
        """Read the monitor's answer to a claim. Raises WorkflowFailed when it lacks the code."""
        options = claimed.get("options") or {}
        config = claimed.get("parameter_values") or {}
        execution_id = str(claimed["execution_id"])
        text = claimed.get("source_text")
        if not text:
            raise WorkflowFailed(f"the record of {execution_id} holds no workflow code")
        name = claimed.get("workflow_name") or execution_id.rsplit("-", 2)[0]
        default = REALTIME if options.get("realtime") else UNPACED
        speed = options.get("speed")
        return cls(
            execution_id=execution_id,
            namespace=str(claimed.get("namespace", "")),
            source=WorkflowSource(str(name), str(text)),
            config={section: dict(table) for section, table in config.items()},
            speed=float(default if speed is None else speed),
            duration=float(options.get("duration") or 0.0),
            commit=str((claimed.get("source") or {}).get("commit", "")),
            run_number=claimed.get("reserved_run_number"),
        )
