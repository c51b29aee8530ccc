"""Fast processing in the older form, configured by ``[parameters]`` and ``[infrastructure]``.

The DAQ takes one physics period of ``physics_duration_min`` with an STF every
``stf_interval_sec``; what the workers are to do is announced with the run.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from swf_common_lib.config import fast_processing
from workflows.stf_datataking import WorkflowExecutor as DataTaking


class WorkflowExecutor(DataTaking):
    """Data taking that announces how the processing side is to be set up."""

    def __init__(self, config: dict[str, Any], runner: Any, execution_id: str) -> None:
        super().__init__(config, runner, execution_id)
        self.processing = fast_processing(config)

    def broadcast(self, msg_type: str, state: str, substate: str, **fields: Any) -> None:
        """Send a message; the one that announces the run carries the processing parameters."""
        if msg_type == "run_imminent" and self.processing is not None:
            fields["fast_processing"] = asdict(self.processing)
        super().broadcast(msg_type, state, substate, **fields)
